//! Looking at what happened: events, deliveries, attempts, why; and sending again.

use std::collections::HashSet;

use bytes::Bytes;
use posthouse_store::{DeliveryFilter, EventFilter, PAGE_BYTES_MAX};
use posthouse_types::limits::PAGE_ITEMS_MAX;
use posthouse_types::{
    Attempt, Capability, Delivery, DeliveryId, Endpoint, EndpointId, Event, EventId, EventRef, EventType,
    Page, PageRequest, Wire,
};
use serde_json::Value;

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};

/// Endpoints that an explanation tells of.
const EXPLAINED_MAX: usize = 5_000;

/// Which deliveries to list.
pub type DeliveryQuery = DeliveryFilter;

/// An attempt with the request body it sent.
#[derive(Debug, Clone)]
pub struct AttemptDetail {
    /// The attempt.
    pub attempt: Attempt,
    /// What was sent: made from the event again.
    pub request_body: Bytes,
}

/// An attempt of one of an endpoint's deliveries.
#[derive(Debug, Clone)]
pub struct EndpointAttempt {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempt.
    pub attempt: Attempt,
    /// What was sent. Left out once those of a page come to [`PAGE_BYTES_MAX`], or when the event is gone.
    pub request_body: Option<Bytes>,
}

/// Why one endpoint got an event, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// In one word.
    pub verdict: Verdict,
    /// In a sentence.
    pub reason: String,
    /// The delivery, when there is one.
    pub delivery: Option<DeliveryId>,
}

/// What became of an event at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was delivered.
    Delivered,
    /// It waits: for an attempt, a retry, its turn, or the endpoint to be switched on.
    Waiting,
    /// Every attempt failed.
    Dead,
    /// The endpoint was deleted before it could be delivered.
    Cancelled,
    /// The endpoint's project or session is another one.
    Scope,
    /// The endpoint does not want this type, or this payload.
    Filter,
    /// The endpoint is switched off.
    Disabled,
    /// The endpoint would get it now, but was registered or changed after the event was accepted.
    Missed,
}

impl Verdict {
    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Scope => "scope",
            Self::Filter => "filter",
            Self::Disabled => "disabled",
            Self::Missed => "missed",
        }
    }
}

impl Engine {
    /// One event.
    pub async fn event(&self, caller: &Caller, event: &EventRef) -> Result<Event> {
        caller.need(Capability::Read)?;
        let found = self.store.event(caller.space, event).await?;
        found.filter(|found| caller.sees(found.project)).ok_or_else(|| Error::not_found("event", event))
    }

    /// Events, newest first. A page may be shorter than asked for and yet have a next one.
    pub async fn events(
        &self,
        caller: &Caller,
        event_type: Option<EventType>,
        page: PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>> {
        caller.need(Capability::Read)?;
        Ok(self.store.events(caller.space, EventFilter { event_type, project: caller.project }, page).await?)
    }

    /// Who got an event, who did not, and why.
    pub async fn explain(&self, caller: &Caller, event: &EventRef) -> Result<(EventRef, Vec<Explained>)> {
        let event = self.event(caller, event).await?;
        let mut explained = Vec::new();
        let mut reached = HashSet::new();
        let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
        loop {
            let filter = DeliveryFilter {
                event: Some(EventRef::Internal(event.id)),
                project: caller.project,
                ..DeliveryFilter::default()
            };
            let found = self.store.deliveries(caller.space, filter, page.clone()).await?;
            reached.extend(found.items.iter().map(|delivery| delivery.endpoint_id));
            explained.extend(found.items.iter().map(|delivery| self.explain_delivery(delivery)));
            page.after = found.next;
            if page.after.is_none() || explained.len() >= EXPLAINED_MAX {
                break;
            }
        }
        let payload: Option<Value> = serde_json::from_slice(&event.payload).ok();
        for target in self.registry.of_space(caller.space) {
            let endpoint = &target.endpoint;
            if explained.len() < EXPLAINED_MAX
                && caller.sees(endpoint.project)
                && !reached.contains(&endpoint.id)
            {
                explained.push(explain_silence(endpoint, &event, payload.as_ref()));
            }
        }
        Ok((event.public_id(), explained))
    }

    /// One delivery.
    pub async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery> {
        caller.need(Capability::Read)?;
        self.visible_delivery(caller, id).await
    }

    /// Deliveries, newest first. A page may be shorter than asked for and yet have a next one.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        query: DeliveryQuery,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<Delivery, DeliveryId>> {
        caller.need(Capability::Read)?;
        let filter = DeliveryFilter { project: caller.project, ..query };
        Ok(self.store.deliveries(caller.space, filter, page).await?)
    }

    /// The attempts of a delivery, first to last.
    pub async fn attempts(&self, caller: &Caller, id: DeliveryId) -> Result<Vec<AttemptDetail>> {
        let delivery = self.delivery(caller, id).await?;
        let event = self.store.event(caller.space, &EventRef::Internal(delivery.event_id)).await?;
        let attempts = self.store.attempts(caller.space, id).await?.unwrap_or_default();
        let mut bodies = Bodies::new(event.as_ref());
        let detail = |attempt: Attempt| {
            let request_body = bodies.of(attempt.wire).unwrap_or_default();
            AttemptDetail { attempt, request_body }
        };
        Ok(attempts.into_iter().map(detail).collect())
    }

    /// The attempts made at an endpoint, whatever the delivery: of the newest delivery first, and of each its newest
    /// attempt first. Passes over `skip` of them after the page's key.
    pub async fn endpoint_attempts(
        &self,
        caller: &Caller,
        id: EndpointId,
        page: PageRequest<(DeliveryId, u16)>,
        skip: usize,
    ) -> Result<Page<EndpointAttempt, (DeliveryId, u16)>> {
        caller.need(Capability::Read)?;
        self.visible_endpoint(caller, id).await?;
        let (mut found, mut after, mut skip) = (Vec::new(), page.after, skip);
        // The store may end a page early; who pages by offset must not notice.
        loop {
            let slice = PageRequest { limit: page.limit - found.len(), after };
            let part = self.store.endpoint_attempts(caller.space, id, slice, skip).await?;
            (after, skip) = (part.next, 0);
            found.extend(part.items);
            if found.len() >= page.limit || after.is_none() {
                break;
            }
        }
        let items = self.with_bodies(caller, found).await?;
        Ok(Page { items, next: after })
    }

    /// Adds to attempts what was sent, as far as a page has room for it. Attempts of one delivery stand together.
    async fn with_bodies(
        &self,
        caller: &Caller,
        found: Vec<posthouse_store::EndpointAttempt>,
    ) -> Result<Vec<EndpointAttempt>> {
        let (mut items, mut room, mut event) = (Vec::with_capacity(found.len()), PAGE_BYTES_MAX, None);
        for posthouse_store::EndpointAttempt { delivery, attempt } in found {
            let known = event.as_ref().is_some_and(|event: &Event| event.id == delivery.event_id);
            if !known && room > 0 {
                event = self.store.event(caller.space, &EventRef::Internal(delivery.event_id)).await?;
            }
            let of_this = event.as_ref().filter(|event| event.id == delivery.event_id);
            let request_body = of_this.map(|event| crate::wire::body(attempt.wire, event));
            let request_body = request_body.filter(|body| body.len() <= room);
            room -= request_body.as_ref().map_or(0, Bytes::len);
            items.push(EndpointAttempt { delivery, attempt, request_body });
        }
        Ok(items)
    }

    /// Sends a delivery again, with a fresh budget of attempts.
    pub async fn replay_delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery> {
        caller.need(Capability::Manage)?;
        let delivery = self.visible_delivery(caller, id).await?;
        if self.registry.get(delivery.endpoint_id).is_none() {
            let detail =
                format!("endpoint {} was deleted: there is no one to deliver to", delivery.endpoint_id);
            return Err(Error::new(ErrorKind::Conflict { location: None }, detail));
        }
        let requeued = self.store.requeue(caller.space, id, self.clock.now()).await?;
        requeued.ok_or_else(|| Error::not_found("delivery", id))
    }

    /// A delivery that the caller may see: of an event and to an endpoint that it may see.
    async fn visible_delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery> {
        let not_found = || Error::not_found("delivery", id);
        let delivery = self.store.delivery(caller.space, id).await?.ok_or_else(not_found)?;
        if caller.project.is_none() {
            return Ok(delivery);
        }
        let event = self.store.event(caller.space, &EventRef::Internal(delivery.event_id)).await?;
        let endpoint = self.registry.get(delivery.endpoint_id);
        let seen = event.is_some_and(|event| caller.sees(event.project))
            && endpoint.is_some_and(|target| caller.sees(target.endpoint.project));
        if seen { Ok(delivery) } else { Err(not_found()) }
    }

    fn explain_delivery(&self, delivery: &Delivery) -> Explained {
        use posthouse_types::DeliveryState::{Cancelled, Dead, Pending, Succeeded};
        let attempts = delivery.attempts;
        let (verdict, reason) = match delivery.state {
            Succeeded => (Verdict::Delivered, format!("delivered at attempt {attempts}")),
            Dead => (Verdict::Dead, format!("gave up after {attempts} attempts")),
            Cancelled => (Verdict::Cancelled, "the endpoint was deleted first".to_owned()),
            Pending => (Verdict::Waiting, self.why_waiting(delivery)),
        };
        Explained { endpoint: delivery.endpoint_id, verdict, reason, delivery: Some(delivery.id) }
    }

    fn why_waiting(&self, delivery: &Delivery) -> String {
        let Some(target) = self.registry.get(delivery.endpoint_id) else {
            return "the endpoint was deleted; about to be cancelled".to_owned();
        };
        let health = self.health_of(delivery.endpoint_id, target.endpoint.health);
        let due = delivery.next_attempt_at.unwrap_or(posthouse_types::Timestamp::NEVER);
        if !target.endpoint.settings.enabled {
            "the endpoint is disabled; it goes out when it is enabled again".to_owned()
        } else if due == posthouse_types::Timestamp::NEVER {
            "waits for an earlier event with the same ordering key".to_owned()
        } else if let Some(until) = health.open_until {
            format!("the endpoint keeps failing: its circuit is open, next probe at {until}")
        } else if due > self.clock.now() {
            format!("waits for attempt {} at {due}", delivery.attempts + 1)
        } else if target.endpoint.settings.rate_limit.is_some() {
            "due; the endpoint's rate limit or earlier deliveries hold it back".to_owned()
        } else {
            "due; waits for a free place or is being sent".to_owned()
        }
    }
}

/// The bodies that an event has on the wire, each made once: all attempts of a format share it.
struct Bodies<'a> {
    event: Option<&'a Event>,
    made: Vec<(Wire, Bytes)>,
}

impl<'a> Bodies<'a> {
    fn new(event: Option<&'a Event>) -> Self {
        Self { event, made: Vec::new() }
    }

    fn of(&mut self, wire: Wire) -> Option<Bytes> {
        if let Some((_, body)) = self.made.iter().find(|(made, _)| *made == wire) {
            return Some(body.clone());
        }
        let body = crate::wire::body(wire, self.event?);
        self.made.push((wire, body.clone()));
        Some(body)
    }
}

/// Why an endpoint has no delivery of an event, by its present settings.
fn explain_silence(endpoint: &Endpoint, event: &Event, payload: Option<&Value>) -> Explained {
    let settings = &endpoint.settings;
    let (verdict, reason) = if endpoint.project.is_some() && endpoint.project != event.project {
        (Verdict::Scope, "the endpoint is of another project".to_owned())
    } else if !endpoint.admits(event) {
        (Verdict::Scope, "the endpoint is of another session".to_owned())
    } else if !settings.events.matches(&event.event_type) {
        (Verdict::Filter, format!("the endpoint does not want events of type {}", event.event_type))
    } else if settings
        .filter
        .as_ref()
        .is_some_and(|filter| payload.is_none_or(|payload| !filter.matches(payload)))
    {
        (Verdict::Filter, "the payload does not satisfy the endpoint's filter".to_owned())
    } else if !settings.enabled {
        (Verdict::Disabled, "the endpoint is disabled".to_owned())
    } else {
        (
            Verdict::Missed,
            "the endpoint was registered, changed or enabled after the event was accepted".to_owned(),
        )
    };
    Explained { endpoint: endpoint.id, verdict, reason, delivery: None }
}
