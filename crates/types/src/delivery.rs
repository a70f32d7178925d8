//! Deliveries and attempts: what became of an event at one endpoint.

use std::sync::Arc;

use bytes::Bytes;

use crate::{AttemptId, DeliveryId, EndpointId, EventId, EventRef, EventType, Outcome, Timestamp, Wire};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting for an attempt, or in one.
    Pending,
    /// The receiver took it.
    Succeeded,
    /// The last attempt failed; kept, listed, replayable.
    Dead,
    /// Given up because the endpoint was deleted.
    Cancelled,
}

impl DeliveryState {
    /// All of them, in the order of their stored codes.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Succeeded, Self::Dead, Self::Cancelled];

    /// The stored code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The inverse of [`DeliveryState::code`].
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event, by our id.
    pub event_id: EventId,
    /// The event, by the id that callers see.
    pub event_ref: EventRef,
    /// The event's type.
    pub event_type: EventType,
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: u16,
    /// When the next attempt is due. `None` when it has ended; [`Timestamp::NEVER`] while it waits its turn
    /// behind an earlier delivery with the same ordering key.
    pub next_attempt_at: Option<Timestamp>,
    /// When the event was accepted for this endpoint.
    pub created_at: Timestamp,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
}

/// One HTTP try of a delivery. The request body is not kept: it follows from the event and the wire format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// 1 for the first, counted over the delivery's whole life, replays included.
    pub number: u16,
    /// The endpoint's wire format at that moment.
    pub wire: Wire,
    /// The endpoint's URL at that moment.
    pub url: Arc<str>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, milliseconds.
    pub duration_ms: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// The headers that were sent, sensitive values replaced.
    pub request_headers: Vec<(String, String)>,
    /// The headers that came back, bounded.
    pub response_headers: Vec<(String, String)>,
    /// What was read of the response, at most [`crate::limits::RESPONSE_KEPT_BYTES_MAX`].
    pub response_body: Bytes,
    /// Why there was no answer, for a person.
    pub error: Option<String>,
}
