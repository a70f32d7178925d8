//! Between what is on the wire and what the engine speaks. Pure.

use posthouse_engine::{CreateEndpoint, EndpointDetail, Error, NewSecret};
use posthouse_types::{EndpointUrl, EventPattern, Headers, SecretText, SessionId, Settings, Wire};

use super::wire;
use crate::http::Fields;

/// What can be subscribed to. Source: "Event Types".
const EVENTS: [&str; 3] = ["proactive_action", "emotional_overflow", "stage_transition"];

pub(super) fn register(session: SessionId, request: wire::Register) -> Result<CreateEndpoint, Error> {
    let mut fields = Fields::default();
    let url = fields.read(&request.url, EndpointUrl::parse, || "body.url".to_owned());
    let events = fields.event_types(&request.events, &EVENTS, "body.events");
    let (url, events) = fields.finish_with(url.zip(events))?;
    let mut settings = Settings::new(url, Wire::Molroo);
    settings.events = events;
    Ok(CreateEndpoint {
        settings,
        project: None,
        session: Some(session),
        secret: NewSecret::Given(SecretText::new(request.secret)),
        headers: Headers::default(),
    })
}

pub(super) fn webhook_out(detail: EndpointDetail) -> wire::Webhook {
    let endpoint = detail.endpoint;
    wire::Webhook {
        id: endpoint.id.to_string(),
        url: endpoint.settings.url.as_str().to_owned(),
        events: endpoint.settings.events.patterns().iter().map(EventPattern::to_string).collect(),
        created_at: endpoint.created_at.to_string(),
    }
}
