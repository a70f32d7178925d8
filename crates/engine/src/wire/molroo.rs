//! Molroo: an envelope with `id` (the same on every attempt), `event`, `session_id`, `timestamp` (ISO 8601) and
//! `data`, and `X-Molroo-Signature`. The header is that of Molroo's SDK. The envelope is our
//! reading: the page that would show it breaks off where it begins.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use posthouse_sign::molroo::{MolrooKey, signature_header};
use posthouse_types::{Event, SessionId, Timestamp};

use super::ascii;
use super::envelope::Envelope;
use crate::signing::Ring;

const SIGNATURE: HeaderName = HeaderName::from_static("x-molroo-signature");

pub(super) fn body(event: &Event) -> Bytes {
    Envelope::around(&event.payload)
        .text("id", &event.public_id().to_string())
        .text("event", event.event_type.as_str())
        .text_or_null("session_id", event.session.as_ref().map(SessionId::as_str))
        .text("timestamp", &event.happened_at().to_string())
        .raw("data", &event.payload)
        .finish()
}

pub(super) fn headers(keys: &Ring<MolrooKey>, body: &[u8], now: Timestamp, headers: &mut HeaderMap) {
    headers.insert(SIGNATURE, ascii(signature_header(&keys.at(now), now.as_seconds(), body)));
}
