//! Events and what became of them: accepting, and reading back.

use std::sync::Arc;

use async_trait::async_trait;
use posthouse_types::{
    Action, ActionId, ActionStatus, Attempt, Delivery, DeliveryId, DeliveryState, EndpointId, Event, EventId,
    EventRef, EventType, IdempotencyKey, InboundId, Message, MessageId, Page, PageRequest, ProjectId, Space,
    Timestamp, Turn, TurnId, Vote,
};
use serde::{Deserialize, Serialize};

use crate::{Result, SessionRecord, TurnEnded};

/// Accepting events and reading back events, deliveries and attempts. Lists are newest first; a cursor need
/// not exist (any more).
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes the events, their deliveries, the changes and the idempotency record durable in one commit; a
    /// session that an event names and that is not registered is registered with it (in the event's project, at
    /// its time, without label and metadata). All or nothing. The idempotency key is looked at before external
    /// ids, these before the sessions of events, and these before changes. An endpoint deleted meanwhile is no
    /// obstacle: [`crate::Maintenance::cancel_orphans`] sees to it.
    async fn accept(&self, accept: Accept) -> Result<Acceptance>;

    /// One event. Our id finds it also when it has an external one.
    async fn event(&self, space: Space, event: &EventRef) -> Result<Option<Event>>;

    /// Events that pass the filter, newest first. A page ends early once its payloads come to
    /// [`PAGE_BYTES_MAX`], or when looking at [`SCAN_ROWS_MAX`] events has not filled it; `next` then says where
    /// to go on, as after a full page.
    async fn events(
        &self,
        space: Space,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>>;

    /// What was answered to the publish that used this idempotency key, with its fingerprint. Past its time it
    /// may or may not be there.
    async fn answered(
        &self,
        space: Space,
        project: Option<ProjectId>,
        key: &IdempotencyKey,
    ) -> Result<Option<([u8; 32], Vec<AcceptedEvent>)>>;

    /// Events in the order of acceptance (oldest first) after the one named, or from the first when that is
    /// [`EventId::MIN`]. What a live stream reads after each wake-up. At least one where there is one; no more
    /// than `limit`, nor than come to [`PAGE_BYTES_MAX`].
    async fn events_after(&self, space: Space, after: EventId, limit: usize) -> Result<Vec<Event>>;

    /// The event accepted last; where a live stream without a starting point begins.
    async fn last_event(&self, space: Space) -> Result<Option<EventId>>;

    /// One delivery.
    async fn delivery(&self, space: Space, id: DeliveryId) -> Result<Option<Delivery>>;

    /// Deliveries that pass the filter, newest first. A page ends early when looking at [`SCAN_ROWS_MAX`]
    /// deliveries has not filled it; `next` then says where to go on.
    async fn deliveries(
        &self,
        space: Space,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<Delivery, DeliveryId>>;

    /// The attempts of a delivery, first to last; `None` when the space has no such delivery.
    async fn attempts(&self, space: Space, id: DeliveryId) -> Result<Option<Vec<Attempt>>>;

    /// The attempts of all deliveries to an endpoint, a deleted one too: newest delivery first, and of each
    /// delivery its newest attempt first. The cursor is a delivery and the number of an attempt of it. `skip`
    /// more attempts are passed over before the page begins, without reading them; skipping all there are gives
    /// an empty page. A page ends early once its response bodies come to [`PAGE_BYTES_MAX`], or when looking at
    /// [`SCAN_ROWS_MAX`] deliveries has not filled it; `next` then says where to go on. Attempts made while a long
    /// skip is under way may shift the page.
    async fn endpoint_attempts(
        &self,
        space: Space,
        endpoint: EndpointId,
        page: PageRequest<(DeliveryId, u16)>,
        skip: usize,
    ) -> Result<Page<EndpointAttempt, (DeliveryId, u16)>>;
}

/// One publish: events with the deliveries that matching decided.
#[derive(Debug, Clone)]
pub struct Accept {
    /// Whose; all events belong to it.
    pub space: Space,
    /// The events, in order; there may be none when there are changes.
    pub events: Vec<NewEvent>,
    /// What else is written, in order: each is checked against what those before it leave.
    pub changes: Vec<Change>,
    /// Remembers the answer for repeats.
    pub idempotency: Option<Idempotency>,
}

/// What else is written in the commit of an accept.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Adds a message to a session: one that is registered, also by a change before this one, or that an event of
    /// the same accept names. The message is of the accept's space, and its id is new.
    Message(Message),
    /// Puts a vote in place of the voter's former one.
    Vote {
        /// The poll, of the accept's space; it may have been added by a change before this one.
        message: MessageId,
        /// What the vote becomes.
        vote: Vote,
        /// What was selected until now, and must still be; `None`: the voter has no vote there yet. A vote that
        /// was taken back is an empty one.
        previous: Option<Vec<String>>,
    },
    /// Registers a session, of the accept's space, unless there is one of its id. An event of the same accept that
    /// names it finds it registered.
    Session(SessionRecord),
    /// Queues work in a session, due at `queued_at`: behind what waits there. Its id is new. When the delivery that it
    /// is about is gone, or the action, the accept is stale.
    Turn(Turn),
    /// A claimed turn begins, at this time: its start and the delivery's run are counted, the delivery is
    /// `processing`, and what is known of its last run is cleared. A turn that is gone (its source or session was
    /// deleted), or is not claimed, makes the whole accept stale.
    TurnStarted(TurnId, Timestamp),
    /// A claimed turn ends: its delivery is what [`crate::TurnEnd`] says, and the next turn of its session is due. What
    /// is gone, or not claimed, is passed over: the rest of the accept is written all the same. A turn of a deleted
    /// source goes, however it ends. The delivery of an action stays as it is.
    TurnEnded(TurnEnded),
    /// Adds an action, or puts it in place of the one of its id. One whose delivery is gone makes the accept stale.
    Action(Box<Action>),
    /// An action's status, if it still is `from`, becomes `to`, and its `updated_at` the time; else the accept is
    /// stale.
    Decide {
        /// The action.
        action: ActionId,
        /// What it must be.
        from: ActionStatus,
        /// What it becomes.
        to: ActionStatus,
        /// When.
        at: Timestamp,
    },
    /// Sets an agent to work once more on a delivery that is `completed` or `failed` and whose body is kept: it is
    /// `received` again, its error and times are cleared, and the turn is queued in its session. Stale else.
    Rerun {
        /// The delivery.
        delivery: InboundId,
        /// The id of the new turn.
        turn: TurnId,
        /// When.
        at: Timestamp,
    },
}

/// An event and its deliveries.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event; `event.created_at` is also when its deliveries are first due.
    pub event: Arc<Event>,
    /// One for each endpoint that matched.
    pub deliveries: Vec<NewDelivery>,
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// To where.
    pub endpoint: EndpointId,
    /// Deliveries of one endpoint with equal keys are made one after the other, in order of id: one waits
    /// until all before it have ended.
    pub order_key: Option<Arc<str>>,
}

/// What makes a publish repeatable.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key, unique within the space and the project that the caller's API key is limited to.
    pub key: IdempotencyKey,
    /// That project.
    pub project: Option<ProjectId>,
    /// A digest of the request.
    pub fingerprint: [u8; 32],
    /// When the key may be forgotten: by the next [`crate::Maintenance::prune`].
    pub expires_at: Timestamp,
}

/// What came of [`Journal::accept`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// Durable and queued.
    New,
    /// The idempotency key was used with the same request; this was the answer, and nothing was written.
    Replayed(Vec<AcceptedEvent>),
    /// The idempotency key was used with another request; nothing was written.
    KeyReused,
    /// The event at this index has an external id that is taken; nothing was written.
    DuplicateId(usize),
    /// The event at this index names a project, and a session that belongs to another; nothing was written.
    SessionOfAnotherProject(usize),
    /// Something is no longer as a change says it is, or what a change names is gone; nothing was written.
    Stale,
}

/// What a publisher is told of one event, and told again when it repeats itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedEvent {
    /// The id as callers see it.
    pub id: String,
    /// Its type.
    pub event_type: EventType,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How many endpoints it goes to.
    pub deliveries: u32,
}

impl AcceptedEvent {
    /// What a publisher is told of `new`.
    pub fn of(new: &NewEvent) -> Self {
        Self {
            id: new.event.public_id().to_string(),
            event_type: new.event.event_type.clone(),
            created_at: new.event.created_at,
            deliveries: u32::try_from(new.deliveries.len()).unwrap_or(u32::MAX),
        }
    }
}

/// One attempt of the deliveries to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointAttempt {
    /// The delivery, as it stands now.
    pub delivery: Delivery,
    /// The attempt.
    pub attempt: Attempt,
}

/// Bytes of payloads (or of responses, or of contents) on one page: past it the page ends, however few events
/// (or attempts, or messages) are on it.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Rows looked at for one page: past it the page ends, so that a filter that fits nothing costs no more.
pub const SCAN_ROWS_MAX: usize = 20_000;

/// Which events to list. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this type.
    pub event_type: Option<EventType>,
    /// Of this project.
    pub project: Option<ProjectId>,
}

/// Which deliveries to list. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Of this event.
    pub event: Option<EventRef>,
    /// Of events of this type.
    pub event_type: Option<EventType>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Created at or after, by the time that its id carries.
    pub since: Option<Timestamp>,
    /// Created before, likewise.
    pub until: Option<Timestamp>,
    /// Of an event and to an endpoint that are both of this project.
    pub project: Option<ProjectId>,
}
