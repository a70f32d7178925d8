//! Standard Webhooks: the body is the payload as published; `webhook-id`, `webhook-timestamp` (seconds) and
//! `webhook-signature` (one signature for each secret that is valid now, separated by spaces). Source: the
//! standard-webhooks specification.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use posthouse_sign::standard::{StandardKey, signature_header};
use posthouse_types::{Event, Timestamp};

use super::ascii;
use crate::signing::Ring;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

pub(super) fn headers(
    keys: &Ring<StandardKey>,
    event: &Event,
    body: &[u8],
    now: Timestamp,
    headers: &mut HeaderMap,
) {
    let id = event.public_id().to_string();
    let signature = signature_header(&keys.at(now), &id, now.as_seconds(), body);
    headers.insert(WEBHOOK_ID, ascii(id));
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now.as_seconds()));
    headers.insert(WEBHOOK_SIGNATURE, ascii(signature));
}
