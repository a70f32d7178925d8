//! `ingest`: how many webhooks a second a source takes on, each verified, stored and synced before its 202, while
//! agents already work on them; against a handler that only reads, under the same load, before and after.
//!
//! `held` is the same with an agent that never answers: so ingest alone, with no turn ended beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use super::setup::{Place, STALL};
use crate::error::{Context, Error, Result};
use crate::hook::{self, Hook, Posted};
use crate::load::{Connection, Target};
use crate::report::{Figure, Mark, say};
use crate::server::{Home, RATE_PER_MINUTE_MAX, Server};
use crate::signature::Signer;
use crate::sink::Sink;
use crate::source::{self, Source};
use crate::{plain, process, stats};

const REPETITIONS: usize = 3;
/// Enough for the write-ahead log to have its size, and for the heap.
const WARM_UP: usize = 40_000;
/// Runs over which the speed of draining is measured; the rest of the backlog is left.
const DRAINED: usize = 5_000;
const SECRET: &str = "bench-secret-of-a-source";
/// Asking counts all that waits, so it is done seldom: it would take time from the agents.
const POLL: Duration = Duration::from_millis(250);

/// One kind of load.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    callers: usize,
    bytes: usize,
    /// The agent never answers.
    held: bool,
}

/// Callers are what group commit lives on: so many requests at most share one.
const CASES: [Case; 5] = [
    Case { name: "1 KiB, 64 callers", callers: 64, bytes: KIB, held: false },
    Case { name: "1 KiB, 256 callers", callers: 256, bytes: KIB, held: false },
    Case { name: "1 KiB, 1024 callers", callers: 1_024, bytes: KIB, held: false },
    Case { name: "8 KiB, 1024 callers", callers: 1_024, bytes: 8 * KIB, held: false },
    Case { name: "1 KiB, 1024 callers, held", callers: 1_024, bytes: KIB, held: true },
];

const KIB: usize = 1_024;

/// What came of one repetition.
struct Outcome {
    accepted: Answered,
    plain: Answered,
    cpu_per_thousand: f64,
    /// None where the agent is held.
    work: Option<Work>,
    rss_mb: f64,
    peak_mb: f64,
}

/// How requests were answered.
struct Answered {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What agents did.
struct Work {
    done_meanwhile: f64,
    backlog: f64,
    drained: f64,
    drained_s: f64,
    cpu_per_thousand: f64,
}

/// 40,000 requests of each kind.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for case in CASES {
        let mut outcomes = Vec::new();
        for repetition in 1..=place.sized(REPETITIONS, 1) {
            let name = format!("{}-{repetition}", case.name.replace([' ', ','], ""));
            let outcome = once(place, &name, case).await.context(case.name)?;
            let (accepted, plain) = (outcome.accepted.per_second, outcome.plain.per_second);
            say(&format!("  {}: {accepted:.0} accepted/s, {plain:.0} by the plain handler", case.name));
            outcomes.push(outcome);
        }
        figures.extend(figures_of(case, &outcomes));
    }
    Ok(figures)
}

fn figures_of(case: Case, outcomes: &[Outcome]) -> Vec<Figure> {
    let figure = |name: &str, unit: &'static str, of: &dyn Fn(&Outcome) -> f64| {
        Figure::new(&format!("{}: {name}", case.name), unit, outcomes.iter().map(of).collect())
    };
    let ratio = figure("ratio to plain handler", "", &|one| one.accepted.per_second / one.plain.per_second);
    let mut figures = vec![
        figure("accepted", "1/s", &|one| one.accepted.per_second),
        figure("plain handler", "1/s", &|one| one.plain.per_second),
        ratio.mark(Mark::AtLeast(0.3)),
        figure("answer p50", "ms", &|one| one.accepted.p50_ms),
        figure("answer p99", "ms", &|one| one.accepted.p99_ms),
        figure("plain p50", "ms", &|one| one.plain.p50_ms),
        figure("plain p99", "ms", &|one| one.plain.p99_ms),
        figure("CPU per 1,000 accepted", "s", &|one| one.cpu_per_thousand),
    ];
    let work = |name: &str, unit, of: fn(&Work) -> f64| {
        figure(name, unit, &|one| one.work.as_ref().map(of).unwrap_or_default())
    };
    if !case.held {
        figures.extend([
            work("runs ended meanwhile", "", |work| work.done_meanwhile),
            work("backlog then", "", |work| work.backlog),
            work("of it drained", "", |work| work.drained),
            work("drained in", "s", |work| work.drained_s),
            work("runs, draining", "1/s", |work| work.drained / work.drained_s),
            work("CPU per 1,000 runs, draining", "s", |work| work.cpu_per_thousand),
        ]);
    }
    figures.push(figure("memory at the end", "MB", &|one| one.rss_mb));
    figures.push(figure("memory, the most", "MB", &|one| one.peak_mb));
    figures
}

async fn once(place: &Place<'_>, name: &str, case: Case) -> Result<Outcome> {
    let sink = Sink::start(0).await?;
    sink.faults().hang(0);
    let mut gateway = Gateway::start(place, name, case.held.then(|| sink.url(0)).as_deref()).await?;
    let plain = plain::start(place.folder).await?;
    let reader = Target::new(plain.address, "")?;
    let (path, callers) = (gateway.path.clone(), case.callers);

    let measured = place.sized(40_000, 20_000);
    let warm_up = hooks(0..WARM_UP, case.bytes)?;
    let load = hooks(WARM_UP..WARM_UP + measured, case.bytes)?;
    post(&reader, &path, callers, &warm_up).await.context("plain handler: warm-up")?;
    let before = post(&reader, &path, callers, &load).await.context("plain handler")?;
    post(gateway.server.target(), &path, callers, &warm_up).await.context("warm-up")?;
    let waiting = gateway.server.turns_waiting().await?;
    let cpu = process::cpu_seconds(gateway.server.pid())?;
    let accepted = post(gateway.server.target(), &path, callers, &load).await?;
    let cpu_accepted = process::cpu_seconds(gateway.server.pid())?;
    let work = if case.held { None } else { Some(gateway.work_off(waiting + measured).await?) };
    let memory = process::memory(gateway.server.pid())?;
    gateway.check(WARM_UP + measured).await?;
    // What is left of the backlog would hold the end up, and take time from the other.
    gateway.server.process().kill()?;
    let after = post(&reader, &path, callers, &load).await.context("plain handler")?;
    Ok(Outcome {
        accepted: Answered::of(&accepted),
        plain: Answered::of(&before).mean(&Answered::of(&after)),
        cpu_per_thousand: (cpu_accepted - cpu) / stats::float(measured) * 1_000.0,
        work,
        rss_mb: memory.rss_mb,
        peak_mb: memory.peak_mb,
    })
}

/// Signed requests with these numbers.
pub(super) fn hooks(numbers: std::ops::Range<usize>, bytes: usize) -> Result<Arc<[Hook]>> {
    Ok(Hook::several(&Signer::new(SECRET.as_bytes())?, numbers, bytes)?.into())
}

async fn post(target: &Target, path: &str, callers: usize, hooks: &Arc<[Hook]>) -> Result<Posted> {
    hook::post_all(target, path, callers, hooks, StatusCode::ACCEPTED).await
}

/// A gateway with one source for GitHub.
pub(super) struct Gateway {
    pub(super) home: Home,
    pub(super) server: Server,
    pub(super) source: Source,
    pub(super) path: String,
}

impl Gateway {
    /// With the built-in agent, or one at this URL.
    pub(super) async fn start(place: &Place<'_>, name: &str, agent_url: Option<&str>) -> Result<Self> {
        let mut home = place.home(name)?.open_to_sources();
        let server = home.start_with_key().await?;
        let mut connection = Connection::open(server.target()).await?;
        let agent = match agent_url {
            None => None,
            Some(url) => {
                let agent = json!({ "name": "held", "runner": "http", "url": url });
                Some(source::create_agent(&mut connection, &agent).await?)
            }
        };
        let settings = json!({
            "name": "bench",
            "profile": "github",
            "auth": { "secret": SECRET },
            "session": { "mode": "per_delivery" },
            "rate_limit_per_minute": RATE_PER_MINUTE_MAX,
            "agent_id": agent,
        });
        let source = source::create(&mut connection, &settings).await?;
        let path = source.path();
        Ok(Self { home, server, source, path })
    }

    /// Waits until no agent has anything to do; fails when nothing ends for long.
    pub(super) async fn drain(&self) -> Result<()> {
        self.drain_to(0).await.map(|_| ())
    }

    /// Waits until no more than so many turns wait, and says how many.
    async fn drain_to(&self, left: usize) -> Result<usize> {
        let (mut waiting, mut since) = (usize::MAX, Instant::now());
        loop {
            let now = self.server.turns_waiting().await?;
            if now <= left {
                return Ok(now);
            }
            if now < waiting {
                (waiting, since) = (now, Instant::now());
            } else if since.elapsed() > STALL {
                return Err(Error::new(format!("{now} turns wait and none ends")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn work_off(&self, queued: usize) -> Result<Work> {
        let (began, cpu) = (Instant::now(), process::cpu_seconds(self.server.pid())?);
        let backlog = self.server.turns_waiting().await?;
        let left = self.drain_to(backlog.saturating_sub(DRAINED)).await?;
        let drained_s = began.elapsed().as_secs_f64();
        let cpu = process::cpu_seconds(self.server.pid())? - cpu;
        Ok(Work {
            done_meanwhile: stats::float(queued.saturating_sub(backlog)),
            backlog: stats::float(backlog),
            drained: stats::float(backlog - left),
            drained_s,
            cpu_per_thousand: cpu / stats::float((backlog - left).max(1)) * 1_000.0,
        })
    }

    /// That everything is listed.
    async fn check(&self, taken_on: usize) -> Result<()> {
        let mut connection = Connection::open(self.server.target()).await?;
        let listed = source::deliveries(&mut connection, &self.source, "").await?;
        let listed = listed.iter().filter(|delivery| delivery.status.is_taken_on()).count();
        if listed == taken_on {
            return Ok(());
        }
        Err(Error::new(format!("{taken_on} requests were answered 202, {listed} are listed")))
    }
}

impl Answered {
    fn of(posted: &Posted) -> Self {
        Self {
            per_second: posted.per_second(),
            p50_ms: posted.answers.percentile_ms(500),
            p99_ms: posted.answers.percentile_ms(990),
        }
    }

    fn mean(&self, other: &Self) -> Self {
        Self {
            per_second: f64::midpoint(self.per_second, other.per_second),
            p50_ms: f64::midpoint(self.p50_ms, other.p50_ms),
            p99_ms: f64::midpoint(self.p99_ms, other.p99_ms),
        }
    }
}
