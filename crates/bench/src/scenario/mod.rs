//! The measurements. Each starts gateways of its own in a folder of its own and gives figures.

mod fanout;
mod flood;
mod formats;
mod hung;
mod ingest;
mod latency;
mod setup;
mod throughput;
mod waiting;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::error::{Context, Error, Result};
use crate::machine::{Commit, Machine, Stolen};
use crate::raw::{self, Amount};
use crate::report::{Figure, Finding, Report, say};
use crate::stats;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// The raw limit of the machine
    Raw,
    /// Durable deliveries per second, published in batches
    Batch,
    /// Durable deliveries per second, published one by one
    Single,
    /// From publish to arrival at 200 per second
    Latency,
    /// One event to ten endpoints
    Fanout,
    /// One event to four endpoints of four formats, against four of one
    Formats,
    /// One endpoint of 1,000 never answers
    Hung,
    /// Webhooks taken on per second, against a handler that only reads
    Ingest,
    /// 100,000 requests with forged signatures
    Flood,
    /// Memory, idle and with a backlog
    Memory,
    /// Time to ready with a backlog
    Restart,
}

/// How to measure.
pub struct Settings {
    /// The gateway.
    pub binary: PathBuf,
    /// What; empty is everything.
    pub only: Vec<Name>,
    /// Less of everything, for a look.
    pub quick: bool,
    /// Where the data folders go.
    pub folder: PathBuf,
    /// How the backlog of `memory` and `restart` comes to wait.
    pub backlog: Backlog,
}

/// Why deliveries wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backlog {
    /// The receiver's port refuses connections: attempts fail, retries wait
    Refused,
    /// The receiver never answers: what is due stays due
    Hung,
}

impl Settings {
    /// One or the other.
    fn sized<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    fn wants(&self, name: Name) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    fn raw_amount(&self) -> Amount {
        Amount { warm_up: 4_000, measured: self.sized(40_000, 20_000) }
    }
}

/// Measures all that is wanted, on one machine in one run.
pub async fn run(settings: &Settings) -> Result<Report> {
    let machine = Machine::inspect(&settings.folder)?;
    say(&machine.summary());
    if machine.is_in_memory() {
        say("WARNING: this filesystem is memory; durability costs nothing here and the figures mean little");
    }
    let stolen = Stolen::so_far();
    let mut findings = Vec::new();
    let before = raw_limit(settings).await?;
    measure_wanted(settings, &mut findings).await;
    let after = raw_limit(settings).await?;
    let raw = before.zip(after).map(|(before, after)| [before, after]);
    if let Some(raw) = raw {
        findings.insert(0, raw_finding(settings, raw).await?);
    }
    let mut report = Report {
        date: format!("{:.0}", jiff::Timestamp::now()),
        commit: Commit::current(),
        // Its name only: where it lies is nobody else's business.
        binary: settings.binary.file_name().map(PathBuf::from).unwrap_or_default(),
        machine,
        conditions: conditions(settings, Stolen::so_far().percent_since(stolen)),
        raw_per_second: raw.map(|raw| stats::mean(&raw)),
        findings,
    };
    report.judge();
    Ok(report)
}

async fn measure_wanted(settings: &Settings, findings: &mut Vec<Finding>) {
    const ALONE: [Name; 8] = [
        Name::Batch,
        Name::Single,
        Name::Latency,
        Name::Fanout,
        Name::Formats,
        Name::Hung,
        Name::Ingest,
        Name::Flood,
    ];
    for name in ALONE {
        if settings.wants(name) {
            findings.push(measure(settings, name).await);
        }
    }
    // The two share a backlog that takes long to build.
    match (settings.wants(Name::Memory), settings.wants(Name::Restart)) {
        (_, true) => findings.push(measure(settings, Name::Restart).await),
        (true, false) => findings.push(measure(settings, Name::Memory).await),
        (false, false) => {}
    }
}

async fn measure(settings: &Settings, name: Name) -> Finding {
    let scenario = title(name);
    say(&format!("{scenario}…"));
    match figures(settings, name).await {
        Ok(figures) => Finding { scenario, figures, failure: None },
        Err(error) => {
            say(&format!("{scenario} FAILED: {error}"));
            Finding { scenario, figures: vec![], failure: Some(error.to_string()) }
        }
    }
}

/// Runs one scenario in a folder that is removed when it succeeds and kept when it does not.
async fn figures(settings: &Settings, name: Name) -> Result<Vec<Figure>> {
    let prefix = format!("posthouse-bench-{}-", title(name));
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(&settings.folder);
    let folder = folder.context(format!("create a folder in {}", settings.folder.display()))?;
    let place = setup::Place { settings, folder: folder.path() };
    let figures = match name {
        Name::Raw => Ok(vec![]),
        Name::Batch => throughput::batch(&place).await,
        Name::Single => throughput::single(&place).await,
        Name::Latency => latency::run(&place).await,
        Name::Fanout => fanout::run(&place).await,
        Name::Formats => formats::run(&place).await,
        Name::Hung => hung::run(&place).await,
        Name::Ingest => ingest::run(&place).await,
        Name::Flood => flood::run(&place).await,
        Name::Memory => waiting::memory(&place).await,
        Name::Restart => waiting::memory_and_restart(&place).await,
    };
    figures.map_err(|error| Error::new(format!("{error} (kept: {})", folder.keep().display())))
}

fn title(name: Name) -> &'static str {
    match name {
        Name::Raw => "raw",
        Name::Batch => "batch",
        Name::Single => "single",
        Name::Latency => "latency",
        Name::Fanout => "fanout",
        Name::Formats => "formats",
        Name::Hung => "hung",
        Name::Ingest => "ingest",
        Name::Flood => "flood",
        Name::Memory => "memory",
        Name::Restart => "restart",
    }
}

/// None when nothing wanted is compared with it.
async fn raw_limit(settings: &Settings) -> Result<Option<f64>> {
    if ![Name::Raw, Name::Batch, Name::Single, Name::Fanout].iter().any(|name| settings.wants(*name)) {
        return Ok(None);
    }
    let rate = raw::one_process(settings.raw_amount()).await.context("raw limit")?;
    say(&format!("raw limit: {rate:.0} requests/s"));
    Ok(Some(rate))
}

async fn raw_finding(settings: &Settings, raw: [f64; 2]) -> Result<Finding> {
    let apart = raw::two_processes(settings.raw_amount(), &settings.folder).await?;
    let figures = vec![
        Figure::new("requests (before, after)", "1/s", raw.to_vec()).rated(),
        Figure::one("requests, sink in own process", "1/s", apart).rated(),
    ];
    Ok(Finding { scenario: title(Name::Raw), figures, failure: None })
}

fn conditions(settings: &Settings, stolen_percent: f64) -> Vec<String> {
    let amount = settings.raw_amount();
    let mut conditions = vec![
        format!(
            "raw: hyper's pooled client to the sink, {} B bodies, {} in flight on keep-alive connections, each \
             signed with HMAC-SHA256, client and sink in one process with 2 workers, {} requests after {}",
            raw::BODY_BYTES,
            raw::IN_FLIGHT,
            amount.measured,
            amount.warm_up
        ),
        "gateway, load generator and sink share the machine; the latter two are one process with 2 workers"
            .into(),
        "every scenario starts its own gateway with default settings on an empty data folder; ingest and flood raise \
         the limits of requests a minute".into(),
        "ingest: signed GitHub payloads over 64 connections; the plain handler is axum in a process of its own, \
         measured before and after with the same requests".into(),
        "deliveries/s: first publish request to last first arrival at the sink, after a warm-up".into(),
        "CPU: user + system time of the gateway process, until 300 ms after the last arrival".into(),
        "a value is the median of all values; memory is in MB of 1,000,000 bytes".into(),
        format!("CPU time stolen by the hypervisor during the run: {stolen_percent:.1} %"),
    ];
    if settings.quick {
        conditions.push("quick: less of everything, for a look, not for the record".into());
    }
    conditions
}
