//! WhatsApp Gateway: an envelope with `schema`, `id`, `event`, `session`, `organization`, `timestamp` (epoch
//! milliseconds) and `payload`, the same as on its realtime WebSocket; `X-Webhook-Request-Id`,
//! `X-Webhook-Timestamp` and, with a secret, `X-Webhook-Hmac`. Sources: its "Create a webhook" page for the
//! headers, its guide "event shape" for the envelope.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use posthouse_sign::whatsapp::{WHATSAPP_ALGORITHM, WhatsappKey, signature};
use posthouse_types::{Event, SessionId, TenantId, Timestamp};

use super::ascii;
use super::envelope::Envelope;
use crate::signing::Ring;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-webhook-request-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-webhook-timestamp");
const HMAC: HeaderName = HeaderName::from_static("x-webhook-hmac");
const HMAC_ALGORITHM: HeaderName = HeaderName::from_static("x-webhook-hmac-algorithm");

const SCHEMA: &str = "v1";

/// What WhatsApp Gateway writes before the ULID of an organization.
pub(crate) const ORGANIZATION_PREFIX: &str = "org_";

/// A tenant's id as WhatsApp Gateway writes it: `org_` and a ULID.
pub fn organization_id(tenant: TenantId) -> String {
    tenant.to_string().replacen(TenantId::PREFIX, ORGANIZATION_PREFIX, 1)
}

pub(super) fn body(event: &Event) -> Bytes {
    Envelope::around(&event.payload)
        .text("schema", SCHEMA)
        .text("id", &event.public_id().to_string())
        .text("event", event.event_type.as_str())
        .text_or_null("session", event.session.as_ref().map(SessionId::as_str))
        .text("organization", &organization_id(event.space.tenant))
        .number("timestamp", event.happened_at().as_millis())
        .raw("payload", &event.payload)
        .finish()
}

pub(super) fn headers(
    keys: &Ring<WhatsappKey>,
    event: &Event,
    body: &[u8],
    now: Timestamp,
    headers: &mut HeaderMap,
) {
    headers.insert(REQUEST_ID, ascii(event.public_id().to_string()));
    headers.insert(TIMESTAMP, HeaderValue::from(now.as_millis()));
    // The header has room for one signature: the newest secret's.
    if let Some(key) = keys.at(now).first() {
        headers.insert(HMAC, ascii(signature(key, body)));
        headers.insert(HMAC_ALGORITHM, HeaderValue::from_static(WHATSAPP_ALGORITHM));
    }
}
