//! Sonzai: an envelope with `event_id`, `event_type`, `project_id`, `agent_id` (when the payload names one),
//! `created_at` and `data`, and `Sonzai-Signature`. The header is that of Sonzai's Go client;
//! of the envelope only `event_type` and `agent_id` are published, the rest is ours.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use posthouse_sign::sonzai::{SonzaiKey, signature_header};
use posthouse_types::{Event, Timestamp};
use serde::Deserialize;

use super::ascii;
use super::envelope::Envelope;
use crate::signing::Ring;

const SIGNATURE: HeaderName = HeaderName::from_static("sonzai-signature");

/// What the envelope repeats of a payload.
#[derive(Deserialize)]
struct Agent<'a> {
    #[serde(borrow)]
    agent_id: Option<Cow<'a, str>>,
}

pub(super) fn body(event: &Event) -> Bytes {
    // Only an object has members; serde would read an array as one, too.
    let is_object = event.payload.trim_ascii_start().starts_with(b"{");
    let agent: Option<Agent<'_>> = is_object.then(|| serde_json::from_slice(&event.payload).ok()).flatten();
    // Sonzai's tenant is a project too: what belongs to none of ours carries the tenant's own id.
    let project = event.project.map_or_else(|| event.space.tenant.as_uuid().to_string(), |id| id.to_string());
    let mut envelope = Envelope::around(&event.payload)
        .text("event_id", &event.public_id().to_string())
        .text("event_type", event.event_type.as_str())
        .text("project_id", &project);
    if let Some(agent_id) = agent.and_then(|agent| agent.agent_id) {
        envelope = envelope.text("agent_id", &agent_id);
    }
    envelope.text("created_at", &event.happened_at().to_string()).raw("data", &event.payload).finish()
}

pub(super) fn headers(keys: &Ring<SonzaiKey>, body: &[u8], now: Timestamp, headers: &mut HeaderMap) {
    headers.insert(SIGNATURE, ascii(signature_header(&keys.at(now), now.as_seconds(), body)));
}
