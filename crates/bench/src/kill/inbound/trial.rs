//! One trial: load, kill at a random moment, restart, send again what was not answered, wait until no agent has
//! anything to do, close the account.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::AGENTS;
use super::account::{Account, Found, Sums};
use super::runner::{Moods, Runner};
use super::sender::{self, Door, Ledger, Pace};
use crate::error::{Context, Error, Result};
use crate::faults::Random;
use crate::hook;
use crate::kill::publisher::Numbers;
use crate::kill::{Kill, Rig};
use crate::load::Connection;
use crate::server::{Home, RATE_PER_MINUTE_MAX, Server};
use crate::signature::Signer;
use crate::source::{self, Source};

/// Numbers that a trial may use.
const NUMBERS_MAX: usize = 8_192;

const SECRET: &str = "kill-secret-of-a-source";
const SENDERS: usize = 2;
/// Some trials are killed while requests come in, others when only agents still work.
const SEND_MS: std::ops::RangeInclusive<u64> = 20..=400;
const KILL_AFTER_MS: std::ops::RangeInclusive<u64> = 5..=600;
/// In every second trial. The gateway tries again after 5 seconds, which such a trial then takes.
const UNAVAILABLE_PER_MILLE: u64 = 30;
const DRAIN_PATIENCE: Duration = Duration::from_secs(90);
/// Between kill and restart, so that the agent has read what the dead gateway had written.
const UNREAD_PAUSE: Duration = Duration::from_millis(20);
const WAITING_POLL: Duration = Duration::from_millis(10);
const SENDERS_PATIENCE: Duration = Duration::from_secs(10);

/// The ways in which deliveries become sessions, and the pause between requests: what is done one after another in a
/// session takes longer.
fn modes() -> [(Value, u64); 3] {
    [
        (json!({ "mode": "per_delivery" }), 4),
        (json!({ "mode": "per_entity" }), 8),
        (json!({ "mode": "named_session" }), 16),
    ]
}

/// What is drawn for a trial.
struct Plan {
    /// Its place in the series, which gives its numbers.
    place: usize,
    send_for: Duration,
    kill_after: Duration,
    moods: Moods,
    seed: u64,
}

impl Plan {
    fn draw(place: usize, random: &mut Random) -> Self {
        let mut within = |range: std::ops::RangeInclusive<u64>| {
            Duration::from_millis(range.start() + random.below(range.end() - range.start() + 1))
        };
        let (send_for, kill_after) = (within(SEND_MS), within(KILL_AFTER_MS));
        let seed = random.bits();
        let unavailable_per_mille = if place % 2 == 1 { UNAVAILABLE_PER_MILLE } else { 0 };
        Self { place, send_for, kill_after, moods: Moods { seed, unavailable_per_mille }, seed }
    }
}

/// A gateway with its sources and the agent that is ours.
pub(in crate::kill) struct Gateway {
    home: Home,
    key: String,
    server: Server,
    runner: Runner,
    sources: Vec<Source>,
    signer: Signer,
    epoch: Instant,
}

impl Rig for Gateway {
    type Account = Account;
    type Totals = Sums;

    async fn start(binary: &Path, folder: &Path, _: usize) -> Result<Self> {
        let mut home = Home::new(binary, folder.to_owned())?
            .open_to_sources()
            .with_variable("POSTHOUSE_AGENT_CONCURRENCY", AGENTS.to_string());
        let process = home.start().await?;
        let key = home.create_key()?;
        let server = Server::known(process, &key)?;
        let runner = Runner::start().await?;
        let sources = create_sources(&server, &runner).await?;
        let signer = Signer::new(SECRET.as_bytes())?;
        Ok(Self { home, key, server, runner, sources, signer, epoch: Instant::now() })
    }

    async fn trial(&mut self, place: usize, random: &mut Random) -> Result<Account> {
        let plan = Plan::draw(place, random);
        self.runner.set(plan.moods);
        let since = jiff::Timestamp::now();
        let senders = self.send(&plan);
        tokio::time::sleep(plan.kill_after).await;
        self.server.process().assert_running()?;
        let sent_ns = self.runner.now_ns();
        self.server.process().kill()?;
        let mut ledger = gather(senders).await?;

        tokio::time::sleep(UNREAD_PAUSE).await;
        // A second 503 for the same delivery would be waited out for a minute.
        self.runner.set(Moods { unavailable_per_mille: 0, ..plan.moods });
        let kill = Kill { sent_ns, restarted_ns: self.runner.now_ns() };
        let process = self.home.start().await.context("restart after the kill")?;
        let ready_after = process.ready_after;
        self.server = Server::known(process, &self.key)?;
        let began = Instant::now();
        sender::send_again(&self.doors(), &mut ledger, |number| plan.moods.refuses(number)).await?;
        self.drain().await?;
        let drained_after = began.elapsed();
        let found = self.find(since, &plan).await?;
        let account = Account::close(&ledger, &found, kill, |number| plan.moods.refuses(number));
        Ok(Account { killed_after: plan.kill_after, ready_after, drained_after, ..account })
    }
}

impl Gateway {
    fn doors(&self) -> Vec<Door> {
        let door = |(place, source): (usize, &Source)| Door {
            target: self.server.target().clone(),
            path: source.path(),
            source: place,
            signer: self.signer.clone(),
            epoch: self.epoch,
        };
        self.sources.iter().enumerate().map(door).collect()
    }

    fn send(&self, plan: &Plan) -> JoinSet<Result<Ledger>> {
        let numbers = Numbers::new(plan.numbers());
        let mut random = Random::new(plan.seed);
        let until = Instant::now() + plan.send_for;
        let mut senders = JoinSet::new();
        let pauses = modes().into_iter().flat_map(|(_, pause_ms_max)| [pause_ms_max; 2]);
        for (door, pause_ms_max) in self.doors().into_iter().zip(pauses) {
            for _ in 0..SENDERS {
                let pace = Pace { seed: random.bits(), pause_ms_max, until };
                senders.spawn(sender::send(door.clone(), Arc::clone(&numbers), pace));
            }
        }
        senders
    }

    /// Waits until no agent has anything to do, or until the patience is over: the account then says what has not
    /// ended.
    async fn drain(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < DRAIN_PATIENCE {
            self.server.process().assert_running().context("after the restart")?;
            if self.server.turns_waiting().await? == 0 {
                break;
            }
            tokio::time::sleep(WAITING_POLL).await;
        }
        Ok(())
    }

    /// What the gateway lists of the trial.
    async fn find(&self, since: jiff::Timestamp, plan: &Plan) -> Result<Found> {
        let mut connection = Connection::open(self.server.target()).await?;
        let ours = plan.numbers();
        let mut found = Found::default();
        for (place, source) in self.sources.iter().enumerate() {
            let listed = source::deliveries(&mut connection, source, &format!("since={since:.3}")).await?;
            let taken_on = listed.into_iter().filter(|delivery| delivery.status.is_taken_on());
            let numbered = taken_on.filter_map(|delivery| {
                let number = hook::number(delivery.dedup_key.as_deref()?)?;
                ours.contains(&number).then_some((number, delivery))
            });
            for (number, delivery) in numbered {
                found.add(number, place % 2 == 1, delivery);
            }
        }
        for session in found.sessions() {
            let mut messages = source::messages(&mut connection, &session, |page| {
                page.iter().any(|one| found.is_about_ours(one))
            })
            .await?;
            messages.retain(|message| found.is_about_ours(message));
            messages.reverse();
            found.said.insert(session, messages);
        }
        let (runs, strange): (HashMap<_, _>, usize) = self.runner.take();
        if strange > 0 {
            return Err(Error::new(format!(
                "the agent was asked {strange} times about none of our deliveries"
            )));
        }
        found.runs = runs;
        Ok(found)
    }
}

impl Plan {
    fn numbers(&self) -> std::ops::Range<usize> {
        self.place * NUMBERS_MAX..(self.place + 1) * NUMBERS_MAX
    }
}

/// In pairs, of which the second has the agent that is ours.
async fn create_sources(server: &Server, runner: &Runner) -> Result<Vec<Source>> {
    let mut connection = Connection::open(server.target()).await?;
    let digest = json!({ "name": "digest", "runner": "digest" });
    let service = json!({ "name": "service", "runner": "http", "url": runner.url() });
    let mut agents = Vec::new();
    for agent in [digest, service] {
        agents.push(source::create_agent(&mut connection, &agent).await?);
    }
    let mut sources = Vec::new();
    for (session, _) in modes() {
        for agent in &agents {
            let settings = json!({
                "name": "kill",
                "profile": "github",
                "auth": { "secret": SECRET },
                "session": session,
                "agent_id": agent,
                "rate_limit_per_minute": RATE_PER_MINUTE_MAX,
            });
            sources.push(source::create(&mut connection, &settings).await?);
        }
    }
    Ok(sources)
}

async fn gather(mut senders: JoinSet<Result<Ledger>>) -> Result<Ledger> {
    let all = async {
        let mut ledger = Ledger::default();
        while let Some(one) = senders.join_next().await {
            ledger.merge(one.context("sender")??);
        }
        Ok(ledger)
    };
    let gathered = tokio::time::timeout(SENDERS_PATIENCE, all).await;
    gathered.unwrap_or_else(|_| Err(Error::new("requests do not end although the gateway is dead")))
}

#[cfg(test)]
mod tests {
    use super::{KILL_AFTER_MS, Plan, SEND_MS};
    use crate::faults::Random;

    #[test]
    fn a_seed_draws_the_same_plans_within_bounds() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            let plans = (0..50).map(|place| Plan::draw(place, &mut random));
            plans.map(|plan| (plan.send_for.as_millis(), plan.kill_after.as_millis())).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        let within = |range: std::ops::RangeInclusive<u64>, ms: u128| {
            (u128::from(*range.start())..=u128::from(*range.end())).contains(&ms)
        };
        assert!(draw(3).iter().all(|(send, kill)| within(SEND_MS, *send) && within(KILL_AFTER_MS, *kill)));
    }
}
