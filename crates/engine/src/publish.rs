//! Publishing: check, match, accept in one commit.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use posthouse_store::{Accept, Acceptance, AcceptedEvent, Idempotency, NewDelivery, NewEvent};
use posthouse_types::limits::{
    BATCH_EVENTS_MAX, DELIVERIES_PER_PUBLISH_MAX, IDEMPOTENCY_WINDOW, PAYLOAD_BYTES_MAX,
};
use posthouse_types::{
    Capability, DeliveryId, Event, EventId, EventType, ExternalId, IdempotencyKey, Ordering, OrderingKey,
    ProjectId, SessionId, Timestamp,
};
use serde_json::Value;

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::target::Target;

/// An event to publish.
#[derive(Debug, Clone)]
pub struct Publish {
    /// What kind of thing happened.
    pub event_type: EventType,
    /// JSON, delivered byte for byte.
    pub payload: Bytes,
    /// The session it belongs to; registered with it when it is not known yet.
    pub session: Option<SessionId>,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// What orders it among others.
    pub ordering_key: Option<OrderingKey>,
    /// When the publisher says it happened.
    pub occurred_at: Option<Timestamp>,
    /// The publisher's own id.
    pub external_id: Option<ExternalId>,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The events, in the order given.
    pub events: Vec<AcceptedEvent>,
    /// This is the answer to an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// The caller's idempotency key with a digest of what it sent.
pub type Repeatable = (IdempotencyKey, [u8; 32]);

impl Engine {
    /// Accepts events: durable and queued for every matching endpoint when this returns. All or none.
    /// `at(i)` tells where in the request event `i` stands, for errors.
    pub async fn publish(
        &self,
        caller: &Caller,
        events: Vec<Publish>,
        repeatable: Option<Repeatable>,
        at: impl Fn(usize) -> Cow<'static, str> + Send + Sync,
    ) -> Result<Published> {
        caller.need(Capability::Publish)?;
        if events.is_empty() || events.len() > BATCH_EVENTS_MAX {
            return Err(Error::field("body.events", format!("must have 1 to {BATCH_EVENTS_MAX} entries")));
        }
        let prepared = self.prepare_all(caller, events, &at).await;
        let idempotency = repeatable.map(|(key, fingerprint)| (key, caller.project, fingerprint));
        let (accepted, new_events) = match (prepared, &idempotency) {
            (Ok(prepared), _) => prepared,
            // What was accepted once is answered the same, even if it would not be accepted any more.
            (Err(error), Some((key, project, fingerprint))) => {
                return match self.store.answered(caller.space, *project, key).await? {
                    Some((same, events)) if same == *fingerprint => Ok(Published { events, replayed: true }),
                    _ => Err(error),
                };
            }
            (Err(error), None) => return Err(error),
        };
        let idempotency = idempotency.map(|(key, project, fingerprint)| Idempotency {
            key,
            project,
            fingerprint,
            expires_at: self.clock.now().plus(IDEMPOTENCY_WINDOW),
        });
        let accept = Accept { space: caller.space, events: new_events, changes: Vec::new(), idempotency };
        match self.store.accept(accept).await? {
            Acceptance::New => Ok(Published { events: accepted, replayed: false }),
            Acceptance::Replayed(events) => Ok(Published { events, replayed: true }),
            Acceptance::KeyReused => Err(key_reused()),
            Acceptance::Stale => {
                Err(Error::new(ErrorKind::Internal, "events without changes were called stale"))
            }
            Acceptance::DuplicateId(index) => Err(Error::new(
                ErrorKind::Conflict { location: Some(format!("{}.id", at(index)).into()) },
                "an event with this id exists already",
            )),
            Acceptance::SessionOfAnotherProject(index) => {
                let location = format!("{}.session_id", at(index));
                Err(Error::field(location, "must be a session of the event's project, or of none"))
            }
        }
    }

    /// Checks and matches events.
    async fn prepare_all(
        &self,
        caller: &Caller,
        events: Vec<Publish>,
        at: &(impl Fn(usize) -> Cow<'static, str> + Send + Sync),
    ) -> Result<(Vec<AcceptedEvent>, Vec<NewEvent>)> {
        let now = self.clock.now();
        let mut accepted = Vec::with_capacity(events.len());
        let mut deliveries = 0;
        let mut new_events = Vec::with_capacity(events.len());
        let mut checked_project = None;
        for (index, publish) in events.into_iter().enumerate() {
            if publish.project.is_some() && publish.project != checked_project {
                self.check_project(caller, publish.project, &at(index)).await?;
                checked_project = publish.project;
            }
            let new = self.prepare(caller, publish, now, &at(index))?;
            deliveries += new.deliveries.len();
            if deliveries > DELIVERIES_PER_PUBLISH_MAX {
                let limit = DELIVERIES_PER_PUBLISH_MAX;
                return Err(Error::field(
                    "body.events",
                    format!("would make more than {limit} deliveries at once"),
                ));
            }
            accepted.push(AcceptedEvent::of(&new));
            new_events.push(new);
        }
        Ok((accepted, new_events))
    }

    async fn check_project(&self, caller: &Caller, project: Option<ProjectId>, at: &str) -> Result<()> {
        let location = format!("{at}.project_id");
        if let Some(project) = caller.project_for(project, &location)?
            && self.store.project(caller.space, project).await?.is_none()
        {
            return Err(Error::field(location, format!("there is no project {project}")));
        }
        Ok(())
    }

    fn prepare(&self, caller: &Caller, publish: Publish, now: Timestamp, at: &str) -> Result<NewEvent> {
        if publish.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::field(
                format!("{at}.payload"),
                format!("must be at most {PAYLOAD_BYTES_MAX} bytes"),
            ));
        }
        let project = publish.project.or(caller.project);
        let event = Event {
            id: EventId::from_u128(self.ids.next_at(now)),
            external_id: publish.external_id,
            space: caller.space,
            project,
            session: publish.session,
            event_type: publish.event_type,
            payload: publish.payload,
            ordering_key: publish.ordering_key,
            occurred_at: publish.occurred_at,
            created_at: now,
        };
        let mut parsed = Parsed::new(event.payload.clone());
        if let Some(schema) = self.catalogue.schema(caller.space, &event.event_type) {
            check_schema(&schema, parsed.value(at)?, at)?;
        }
        self.matched(event, &mut parsed, at)
    }

    /// An event with a delivery for each endpoint that it matches.
    pub(crate) fn matched(&self, event: Event, parsed: &mut Parsed, at: &str) -> Result<NewEvent> {
        let now = event.created_at;
        let mut deliveries = Vec::new();
        for target in self.registry.matching(&event) {
            if let Some(filter) = &target.endpoint.settings.filter
                && !filter.matches(parsed.value(at)?)
            {
                continue;
            }
            deliveries.push(NewDelivery {
                id: DeliveryId::from_u128(self.ids.next_at(now)),
                endpoint: target.endpoint.id,
                order_key: order_key(&target, &event),
            });
        }
        Ok(NewEvent { event: Arc::new(event), deliveries })
    }
}

/// The idempotency key stands for another request.
pub(crate) fn key_reused() -> Error {
    Error::new(
        ErrorKind::IdempotencyKeyReused,
        "the idempotency key was used with another request less than 24 hours ago",
    )
}

/// A payload as a value, parsed when something first asks for it: most events are never parsed here.
pub(crate) struct Parsed {
    payload: Bytes,
    value: Option<Value>,
}

impl Parsed {
    pub(crate) fn new(payload: Bytes) -> Self {
        Self { payload, value: None }
    }

    /// Fails for the little that is JSON and yet no value: numbers beyond a float's range, lone surrogates.
    fn value(&mut self, at: &str) -> Result<&Value> {
        if self.value.is_none() {
            let value = serde_json::from_slice(&self.payload).map_err(|error| {
                let message = format!("can not be checked against a schema or filter: {error}");
                Error::field(format!("{at}.payload"), message)
            })?;
            self.value = Some(value);
        }
        Ok(self.value.get_or_insert(Value::Null))
    }
}

fn order_key(target: &Target, event: &Event) -> Option<Arc<str>> {
    match target.endpoint.settings.ordering {
        Ordering::None => None,
        Ordering::Endpoint => Some(Arc::from("*")),
        Ordering::Session => {
            let session = event.session.as_ref().map_or("", SessionId::as_str);
            let key = event.ordering_key.as_ref().map_or("", OrderingKey::as_str);
            // A session id holds no space, so two pairs never run together.
            (!session.is_empty() || !key.is_empty()).then(|| Arc::from(format!("{session} {key}")))
        }
    }
}

fn check_schema(schema: &jsonschema::Validator, payload: &Value, at: &str) -> Result<()> {
    // The first violation only: finding them all can cost as much as the payload is long, for each rule.
    schema.validate(payload).map_err(|error| {
        let path = error.instance_path().to_string().replace('/', ".");
        Error::field(format!("{at}.payload{path}"), error.masked())
    })
}
