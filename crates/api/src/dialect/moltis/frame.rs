//! What travels over the WebSocket: JSON texts of three types. Source: Moltis, `crates/protocol`, version 4.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::Failure;

/// The version of the protocol.
pub(super) const PROTOCOL: u32 = 4;
/// The longest frame that is read, bytes. Source: Moltis.
pub(super) const FRAME_BYTES_MAX: usize = 524_288;
/// The longest message that is received at all, bytes: what is longer than a frame may be is answered so up to here,
/// and ends the connection beyond.
pub(super) const MESSAGE_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;
/// What a client is told may wait for it, bytes. Source: Moltis.
pub(super) const BUFFERED_BYTES_MAX: usize = 1_572_864;

/// The events that this server sends.
pub(super) const EVENTS: [&str; 2] = ["error", "tick"];

/// A frame of a client's.
pub(super) enum Incoming {
    /// A request.
    Request(Request),
    /// An answer or an event: nothing was asked.
    Other,
}

/// A request.
pub(super) struct Request {
    /// The answer has the same.
    pub(super) id: String,
    /// What is wanted.
    pub(super) method: String,
    /// With what.
    pub(super) params: Option<Value>,
}

#[derive(Deserialize)]
struct Read {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    method: Option<String>,
    params: Option<Value>,
}

/// Reads a frame; `None` when it is none.
pub(super) fn read(text: &str) -> Option<Incoming> {
    let Read { kind, id, method, params } = serde_json::from_str(text).ok()?;
    match kind.as_str() {
        "req" => Some(Incoming::Request(Request { id: id?, method: method?, params })),
        "res" | "event" => Some(Incoming::Other),
        _ => None,
    }
}

#[derive(Serialize)]
struct Response<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

/// The answer to a request.
pub(super) fn response(id: &str, result: &Result<Box<RawValue>, Failure>) -> String {
    text(&Response {
        kind: "res",
        id,
        ok: result.is_ok(),
        payload: result.as_ref().ok().map(|payload| &**payload),
        error: result.as_ref().err(),
    })
}

#[derive(Serialize)]
struct Event<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "event")]
    name: &'static str,
    payload: &'a T,
    seq: u64,
}

/// Something that the server tells without being asked; `seq` counts such frames of a connection.
pub(super) fn event<T: Serialize>(name: &'static str, payload: &T, seq: u64) -> String {
    text(&Event { kind: "event", name, payload, seq })
}

/// As JSON.
pub(super) fn payload<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect(HAS_A_FORM)
}

const HAS_A_FORM: &str = "texts, numbers and lists of them have a JSON form";

fn text<T: Serialize>(frame: &T) -> String {
    serde_json::to_string(frame).expect(HAS_A_FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_or_not() {
        let request = r#"{"type": "req", "id": "1", "method": "webhooks.list", "channel": "x", "more": 1}"#;
        assert!(matches!(read(request), Some(Incoming::Request(Request { params: None, .. }))));
        assert!(matches!(read(r#"{"type": "res", "id": "1", "ok": true}"#), Some(Incoming::Other)));
        assert!(matches!(read(r#"{"type": "event", "event": "x"}"#), Some(Incoming::Other)));
        for bad in [
            "",
            "null",
            "[]",
            "{",
            r#"{"type": "req", "id": 1, "method": "x"}"#,
            r#"{"type": "req", "method": "x"}"#,
            r#"{"type": "req", "id": "1"}"#,
            r#"{"id": "1", "method": "x"}"#,
            r#"{"type": "ask", "id": "1", "method": "x"}"#,
            &format!(r#"{{"type": "req", "id": "1", "method": "x", "params": {}}}"#, "[".repeat(10_000)),
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
