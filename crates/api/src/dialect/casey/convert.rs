//! Between what is on the wire and what the engine speaks. Pure.

use bytes::Bytes;
use posthouse_engine::{CreateEndpoint, EndpointDetail, EndpointQuery, Error, NewSecret, message_id};
use posthouse_types::{
    EndpointUrl, Event, EventFilter, EventPattern, EventType, Headers, SecretText, Settings, Wire,
};

use super::wire::{self, Subscription};
use crate::http::Fields;

/// The endpoints that this dialect knows.
pub(super) fn ours() -> EndpointQuery {
    EndpointQuery::of(Wire::Casey)
}

pub(super) fn create(request: wire::CreateWebhook) -> Result<CreateEndpoint, Error> {
    let mut fields = Fields::default();
    let url = fields.read(&request.url, EndpointUrl::parse, || "body.url".to_owned());
    let wanted = request.event_types.unwrap_or_else(|| vec![Subscription::Completed]);
    let patterns = wanted.into_iter().map(|one| EventPattern::Exact(event_type(one.as_str())));
    let events = EventFilter::new(patterns).map_err(|_| "must have at least one entry, or be absent");
    let events = fields.take(events, || "body.event_types".to_owned());
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
