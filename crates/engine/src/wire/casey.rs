//! tellcasey: an envelope with `event_type`, `event_id`, `timestamp` (ISO 8601), `organization_id` (UUID) and
//! `data` (its webhook events page); signed as Standard Webhooks say, with Svix's names for the
//! headers beside the standard ones (ours: nothing is published). The message id is another one
//! than the event's.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use posthouse_sign::standard::{StandardKey, signature_header};
use posthouse_types::{Event, EventId, Timestamp};

use super::ascii;
use super::envelope::Envelope;
use crate::signing::Ring;

/// Name by Standard Webhooks, name by Svix.
const ID: [HeaderName; 2] = [HeaderName::from_static("webhook-id"), HeaderName::from_static("svix-id")];
const TIMESTAMP: [HeaderName; 2] =
    [HeaderName::from_static("webhook-timestamp"), HeaderName::from_static("svix-timestamp")];
const SIGNATURE: [HeaderName; 2] =
    [HeaderName::from_static("webhook-signature"), HeaderName::from_static("svix-signature")];

const MESSAGE_PREFIX: &str = "msg_";
/// As many as a KSUID has, which is what Svix's message ids are.
const MESSAGE_DIGITS: usize = 27;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id under which an event is sent, to all endpoints and on every attempt: `msg_` and 27 base62 digits, made
/// from the event's id, so that the two sort alike.
pub fn message_id(event: EventId) -> String {
    let mut digits = [BASE62[0]; MESSAGE_DIGITS];
    let mut rest = event.as_u128();
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(rest % 62).expect("less than 62")];
        rest /= 62;
    }
    digits.iter().fold(MESSAGE_PREFIX.to_owned(), |mut id, digit| {
        id.push(char::from(*digit));
        id
    })
}

pub(super) fn body(event: &Event) -> Bytes {
    Envelope::around(&event.payload)
        .text("event_type", event.event_type.as_str())
        .text("event_id", &event.public_id().to_string())
        .text("timestamp", &event.happened_at().to_string())
        .text("organization_id", &event.space.tenant.as_uuid().to_string())
        .raw("data", &event.payload)
        .finish()
}

pub(super) fn headers(
    keys: &Ring<StandardKey>,
    event: &Event,
    body: &[u8],
    now: Timestamp,
    headers: &mut HeaderMap,
) {
    let id = message_id(event.id);
    let signature = signature_header(&keys.at(now), &id, now.as_seconds(), body);
    let values = [ascii(id), HeaderValue::from(now.as_seconds()), ascii(signature)];
    for (names, value) in [ID, TIMESTAMP, SIGNATURE].into_iter().zip(values) {
        for name in names {
            headers.insert(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_of_one_length_and_sort_as_events_do() {
        let ids = [0, 61, 62, u128::MAX].map(|bits| message_id(EventId::from_u128(bits)));
        assert_eq!(ids[0], "msg_000000000000000000000000000");
        assert_eq!(ids[2], "msg_000000000000000000000000010");
        assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 31));
    }
}
