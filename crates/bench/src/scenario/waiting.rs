//! `memory` and `restart`: what a million waiting deliveries cost in memory and in time to be ready again.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use super::Backlog;
use super::setup::{Place, events};
use crate::child::Listening;
use crate::error::{Context, Error, Result};
use crate::load::{self, Form, Requests};
use crate::process::{self, Memory};
use crate::report::{Figure, Mark, say};
use crate::server::{Home, Server};
use crate::sink::Sink;
use crate::stats;

const PAYLOAD_BYTES: usize = 200;
const BATCH_EVENTS: usize = 1_000;
/// Published, checked and freed at a time, so that this program does not hold it all.
const PORTION: usize = 50_000;
const CONNECTIONS: usize = 2;
const RESTARTS: usize = 3;

/// After this, an idle process has done what it does at start.
const IDLE_AFTER: Duration = Duration::from_secs(2);
const QUIET_LOOK: Duration = Duration::from_secs(1);
/// Part of a core below which the gateway counts as waiting.
const QUIET_CPU: f64 = 0.05;
const QUIET_LOOKS: u32 = 3;
const QUIET_PATIENCE: Duration = Duration::from_secs(180);

/// Memory alone.
pub(super) async fn memory(place: &Place<'_>) -> Result<Vec<Figure>> {
    let backlog = Waiting::build(place).await?;
    backlog.server.stop().await?;
    Ok(backlog.figures)
}

/// Memory, and then restarts with the same backlog.
pub(super) async fn memory_and_restart(place: &Place<'_>) -> Result<Vec<Figure>> {
    let Waiting { mut home, key, server, sink, mut figures } = Waiting::build(place).await?;
    let mut times = Times::default();
    let mut server = server;
    for _ in 0..place.sized(RESTARTS, 1) {
        times.stop.push(server.stop().await?.as_secs_f64());
        server = restart(&mut home, &key, &mut times.after_stop).await?;
        server.process().kill()?;
        server = restart(&mut home, &key, &mut times.after_kill).await?;
    }
    let memory = settle(&mut server).await?;
    if !server.has_pending().await? {
        return Err(Error::new("nothing is waiting after the restarts"));
    }
    server.stop().await?;
    drop(sink);
    figures.extend(times.figures());
    figures.push(Figure::one("RSS after restart, waiting", "MB", memory.rss_mb).mark(Mark::AtMost(150.0)));
    Ok(figures)
}

/// A gateway with its backlog, and what was measured while it was built.
struct Waiting {
    home: Home,
    key: String,
    server: Server,
    /// Kept open, so that nobody answers.
    sink: Option<Sink>,
    figures: Vec<Figure>,
}

impl Waiting {
    async fn build(place: &Place<'_>) -> Result<Self> {
        let count = place.sized(1_000_000, 50_000);
        let mut home = place.home("waiting")?;
        let process = home.start().await?;
        let key = home.create_key()?;
        let mut server = Server::known(process, &key)?;
        tokio::time::sleep(IDLE_AFTER).await;
        let idle = process::memory(server.pid())?;

        let (url, sink) = receiver(place.settings.backlog).await?;
        let endpoint = json!({
            "url": url,
            "retry_policy": { "policy": "constant", "delay_seconds": 3_600, "attempts": 10 },
        });
        server.create_endpoint(&endpoint).await?;
        let began = Instant::now();
        publish(&server, count).await?;
        let published = began.elapsed();
        let full = settle(&mut server).await?;
        if !server.has_pending().await? {
            return Err(Error::new("nothing is waiting"));
        }
        let figures = vec![
            Figure::one("RSS idle", "MB", idle.rss_mb).mark(Mark::AtMost(40.0)),
            Figure::one("deliveries waiting", "", stats::float(count)),
            Figure::one("events accepted", "1/s", stats::per_second(count, published)),
            Figure::one("RSS waiting", "MB", full.rss_mb).mark(Mark::AtMost(150.0)),
            Figure::one("RSS waiting, without files", "MB", full.anonymous_mb),
            Figure::one("RSS peak while publishing", "MB", full.peak_mb),
            Figure::one("data folder", "MB", home.data_mb()?),
        ];
        Ok(Self { home, key, server, sink, figures })
    }
}

/// A URL where deliveries wait.
async fn receiver(backlog: Backlog) -> Result<(String, Option<Sink>)> {
    match backlog {
        Backlog::Refused => {
            let free = TcpListener::bind("127.0.0.1:0").await.context("find a free port")?;
            let address = free.local_addr().context("address of the free port")?;
            Ok((format!("http://{address}/e/0"), None))
        }
        Backlog::Hung => {
            let sink = Sink::start(0).await?;
            sink.faults().hang(0);
            Ok((sink.url(0), Some(sink)))
        }
    }
}

async fn publish(server: &Server, count: usize) -> Result<()> {
    for start in (0..count).step_by(PORTION) {
        let numbers = start..count.min(start + PORTION);
        let requests = Requests::prepare(Form::Json(BATCH_EVENTS), &events(numbers.clone(), PAYLOAD_BYTES));
        let published = load::closed_loop(server.target(), CONNECTIONS, requests).await?;
        let promised = published.deliveries()?;
        if promised != numbers.len() {
            return Err(Error::new(format!(
                "{} events were accepted for {promised} deliveries",
                numbers.len()
            )));
        }
        if numbers.end.is_multiple_of(count.div_ceil(4)) {
            say(&format!("  {} published", numbers.end));
        }
    }
    Ok(())
}

/// Waits until the gateway does next to nothing, and asks for its memory then.
async fn settle(server: &mut Server) -> Result<Memory> {
    let began = Instant::now();
    let mut quiet = 0;
    while quiet < QUIET_LOOKS && began.elapsed() < QUIET_PATIENCE {
        let before = process::cpu_seconds(server.pid())?;
        tokio::time::sleep(QUIET_LOOK).await;
        server.process().assert_running()?;
        let used = process::cpu_seconds(server.pid())? - before;
        quiet = if used < QUIET_CPU * QUIET_LOOK.as_secs_f64() { quiet + 1 } else { 0 };
    }
    let state = if quiet < QUIET_LOOKS { "STILL BUSY" } else { "quiet" };
    say(&format!("  {state} after {:.0} s", began.elapsed().as_secs_f64()));
    process::memory(server.pid())
}

/// Seconds of each restart.
#[derive(Default)]
struct Times {
    stop: Vec<f64>,
    after_stop: Starts,
    after_kill: Starts,
}

#[derive(Default)]
struct Starts {
    line: Vec<f64>,
    readyz: Vec<f64>,
}

impl Times {
    fn figures(self) -> Vec<Figure> {
        let within = |name: &str, all: Vec<f64>| Figure::new(name, "s", all).mark(Mark::AtMost(2.0));
        vec![
            Figure::new("SIGTERM to end", "s", self.stop),
            within("start to ready line, after SIGTERM", self.after_stop.line),
            within("start to /readyz, after SIGTERM", self.after_stop.readyz),
            within("start to ready line, after kill -9", self.after_kill.line),
            within("start to /readyz, after kill -9", self.after_kill.readyz),
        ]
    }
}

async fn restart(home: &mut Home, key: &str, starts: &mut Starts) -> Result<Server> {
    let process: Listening = home.start().await?;
    starts.line.push(process.ready_after.as_secs_f64());
    let server = Server::known(process, key)?;
    starts.readyz.push(server.ready().await?.as_secs_f64());
    Ok(server)
}
