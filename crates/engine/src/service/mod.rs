//! Services: work that goes on in the background. Each takes no input but the store, has one bounded `step()`,
//! may be killed between any two steps, and runs under the same kind of loop.

mod deliver;
mod gate;
mod health;
mod housekeeping;
mod turns;

pub use deliver::Deliver;
pub(crate) use health::HealthBook;
pub use housekeeping::{Prune, PruneInbound, Reap};
pub use turns::Turns;

use std::sync::Arc;
use std::time::Duration;

use posthouse_types::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Engine;

/// What a step did, and when there is something to do again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Things done.
    pub did: usize,
    /// When the next thing is due by the clock; `None` when only a wake-up can bring one.
    pub next: Option<Timestamp>,
}

/// Running services, to be stopped in order.
pub struct Services {
    stop: watch::Sender<Option<Duration>>,
    deliver: JoinHandle<()>,
    turns: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Services {
    /// Starts all services of an engine.
    pub fn start(engine: &Arc<Engine>) -> Self {
        let (stop, stopped) = watch::channel(None);
        let others = vec![
            tokio::spawn(Reap::new(Arc::clone(engine)).run(stopped.clone())),
            tokio::spawn(Prune::new(Arc::clone(engine)).run(stopped.clone())),
            tokio::spawn(PruneInbound::new(Arc::clone(engine)).run(stopped.clone())),
            tokio::spawn(follow_config(Arc::clone(engine), stopped.clone())),
        ];
        let turns = tokio::spawn(Turns::new(Arc::clone(engine)).run(stopped.clone()));
        let deliver = tokio::spawn(Deliver::new(Arc::clone(engine)).run(stopped));
        Self { stop, deliver, turns, others }
    }

    /// Stops claiming, lets what is in flight end (each attempt has a time limit), settles it, and gives back
    /// what did not end within `grace`. Agents get the same time.
    pub async fn stop(self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        for service in self.others {
            service.abort();
        }
        for (name, service) in [("turns", self.turns), ("deliver", self.deliver)] {
            if let Err(error) = service.await {
                tracing::error!(service = name, %error, "a service did not end in order");
            }
        }
    }
}

/// Loads endpoints again whenever another node or process says that it changed them.
async fn follow_config(engine: Arc<Engine>, mut stopped: watch::Receiver<Option<Duration>>) {
    let mut changed = engine.store.wakes().config();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            result = changed.changed() => if result.is_err() { return },
        }
        if let Err(error) = engine.reload().await {
            tracing::error!(%error, cause = ?error.cause, "endpoints could not be loaded again");
        }
    }
}
