//! The outbound half: an endpoint, an event, its delivery.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthouse_engine::{Caller, CreateEndpoint, EndpointDetail, Engine, NewSecret, Publish, UpdateEndpoint};
use posthouse_types::limits::PAGE_ITEMS_MAX;
use posthouse_types::{
    Delivery, DeliveryState, EndpointId, EndpointUrl, EventRef, EventType, Headers, PageRequest, Settings,
    Wire,
};
use serde_json::json;

use super::PATIENCE;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::output::say;

/// Marks the inbox's endpoint, so that the next start finds it again.
const INBOX_MARK: &str = "posthouse-dev-inbox";

/// The inbox's endpoint: the one of an earlier start at its present address, or a new one.
pub(super) async fn inbox_endpoint(
    engine: &Arc<Engine>,
    caller: &Caller,
    url: &str,
) -> posthouse_engine::Result<EndpointId> {
    let url = EndpointUrl::parse(&format!("{url}/dev/inbox")).expect("a socket address makes a URL");
    let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
    loop {
        let found = engine.endpoints(caller, page.clone()).await?;
        let marked = |detail: &&EndpointDetail| detail.endpoint.settings.metadata.contains_key(INBOX_MARK);
        if let Some(detail) = found.items.iter().find(marked) {
            let here = |settings: &mut Settings| {
                settings.url = url.clone();
                settings.enabled = true;
            };
            return Ok(engine
                .update_endpoint(caller, detail.endpoint.id, UpdateEndpoint::settings(&here))
                .await?
                .endpoint
                .id);
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let mut settings = Settings::new(url, Wire::Standard);
    "The built-in inbox of posthouse dev".clone_into(&mut settings.description);
    settings.metadata.insert(INBOX_MARK.to_owned(), json!(true));
    let create = CreateEndpoint {
        settings,
        project: None,
        session: None,
        secret: NewSecret::Make,
        headers: Headers::default(),
    };
    Ok(engine.create_endpoint(caller, create, None).await?.0.endpoint.id)
}

/// Publishes a sample and waits until it has arrived.
pub(super) async fn show_sample(
    engine: &Engine,
    caller: &Caller,
    endpoint: EndpointId,
    inbox: &Inbox,
) -> Result<(), Error> {
    let sample = Publish {
        event_type: EventType::parse("message.created").expect("a constant event type"),
        payload: Bytes::from_static(br#"{"text":"Hello from Posthouse","from":"ada","to":"bob"}"#),
        session: None,
        project: None,
        ordering_key: None,
        occurred_at: None,
        external_id: None,
    };
    let published = engine.publish(caller, vec![sample], None, |_| "body".into()).await?;
    let event = &published.events[0];
    say(&format!(
        "✓ accepted   {} {}, on disk, for {} endpoint(s)",
        event.event_type, event.id, event.deliveries
    ));
    let shown = async {
        let arrival = inbox.arrival(&event.id).await;
        (arrival.wrong, settled(engine, caller, endpoint, &event.id).await)
    };
    let Ok((wrong, delivery)) = tokio::time::timeout(PATIENCE, shown).await else {
        say(&format!(
            "✗ the sample did not arrive within {PATIENCE:?}; see GET /api/v1/events/{}/explain",
            event.id
        ));
        return Ok(());
    };
    let delivery = delivery?;
    let attempts = engine.attempts(caller, delivery.id).await?;
    let Some(last) = attempts.last().map(|detail| &detail.attempt) else { return Ok(()) };
    say(&format!("✓ delivered  {}: {} in {} ms", delivery.id, last.outcome, last.duration_ms));
    match wrong {
        None => say("✓ verified   the inbox checked the signature: valid"),
        Some(wrong) => say(&format!("✗ the inbox checked the signature: {wrong}")),
    }
    Ok(())
}

/// The delivery of an event to the inbox, once its end is on disk.
async fn settled(
    engine: &Engine,
    caller: &Caller,
    endpoint: EndpointId,
    event: &str,
) -> posthouse_engine::Result<Delivery> {
    let event: EventRef = event.parse().expect("an id that the engine made");
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    loop {
        tick.tick().await;
        let query = posthouse_engine::DeliveryQuery {
            event: Some(event.clone()),
            endpoint: Some(endpoint),
            ..Default::default()
        };
        let page = PageRequest { limit: 10, after: None };
        let deliveries = engine.deliveries(caller, query, page).await?.items;
        if let Some(ended) = deliveries.into_iter().find(|delivery| delivery.state != DeliveryState::Pending)
        {
            return Ok(ended);
        }
    }
}
