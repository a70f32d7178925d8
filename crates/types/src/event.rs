//! Events: what platforms publish.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::{EventId, EventType, ExternalId, Invalid, OrderingKey, ProjectId, SessionId, Space, Timestamp};

/// Something that happened. Immutable once accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Our id; orders events by acceptance.
    pub id: EventId,
    /// The publisher's own id, when it gave one. Unique within the space.
    pub external_id: Option<ExternalId>,
    /// Whose it is.
    pub space: Space,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// The publisher's exact JSON bytes.
    pub payload: Bytes,
    /// What orders it among others.
    pub ordering_key: Option<OrderingKey>,
    /// When the publisher says it happened.
    pub occurred_at: Option<Timestamp>,
    /// When we accepted it.
    pub created_at: Timestamp,
}

impl Event {
    /// The id that callers and receivers see.
    pub fn public_id(&self) -> EventRef {
        match &self.external_id {
            Some(external) => EventRef::External(external.clone()),
            None => EventRef::Internal(self.id),
        }
    }

    /// When it happened: as its publisher says, else when we accepted it.
    pub fn happened_at(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.created_at)
    }
}

/// An event id as callers write it: ours, or one the publisher chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventRef {
    /// `evt_` + ULID, made by us.
    Internal(EventId),
    /// The publisher's own.
    External(ExternalId),
}

impl fmt::Display for EventRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(id) => id.fmt(f),
            Self::External(id) => id.fmt(f),
        }
    }
}

impl FromStr for EventRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(id) => Ok(Self::Internal(id)),
            Err(_) => ExternalId::parse(text).map(Self::External),
        }
    }
}
