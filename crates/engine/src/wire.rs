//! Wire formats of deliveries: from an event and an endpoint to the request that is sent.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use posthouse_egress::SendRequest;
use posthouse_sign::standard::{StandardKey, signature_header};
use posthouse_types::{Event, Timestamp, Wire};

use crate::target::Target;

const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Posthouse/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The request that delivers `event` to `target` now. The body is the same on every attempt; timestamp and
/// signature are fresh.
pub(crate) fn request(target: &Target, event: &Event, now: Timestamp) -> SendRequest {
    let mut request = SendRequest::post(target.uri.clone(), event.payload.clone());
    request.timeout = target.timeout;
    request.headers = match target.endpoint.settings.wire {
        Wire::Standard => standard(target, event, now),
    };
    for (name, value) in &target.headers {
        request.headers.insert(name.clone(), value.clone());
    }
    request
}

/// Standard Webhooks: `webhook-id`, `webhook-timestamp` (seconds), `webhook-signature` (one signature for each
/// secret that is valid now, separated by spaces). Source: the standard-webhooks specification.
fn standard(target: &Target, event: &Event, now: Timestamp) -> HeaderMap {
    let id = event.public_id().to_string();
    let seconds = now.as_seconds();
    let keys: Vec<&StandardKey> = target.keys_at(now).collect();
    let signature = signature_header(&keys, &id, seconds, &event.payload);
    let ascii = |text: String| HeaderValue::try_from(text).expect("ids and signatures are visible ASCII");
    let mut headers = HeaderMap::with_capacity(8 + target.headers.len());
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(USER_AGENT, OUR_USER_AGENT);
    headers.insert(WEBHOOK_ID, ascii(id));
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(seconds));
    headers.insert(WEBHOOK_SIGNATURE, ascii(signature));
    headers
}
