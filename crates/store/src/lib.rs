//! The `Store` trait, its records and errors, and the conformance suite every store must pass. No SQL.
//!
//! Rules of the seam:
//! 1. *Intent, not rows*: methods say what the engine wants done.
//! 2. *One method, one transaction*: nothing that could be held across a network call ever leaves a store.
//! 3. *Slices in, slices out*: an embedded store turns concurrent calls into one group commit.
//! 4. *Accepted means durable and queued*: [`Journal::accept`] writes events, deliveries, what else changes with
//!    them and the idempotency record in one commit, and returns after it is on disk.
//! 5. *The conformance suite decides*: behaviour that is not in `conformance` (feature of that name) is not
//!    promised.

pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod inbound;
pub mod journal;
pub mod maintenance;
pub mod messages;
pub mod queue;
pub mod wake;

pub use config::{
    Config, Counts, EndpointRecord, EventTypeRecord, KeyRecord, ProjectRecord, Remember, SessionRecord,
    Tenant,
};
pub use error::{Constraint, Result, StoreError};
pub use inbound::{
    AgentRecord, Arrival, Arrived, ClaimTurns, ClaimedTurns, DedupKey, Inbound, InboundContent,
    InboundFilter, NewTurn, PruneInbound, PrunedInbound, Snapshot, SourceRecord, Sources, TurnEnd, TurnEnded,
    TurnSession,
};
pub use journal::{
    Accept, Acceptance, AcceptedEvent, Change, DeliveryFilter, EndpointAttempt, EventFilter, Idempotency,
    Journal, NewDelivery, NewEvent, PAGE_BYTES_MAX, SCAN_ROWS_MAX,
};
pub use maintenance::{Maintenance, Prune, Pruned};
pub use messages::Messages;
pub use queue::{Claim, ClaimDue, Claimed, HealthChange, Next, Queue, Settle, Settlement};
pub use wake::Wakes;

/// Bytes sealed by the engine's vault. A store keeps them and never looks inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} sealed bytes]", self.0.len())
    }
}

/// Everything the engine asks of a database.
pub trait Store: Journal + Queue + Config + Messages + Sources + Inbound + Maintenance {
    /// Where the engine waits for work. Wakes only say "look now"; what to do is always read from the store.
    fn wakes(&self) -> &Wakes;
}
