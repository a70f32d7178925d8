//! Anything that can POST something, JSON as a rule. Source: Moltis.

use posthouse_types::AuthMode;

use super::Profile;
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::Json;
use crate::lines::{Lines, excerpt, grouped, headline};
use crate::pretty::pretty;

/// Bytes shown of a payload.
const PAYLOAD_BYTES_MAX: usize = 8192;

/// Where the type stands, unless the owner of the source says so.
const TYPE_HEADERS: [&str; 3] = ["x-event-type", "x-webhook-event", "event-type"];

/// Where the delivery's key stands.
const KEY_HEADERS: [&str; 4] = ["x-delivery-id", "x-request-id", "x-webhook-id", "idempotency-key"];

pub(super) static PROFILE: Profile = Profile {
    name: "generic",
    display_name: "Generic",
    auth: AuthMode::StaticHeader,
    catalogue: &[],
    setup_guide: SETUP_GUIDE,
    tools: &[],
    read,
    summarise,
    challenge: None,
};

const SETUP_GUIDE: &str = "\
Works with any service that can POST JSON to a URL.

1. Let the service POST to the URL of this source.
2. Let it send the secret in the header of your choice, or as a bearer token.
3. If it tells the type of an event in a header, name that header, or use `X-Event-Type`, `X-Webhook-Event` or
   `Event-Type`.
4. If it can, let it send an id with each delivery: `X-Delivery-Id`, `X-Request-Id`, `X-Webhook-Id` or
   `Idempotency-Key`. A second delivery with the same id is not taken on. Without one, an equal body of the same
   type counts as a repeat for a while.
";

fn read(incoming: &Incoming<'_>) -> Reading {
    let kind = incoming
        .event_header
        .into_iter()
        .chain(TYPE_HEADERS)
        .find_map(|name| incoming.header(name))
        .and_then(|name| event_type(name, None));
    let key = KEY_HEADERS.into_iter().find_map(|name| incoming.header(name)).and_then(DeliveryKey::given);
    let by_body = || DeliveryKey::of_typed_body(kind.as_deref(), incoming.body);
    Reading { delivery_key: Some(key.unwrap_or_else(by_body)), event_type: kind, ..Reading::default() }
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let mut lines = Lines::new(&match event_type {
        Some(event_type) => format!("Event type: {event_type}"),
        None => "Event of unknown type".to_owned(),
    });
    lines.gap();
    let size = i64::try_from(incoming.body.len()).map(grouped).unwrap_or_default();
    let payload = incoming.payload();
    let what = match payload.as_deref() {
        Some(text) if text.trim().is_empty() => {
            lines.line("The payload is empty.");
            "no payload".to_owned()
        }
        Some(text) if Json::new(text).is_valid() => {
            block(&mut lines, "Payload", &pretty(text, PAYLOAD_BYTES_MAX), &size);
            title(Json::new(text)).unwrap_or_else(|| format!("JSON, {size} bytes"))
        }
        // Zero bytes are good UTF-8, but no text has them.
        Some(text) if !text.contains('\0') => {
            block(&mut lines, "Payload (not JSON)", text, &size);
            format!("text, {size} bytes")
        }
        _ => {
            lines.line(&format!("The payload is not text: {size} bytes."));
            format!("binary, {size} bytes")
        }
    };
    lines.finish(&headline(event_type.unwrap_or("event"), None, Some(&what), None))
}

fn block(lines: &mut Lines, name: &str, text: &str, size: &str) {
    lines.block(name, Some(text), PAYLOAD_BYTES_MAX);
    if text.trim().len() > PAYLOAD_BYTES_MAX {
        lines.line(&format!("(cut: the whole payload has {size} bytes)"));
    }
}

/// What many services call that which says in a few words what happened.
fn title(payload: Json<'_>) -> Option<String> {
    let named = payload.pick(["title", "summary", "subject", "message", "text", "name"]);
    named.into_iter().find_map(Json::line).map(|title| excerpt(&title, 256))
}
