//! Takes turns that are due and has agents do them. What is lost here (a crash) is begun again at the next start.
//!
//! # How it works
//! A claim gives turns of different sessions only, so all that are claimed run at once, up to the number of slots.
//! Each writes its beginning (with the message that the agent is given) and its end (with the answer, and the events
//! that tell of it) in one commit each; nothing is written while the agent runs but what it does through its tools.

mod begin;
mod carry_out;
mod context;
mod end;
mod perform;
mod prompt;
mod toolbox;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use posthouse_store::{ClaimTurns, StoreError};
use posthouse_types::Turn;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Progress;
use crate::Engine;

/// For how long a claim is good where processes share a store: longer than any run.
const LEASE: Duration = Duration::from_secs(2 * 3600);
/// The pause after the store failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// The longest sleep: the wall clock may be set forward meanwhile, and what is due goes by it.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The shortest sleep: a due time that has just passed is looked at again, but not in a tight loop.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// The service that has agents work.
pub struct Turns {
    engine: Arc<Engine>,
    running: JoinSet<()>,
}

impl Turns {
    /// For this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, running: JoinSet::new() }
    }

    /// One bounded round: takes what is due, as far as there are slots, and starts it. Does not wait for runs; see
    /// [`Turns::drain`].
    pub async fn step(&mut self) -> Result<Progress, StoreError> {
        while self.running.try_join_next().is_some() {}
        let slots = self.engine.options.agent_concurrency.saturating_sub(self.running.len());
        if slots == 0 {
            return Ok(Progress { did: 0, next: None });
        }
        let now = self.engine.clock.now();
        let claim = ClaimTurns { now, limit: slots, lease: now.plus(LEASE) };
        let claimed = self.engine.store.claim_turns(claim).await?;
        let did = claimed.turns.len();
        for turn in claimed.turns {
            self.running.spawn(perform_or_release(Arc::clone(&self.engine), turn));
        }
        Ok(Progress { did, next: claimed.next_due })
    }

    /// Steps until nothing is due by the clock and nothing runs. For tests.
    pub async fn drain(&mut self) -> Result<Progress, StoreError> {
        let mut did = 0;
        loop {
            let progress = self.step().await?;
            did += progress.did;
            if self.running.join_next().await.is_none() && progress.did == 0 {
                return Ok(Progress { did, next: progress.next });
            }
        }
    }

    /// Steps for as long as the process lives, each time something ends or becomes due. Told to stop, it takes the
    /// time it is given at most; what runs longer is begun again at the next start.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        let mut due = self.engine.store.wakes().turns();
        while stopped.borrow().is_none() {
            due.mark_unchanged();
            let wait = match self.step().await {
                Ok(Progress { did: 1.., .. }) => continue,
                Ok(Progress { next, .. }) => {
                    next.map(|next| next.since(self.engine.clock.now()).clamp(SLEEP_MIN, SLEEP_MAX))
                }
                Err(error) => {
                    tracing::warn!(%error, "turns could not be claimed; trying again");
                    Some(AFTER_FAILURE)
                }
            };
            tokio::select! {
                biased;
                result = stopped.changed() => if result.is_err() { break },
                Some(_) = self.running.join_next() => {}
                _ = due.changed() => {}
                () = tokio::time::sleep(wait.unwrap_or(SLEEP_MAX)) => {}
            }
        }
        let grace = stopped.borrow().unwrap_or_default();
        let ended = async { while self.running.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, ended).await;
    }
}

/// Does a turn. When the store fails it is given back, to be tried again soon; when we do, it ends.
async fn perform_or_release(engine: Arc<Engine>, turn: Turn) {
    let id = turn.id;
    let result = AssertUnwindSafe(perform::perform(&engine, turn.clone())).catch_unwind().await;
    let mut error = match result {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => {
            tracing::error!(turn.id = %id, "a turn ran into a fault of ours");
            match end::abandon(&engine, &turn, "a fault of the server's").await {
                Ok(()) => return,
                Err(error) => error,
            }
        }
    };
    // Whoever holds a turn holds its session: it is given back however long the store can not take it.
    loop {
        tracing::warn!(turn.id = %id, %error, "a turn could not be done; it is given back");
        tokio::time::sleep(AFTER_FAILURE).await;
        match engine.store.release_turns(vec![id]).await {
            Ok(()) => return,
            Err(again) => error = again,
        }
    }
}
