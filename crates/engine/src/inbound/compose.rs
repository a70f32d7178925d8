//! What an agent is told of a delivery.

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::{Incoming, Summary, find};
use posthouse_types::limits::MESSAGE_BYTES_MAX;
use posthouse_types::{InboundDelivery, Timestamp};
use serde_json::Value;

use super::template;
use crate::sources::Configured;

const PAYLOAD_TOOL_LINE: &str = "Full payload available via webhook_get_full_payload tool.";

/// A delivery as an agent is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What happened, in one line.
    pub(crate) headline: String,
    /// The message.
    pub(crate) message: String,
}

/// Writes the message: what arrived where, then the profile's summary. Source of the form: Moltis.
pub(crate) fn tell(configured: &Configured, delivery: &InboundDelivery, body: &[u8]) -> Told {
    let Summary { headline, text } = summary(configured, delivery, body);
    let settings = &configured.source;
    if let Some(template) = &settings.prompt_template {
        let payload = payload_of(delivery, body);
        return Told { headline, message: cut(template::render(template, &payload)) };
    }
    let mut message = String::from("Webhook delivery received.\n\n");
    let mut line = |name: &str, value: &str| {
        message.extend([name, ": ", value, "\n"]);
    };
    line("Webhook", &format!("{} ({})", settings.name, configured.public_id));
    line("Source", &settings.profile);
    if let Some(event_type) = &delivery.event_type {
        line("Event", event_type);
    }
    if let Some(key) = &delivery.dedup_key {
        line("Delivery", key);
    }
    line("Received", &seconds(delivery.received_at));
    message.push_str("\n---\n\n");
    message.push_str(text.trim_end());
    if !text.contains(PAYLOAD_TOOL_LINE) {
        message.push_str("\n\n---\n\n");
        message.push_str(PAYLOAD_TOOL_LINE);
    }
    Told { headline, message: cut(message) }
}

/// What the provider said, without the form it may have been put into; null when it is no JSON.
pub(crate) fn payload_of(delivery: &InboundDelivery, body: &[u8]) -> Value {
    let headers = headers_of(delivery);
    let incoming = Incoming { headers: &headers, body, event_header: None };
    incoming.payload().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

/// The headers that were kept of a delivery.
fn headers_of(delivery: &InboundDelivery) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(delivery.headers.len());
    for (name, value) in &delivery.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn summary(configured: &Configured, delivery: &InboundDelivery, body: &[u8]) -> Summary {
    let headers = headers_of(delivery);
    let event_header = configured.source.event_header.as_deref();
    let incoming = Incoming { headers: &headers, body, event_header };
    let event_type = delivery.event_type.as_deref();
    match find(&configured.source.profile) {
        Some(profile) => (profile.summarise)(&incoming, event_type),
        // Its profile was taken out of a later version: what is known is told.
        None => Summary {
            headline: event_type.unwrap_or("event").to_owned(),
            text: String::from_utf8_lossy(body).into_owned(),
        },
    }
}

/// RFC 3339 without fractions.
fn seconds(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// Cut at a character so that it fits a message.
pub(crate) fn cut(mut text: String) -> String {
    const CUT: &str = "\n[cut]";
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}
