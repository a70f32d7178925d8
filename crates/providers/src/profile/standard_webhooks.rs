//! Anyone who sends Standard Webhooks. Source: the Standard Webhooks specification, “Payload structure” and “Webhook
//! headers”.

use posthouse_types::AuthMode;

use super::Profile;
use crate::auth::standard_names;
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::Json;
use crate::lines::{Lines, headline};
use crate::pretty::pretty;

/// Bytes shown of the event's data.
const DATA_BYTES_MAX: usize = 8 * 1024;

pub(super) static PROFILE: Profile = Profile {
    name: "standard_webhooks",
    display_name: "Standard Webhooks",
    auth: AuthMode::StandardWebhooks,
    // Each sender has types of its own.
    catalogue: &[],
    setup_guide: "\
1. At the sender, add a webhook endpoint with the URL of this source.
2. Choose the events that you want.
3. Copy the signing secret, `whsec_…`, into this source.

This fits whoever follows the Standard Webhooks specification or uses Svix: OpenAI, Clerk, Resend, Replicate and others.
",
    tools: &[],
    read,
    summarise,
    challenge: None,
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let kind = Json::new(&payload).at("type").text();
    let id = incoming.header(standard_names(incoming.headers).id);
    Reading {
        event_type: kind.and_then(|kind| event_type(&kind, None)),
        delivery_key: id.and_then(DeliveryKey::given),
        ..Reading::default()
    }
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let event_type = event_type.unwrap_or("unknown");
    let [time, data] = Json::new(&payload).pick(["timestamp", "data"]);

    let mut lines = Lines::new(&format!("Event: {event_type}"));
    lines.fact("Id", incoming.header(standard_names(incoming.headers).id));
    lines.fact("Timestamp", time.line().or_else(|| time.id()));
    lines.block("Data", data.raw().map(|raw| pretty(raw, DATA_BYTES_MAX)).as_deref(), DATA_BYTES_MAX);
    lines.finish(&headline(event_type, None, None, None))
}
