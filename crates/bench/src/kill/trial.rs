//! One trial: load, kill at a random moment, restart, wait until nothing is pending, close the account.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::account::{Account, Ledger, Sums};
use super::publisher::{self, Manner, Numbers};
use super::{Kill, Rig};
use crate::error::{Context, Error, Result};
use crate::faults::{Random, Setting};
use crate::server::{Home, Server};
use crate::sink::Sink;

/// Event numbers a trial may use.
const EVENTS_MAX: usize = 16_384;

const KILL_AFTER_MS: std::ops::RangeInclusive<u64> = 5..=400;
const SINGLES: usize = 4;
const BATCHES: usize = 2;
const DRAIN_PATIENCE: Duration = Duration::from_secs(30);
/// Between kill and restart, so that the sink has read what the dead gateway had written.
const UNREAD_PAUSE: Duration = Duration::from_millis(20);
const PENDING_POLL: Duration = Duration::from_millis(5);
const PUBLISHERS_PATIENCE: Duration = Duration::from_secs(10);

/// What is drawn for a trial.
struct Plan {
    /// Its place in the series, which gives its event numbers.
    place: usize,
    kill_after: Duration,
    faults: Setting,
    seed: u64,
}

impl Plan {
    /// Of four trials two have a sink without faults, one a slow sink, one a slow and failing sink.
    fn draw(place: usize, random: &mut Random) -> Self {
        let span = KILL_AFTER_MS.end() - KILL_AFTER_MS.start() + 1;
        let kill_after = Duration::from_millis(KILL_AFTER_MS.start() + random.below(span));
        let seed = random.bits();
        let slow = Setting { seed, refused_per_mille: 0, delayed_per_mille: 50, delay_ms_max: 120 };
        let faults = match place % 4 {
            1 => slow,
            3 => Setting { refused_per_mille: 20, ..slow },
            _ => Setting { seed, ..Setting::default() },
        };
        Self { place, kill_after, faults, seed }
    }
}

/// A gateway that is killed and started again on one data folder.
pub(super) struct Gateway {
    home: Home,
    key: String,
    server: Server,
    sink: Sink,
}

impl Rig for Gateway {
    type Account = Account;
    type Totals = Sums;

    /// An empty one with an endpoint at the sink that retries after a second.
    async fn start(binary: &Path, folder: &Path, trials: usize) -> Result<Self> {
        let sink = Sink::start(trials * EVENTS_MAX).await?;
        let mut home = Home::new(binary, folder.to_owned())?;
        let process = home.start().await?;
        let key = home.create_key()?;
        let server = Server::known(process, &key)?;
        let endpoint = json!({
            "url": sink.url(0),
            "retry_policy": { "policy": "constant", "delay_seconds": 1, "attempts": 10 },
        });
        server.create_endpoint(&endpoint).await?;
        Ok(Self { home, key, server, sink })
    }

    /// Kills it under load, starts it again and accounts for everything.
    async fn trial(&mut self, place: usize, random: &mut Random) -> Result<Account> {
        let plan = Plan::draw(place, random);
        self.sink.faults().set(plan.faults);
        let refusals_before = self.sink.recorder().refused_count();
        let publishers = self.publish(&plan);
        tokio::time::sleep(plan.kill_after).await;
        self.server.process().assert_running()?;
        let sent_ns = self.sink.recorder().now_ns();
        self.server.process().kill()?;
        let ledger = gather(publishers).await?;

        tokio::time::sleep(UNREAD_PAUSE).await;
        let restarted_ns = self.sink.recorder().now_ns();
        let process = self.home.start().await.context("restart after the kill")?;
        let ready_after = process.ready_after;
        self.server = Server::known(process, &self.key)?;
        let drained_after = self.drain(&ledger).await?;
        let recorder = self.sink.recorder();
        let account = Account::close(&ledger, recorder, Kill { sent_ns, restarted_ns });
        let sink_refusals = recorder.refused_count() - refusals_before;
        Ok(Account { killed_after: plan.kill_after, ready_after, drained_after, sink_refusals, ..account })
    }
}

impl Gateway {
    fn publish(&self, plan: &Plan) -> JoinSet<Ledger> {
        let first = plan.place * EVENTS_MAX;
        let numbers = Numbers::new(first..first + EVENTS_MAX);
        let mut random = Random::new(plan.seed);
        let mut publishers = JoinSet::new();
        let manners = [(Manner::Single, SINGLES), (Manner::Batch, BATCHES)];
        for (manner, count) in manners {
            for _ in 0..count {
                let (target, numbers) = (self.server.target().clone(), Arc::clone(&numbers));
                publishers.spawn(publisher::publish(target, numbers, manner, random.bits()));
            }
        }
        publishers
    }

    /// Waits until nothing is pending, or until the patience is over: what is missing then is lost.
    async fn drain(&mut self, ledger: &Ledger) -> Result<Duration> {
        let began = Instant::now();
        let mut pending = true;
        while pending && began.elapsed() < DRAIN_PATIENCE {
            self.server.process().assert_running().context("after the restart")?;
            pending = self.server.has_pending().await?;
            if pending {
                tokio::time::sleep(PENDING_POLL).await;
            }
        }
        let drained_after = began.elapsed();
        let missing: usize =
            ledger.accepted.iter().map(|range| self.sink.recorder().missing(range.clone())).sum();
        if pending && missing == 0 {
            return Err(Error::new("all that was accepted arrived, but deliveries stay pending for 30 s"));
        }
        Ok(drained_after)
    }
}

async fn gather(mut publishers: JoinSet<Ledger>) -> Result<Ledger> {
    let all = async {
        let mut ledger = Ledger::default();
        while let Some(one) = publishers.join_next().await {
            ledger.merge(one.context("publisher")?);
        }
        Ok(ledger)
    };
    let gathered = tokio::time::timeout(PUBLISHERS_PATIENCE, all).await;
    gathered.unwrap_or_else(|_| Err(Error::new("requests do not end although the gateway is dead")))
}

#[cfg(test)]
mod tests {
    use super::{KILL_AFTER_MS, Plan};
    use crate::faults::Random;

    #[test]
    fn a_seed_draws_the_same_plans_within_bounds() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..50).map(|place| Plan::draw(place, &mut random).kill_after.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        let bounds = u128::from(*KILL_AFTER_MS.start())..=u128::from(*KILL_AFTER_MS.end());
        assert!(draw(3).iter().all(|ms| bounds.contains(ms)));
    }
}
