//! Due work: claiming, settling, trying again.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use posthouse_types::{
    Attempt, Delivery, DeliveryId, DisabledReason, EndpointId, Event, Health, Space, Timestamp,
};

use crate::Result;

/// The queue of deliveries. It is the same database as the journal, in the same commits.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Takes due deliveries, each of which belongs to the caller until it is settled or released, or its
    /// lease runs out: no other claim returns it. Fair between endpoints: one with a long queue does not keep
    /// others waiting. Endpoints are asked in turn, oldest due delivery of each first. Deleted endpoints are
    /// left out; those that are off are for the caller to leave out, through `room`. A delivery whose event
    /// can not be read ends as dead, and is logged: it holds up nothing.
    async fn claim_due(&self, claim: ClaimDue) -> Result<Claim>;

    /// Records attempts and what follows from them, in one commit. A delivery that has ended meanwhile (its
    /// endpoint was deleted) keeps its end; the attempt is recorded all the same. A delivery or endpoint of
    /// which nothing is left is passed over, and so is one that can not be read, which is logged.
    async fn settle(&self, settle: Settle) -> Result<()>;

    /// Gives claimed deliveries back untried: they are due again at once.
    async fn release(&self, deliveries: Vec<DeliveryId>) -> Result<()>;

    /// Makes a delivery due again now, whatever its state, with a fresh budget of attempts; one that is
    /// pending is made due now, unless it is claimed or waits its turn: then it stays so. When the attempt of
    /// its claimer then fails, it is due at once with a fresh budget, whatever the claimer says is to follow.
    /// `None` when the space has no such delivery.
    async fn requeue(&self, space: Space, id: DeliveryId, now: Timestamp) -> Result<Option<Delivery>>;
}

/// How much to claim.
#[derive(Debug, Clone)]
pub struct ClaimDue {
    /// The present.
    pub now: Timestamp,
    /// Deliveries at the most.
    pub limit: usize,
    /// Deliveries of any one endpoint at the most.
    pub per_endpoint: usize,
    /// Endpoints for which that is different; 0 leaves one out.
    pub room: HashMap<EndpointId, usize>,
}

/// Claimed deliveries.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// They belong to the caller now.
    pub deliveries: Vec<Claimed>,
    /// When the next delivery of an endpoint that was not left out is due; `now` or earlier when there is
    /// more than `limit` or `per_endpoint` let through. `None` when nothing waits; what is claimed, waits its
    /// turn or belongs to a deleted endpoint does not count.
    pub next_due: Option<Timestamp>,
}

/// A delivery that belongs to the claimer.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its id.
    pub id: DeliveryId,
    /// To where.
    pub endpoint: EndpointId,
    /// The number of the attempt to be made: 1 for the first of the delivery's life.
    pub attempt: u16,
    /// The number of the attempt under the retry policy: 1 for the first since it was (re)queued.
    pub attempt_of_policy: u16,
    /// What to send.
    pub event: Arc<Event>,
}

/// A batch of results.
#[derive(Debug, Clone, Default)]
pub struct Settle {
    /// Attempts made.
    pub settlements: Vec<Settlement>,
    /// Endpoints whose health changed.
    pub health: Vec<HealthChange>,
}

/// The result of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its endpoint.
    pub endpoint: EndpointId,
    /// What was done; `None` when nothing was sent (the endpoint is gone).
    pub attempt: Option<Attempt>,
    /// When it ended: what `finished_at` becomes.
    pub at: Timestamp,
    /// What follows.
    pub next: Next,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Succeeded,
    /// It is tried again then.
    RetryAt(Timestamp),
    /// It was the last attempt.
    Dead,
    /// There is no one to deliver to any more.
    Cancelled,
}

/// An endpoint's health after some attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthChange {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its health now.
    pub health: Health,
    /// Switches it off, for this reason.
    pub disable: Option<DisabledReason>,
}
