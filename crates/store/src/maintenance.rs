//! Housekeeping, in bounded slices, while serving.

use async_trait::async_trait;
use posthouse_types::{EventId, Timestamp};

use crate::Result;

/// Housekeeping. Every method is bounded, idempotent and may be interrupted between any two calls.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Removes up to `limit` events that are older than `before`, or that their tenant has no room for, with
    /// their deliveries and attempts, and, past their time, up to `limit` each of idempotency records, remembered
    /// answers and used tokens. Never an event with a pending delivery. Events with very many deliveries make a
    /// slice shorter.
    async fn prune(&self, prune: Prune) -> Result<Pruned>;

    /// Cancels up to `limit` pending deliveries of endpoints that were deleted; answers how many.
    async fn cancel_orphans(&self, now: Timestamp, limit: usize) -> Result<usize>;

    /// Makes claims due again whose holder has not settled them in time; answers how many. Always 0 where
    /// claims live and die with the process.
    async fn release_expired(&self, now: Timestamp) -> Result<usize>;

    /// Cheap proof that the store answers: it reads, and writes nothing.
    async fn ping(&self) -> Result<()>;

    /// Writes out what it can and lets go of the database. The store answers
    /// [`crate::StoreError::Unavailable`] from then on.
    async fn close(&self) -> Result<()>;
}

/// One slice of pruning.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// The present: what idempotency records, remembered answers and used tokens expire by.
    pub now: Timestamp,
    /// Events accepted before this go.
    pub before: Timestamp,
    /// Bytes of payloads and responses a tenant may keep; its oldest events go until it keeps no more.
    pub tenant_bytes_max: u64,
    /// Events to look at in this slice.
    pub limit: usize,
    /// Where the last slice of this round ended.
    pub after: Option<EventId>,
}

/// What a slice did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events removed.
    pub events: usize,
    /// Where to go on; `None` when the round is over.
    pub next: Option<EventId>,
    /// There is more to remove than one slice: prune again at once, also when the round is over.
    pub more: bool,
}
