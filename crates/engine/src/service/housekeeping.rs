//! Reaping and pruning: what is over goes away, in bounded slices, while serving.

use std::sync::Arc;
use std::time::Duration;

use posthouse_store::{self as store, Result, StoreError};
use posthouse_types::{EventId, InboundId};
use tokio::sync::watch;

use super::Progress;
use crate::Engine;

/// Between two looks for expired leases where other nodes may have died, and for leftovers of deletions.
const REAP_EVERY: Duration = Duration::from_secs(10);
/// Deliveries cancelled in one slice.
const CANCEL_SLICE: usize = 500;
/// Between two rounds of pruning.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Events looked at in one slice.
const PRUNE_SLICE: usize = 200;

/// Makes leases past their time due again, and cancels what waits for deleted endpoints.
pub struct Reap {
    engine: Arc<Engine>,
}

impl Reap {
    /// For this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// One slice.
    pub async fn step(&mut self) -> Result<Progress> {
        let now = self.engine.clock.now();
        let released = self.engine.store.release_expired(now).await?;
        let cancelled = self.engine.store.cancel_orphans(now, CANCEL_SLICE).await?;
        let next = if cancelled == CANCEL_SLICE { now } else { now.plus(REAP_EVERY) };
        Ok(Progress { did: released + cancelled, next: Some(next) })
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        let mut changed = self.engine.changes.subscribe();
        loop {
            changed.mark_unchanged();
            let wait = self.pause(self.engine.clock.now(), "reap").await;
            tokio::select! {
                _ = stopped.changed() => return,
                _ = changed.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn pause(&mut self, started: posthouse_types::Timestamp, name: &str) -> Duration {
        pause_after(self.step().await, started, name)
    }
}

/// Removes events past their retention, with their deliveries and attempts.
pub struct Prune {
    engine: Arc<Engine>,
    after: Option<EventId>,
}

impl Prune {
    /// For this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, after: None }
    }

    /// One slice.
    pub async fn step(&mut self) -> Result<Progress> {
        let now = self.engine.clock.now();
        let options = &self.engine.options;
        let slice = store::Prune {
            now,
            before: now.minus(options.retention),
            tenant_bytes_max: options.retention_bytes,
            limit: PRUNE_SLICE,
            after: self.after,
        };
        let pruned = self.engine.store.prune(slice).await?;
        self.after = pruned.next;
        let next = if pruned.next.is_some() || pruned.more { now } else { now.plus(PRUNE_EVERY) };
        Ok(Progress { did: pruned.events, next: Some(next) })
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        loop {
            let started = self.engine.clock.now();
            let wait = pause_after(self.step().await, started, "prune");
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Removes what arrived at sources, and what was said, past its retention; and what is left of removed sources.
pub struct PruneInbound {
    engine: Arc<Engine>,
    after: Option<InboundId>,
}

impl PruneInbound {
    /// For this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, after: None }
    }

    /// One slice.
    pub async fn step(&mut self) -> Result<Progress> {
        let now = self.engine.clock.now();
        let options = &self.engine.options;
        let slice = store::PruneInbound {
            before: now.minus(options.retention),
            bodies_before: now.minus(options.body_retention),
            tenant_bytes_max: options.retention_bytes,
            sessions_before: now.minus(options.session_retention),
            limit: PRUNE_SLICE,
            after: self.after,
        };
        let pruned = self.engine.store.prune_inbound(slice).await?;
        self.after = pruned.next;
        let next = if pruned.next.is_some() || pruned.more { now } else { now.plus(PRUNE_EVERY) };
        let did = pruned.deliveries + pruned.bodies + pruned.messages + pruned.sessions;
        Ok(Progress { did, next: Some(next) })
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        let mut leftovers = self.engine.leftovers.subscribe();
        loop {
            leftovers.mark_unchanged();
            let started = self.engine.clock.now();
            let wait = pause_after(self.step().await, started, "prune inbound");
            tokio::select! {
                _ = stopped.changed() => return,
                _ = leftovers.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// How long to wait after a step: until its next, or a little after a failure.
fn pause_after(
    step: std::result::Result<Progress, StoreError>,
    now: posthouse_types::Timestamp,
    name: &str,
) -> Duration {
    const AFTER_FAILURE: Duration = Duration::from_secs(1);
    match step {
        Ok(progress) => progress.next.map_or(PRUNE_EVERY, |next| next.since(now)),
        Err(error) => {
            tracing::warn!(service = name, %error, "a step failed; trying again");
            AFTER_FAILURE
        }
    }
}
