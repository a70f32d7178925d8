//! Between what is on the wire and what the engine speaks. Pure.

use bytes::Bytes;
use posthouse_engine::{CreateEndpoint, EndpointDetail, EndpointQuery, Error, NewSecret, message_id};
use posthouse_types::{
    EndpointUrl, Event, EventFilter, EventPattern, EventType, Headers, SecretText, Settings, Wire,
};

use super::wire;
use crate::http::Fields;

/// What is subscribed to when nothing is said. Source: the default in tellcasey's API reference.
const COMPLETED: &str = "conversation.completed";
/// What can be subscribed to. Source: tellcasey's API reference, "Webhook events", less `test.event`, which is sent
/// on request only.
const SUBSCRIPTIONS: [&str; 3] = ["conversation.started", COMPLETED, "conversation.abandoned"];

/// The endpoints that this dialect knows.
pub(super) fn ours() -> EndpointQuery {
    EndpointQuery::of(Wire::Casey)
}

pub(super) fn create(request: wire::CreateWebhook) -> Result<CreateEndpoint, Error> {
    let mut fields = Fields::default();
    let url = fields.read(&request.url, EndpointUrl::parse, || "body.url".to_owned());
    let events = match &request.event_types {
        Some(names) => fields.event_types(names, &SUBSCRIPTIONS, "body.event_types"),
        None => Some(EventFilter::only(event_type(COMPLETED))),
    };
    let (url, events) = fields.finish_with(url.zip(events))?;
    let mut settings = Settings::new(url, Wire::Casey);
    settings.events = events;
    settings.description = request.description.unwrap_or_default();
    Ok(CreateEndpoint {
        settings,
        project: None,
        session: None,
        secret: NewSecret::Make,
        headers: Headers::default(),
    })
}

fn event_type(name: &'static str) -> EventType {
    EventType::parse(name).expect("tellcasey's names are event types")
}

/// The test event: type and payload. The type is tellcasey's, the payload ours: its page breaks off before it.
pub(super) fn test_event() -> (EventType, Bytes) {
    (event_type("test.event"), Bytes::from_static(br#"{"message":"This is a test event."}"#))
}

pub(super) fn webhook_out(detail: EndpointDetail) -> wire::Webhook {
    let endpoint = detail.endpoint;
    wire::Webhook {
        id: endpoint.id.to_string(),
        url: endpoint.settings.url.as_str().to_owned(),
        description: endpoint.settings.description,
        event_types: endpoint.settings.events.patterns().iter().map(EventPattern::to_string).collect(),
        enabled: endpoint.settings.enabled,
        created_at: endpoint.created_at.to_string(),
    }
}

pub(super) fn created_out(detail: EndpointDetail, secret: &SecretText) -> wire::CreatedWebhook {
    wire::CreatedWebhook { webhook: webhook_out(detail), secret: secret.expose().to_owned() }
}

pub(super) fn secret_out(secret: &SecretText) -> wire::Secret {
    wire::Secret { secret: secret.expose().to_owned() }
}

pub(super) fn sent_out(event: &Event) -> wire::TestSent {
    wire::TestSent { success: true, message_id: message_id(event.id) }
}
