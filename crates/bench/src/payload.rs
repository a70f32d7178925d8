//! Payloads that carry a number at a fixed place, so that the receiver knows an event after reading 16 bytes.
//! In an envelope it first looks for the payload, which costs it a walk over some 300 bytes more.

use bytes::Bytes;

const BEFORE: &str = r#"{"n":""#;
const DIGITS: usize = 10;
const BETWEEN: &str = r#"","p":""#;
const AFTER: &str = r#""}"#;
/// The member of an envelope that holds the payload.
const MEMBERS: [&str; 2] = [r#","data":"#, r#","payload":"#];
const ENVELOPE_END: &str = r#""}}"#;

/// The shortest payload there is.
pub const BYTES_MIN: usize = BEFORE.len() + DIGITS + BETWEEN.len() + AFTER.len();

/// A JSON object of exactly `bytes` bytes (at least [`BYTES_MIN`]) with the number in it.
pub fn payload(number: usize, bytes: usize) -> String {
    let filling = bytes.saturating_sub(BYTES_MIN);
    format!("{BEFORE}{number:0DIGITS$}{BETWEEN}{:x<filling$}{AFTER}", "")
}

/// The number in a delivered body, which is a payload or an envelope around one; none when it is not one of ours.
pub fn number(body: &[u8]) -> Option<usize> {
    let payload = if body.starts_with(BEFORE.as_bytes()) { body } else { enveloped(body)? };
    let digits = payload.strip_prefix(BEFORE.as_bytes())?.get(..DIGITS)?;
    digits
        .iter()
        .try_fold(0, |sum: usize, digit| digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0')))
}

/// From the payload on to the end of an envelope, whose last member it is. No member before it holds a brace.
fn enveloped(body: &[u8]) -> Option<&[u8]> {
    let begin = body.iter().skip(1).position(|byte| *byte == b'{')? + 1;
    let (before, payload) = body.split_at(begin);
    let named = MEMBERS.iter().any(|member| before.ends_with(member.as_bytes()));
    (named && payload.ends_with(ENVELOPE_END.as_bytes())).then_some(payload)
}

/// The publish request of one event.
pub fn event(kind: &str, payload: &str) -> String {
    format!(r#"{{"type":"{kind}","payload":{payload}}}"#)
}

/// A batch as one JSON object.
pub fn json_batch(events: &[String]) -> Bytes {
    Bytes::from(format!(r#"{{"events":[{}]}}"#, events.join(",")))
}

/// A batch as lines.
pub fn ndjson_batch(events: &[String]) -> Bytes {
    Bytes::from(events.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MIN, event, json_batch, number, payload};

    #[test]
    fn a_payload_is_json_of_its_size_and_gives_its_number_back() {
        for (wanted, bytes) in [(0, BYTES_MIN), (7, 200), (1_999_999, 1_024)] {
            let text = payload(wanted, bytes);
            assert_eq!(text.len(), bytes);
            assert_eq!(number(text.as_bytes()), Some(wanted));
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }

    #[test]
    fn a_strange_body_has_no_number() {
        assert_eq!(number(b"{}"), None);
        assert_eq!(number(br#"{"n":"00000000x0"}"#), None);
    }

    #[test]
    fn a_payload_is_found_in_an_envelope() {
        let around = |member: &str, end: &str| {
            format!(r#"{{"id":"evt_1","{member}":{}{end}"#, payload(12, 64)).into_bytes()
        };
        assert_eq!(number(&around("data", "}")), Some(12));
        assert_eq!(number(&around("payload", "}")), Some(12));
        assert_eq!(number(&around("other", "}")), None, "no member that holds payloads");
        assert_eq!(number(&around("data", "")), None, "cut off");
        assert_eq!(number(br#"{"id":"evt_1","data":[]}"#), None);
    }

    #[test]
    fn a_batch_is_json() {
        let events = [event("a.b", &payload(1, 64)), event("a.b", &payload(2, 64))];
        let batch: serde_json::Value = serde_json::from_slice(&json_batch(&events)).unwrap();
        assert_eq!(batch["events"][1]["payload"]["n"], "0000000002");
    }
}
