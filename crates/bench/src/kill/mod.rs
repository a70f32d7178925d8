//! The crash harness: kills the gateway under load with SIGKILL, starts it again, and accounts for every event.
//!
//! What it proves: what was acknowledged survives the death of the process, and what is delivered twice was in
//! flight when it died. What it does not: SIGKILL leaves the page cache alone, so a missing fsync does not show
//! here, only a loss of power shows that.

mod account;
mod publisher;
mod trial;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;

use crate::error::{Context, Error, Result};
use crate::faults::Random;
use crate::report::say;
use crate::sink::Sink;
use crate::stats;
use account::Account;
use trial::Gateway;

/// A duplicate whose first arrival is older than this at the kill was not in flight.
pub const IN_FLIGHT_AGE: Duration = Duration::from_secs(2);

/// Folders of failed trials that are left on the disk.
const KEPT_MAX: usize = 3;

/// How to try.
pub struct Settings {
    /// The gateway.
    pub binary: PathBuf,
    /// How many kills.
    pub trials: u32,
    /// Decides the moments of the kills, the sizes of batches and the faults of the sink.
    pub seed: u64,
    /// An empty data folder after so many trials.
    pub fresh_every: u32,
    /// Where the data folders go.
    pub folder: PathBuf,
}

/// All trials together.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    seed: u64,
    trials: u32,
    /// Events answered 202.
    accepted: usize,
    /// Accepted and never delivered.
    lost: usize,
    /// Delivered again after the restart.
    duplicates: usize,
    /// Duplicates that were not in flight at the kill.
    duplicates_unexplained: usize,
    /// The longest that a duplicate's first arrival lay before the kill.
    duplicate_age_ms_max: f64,
    /// Events whose request was cut off by the kill.
    cut: usize,
    /// Of these, delivered: they had been stored before the kill.
    cut_delivered: usize,
    /// Batches of which some events were stored and others not.
    batches_torn: usize,
    /// Publish requests answered with something other than 202.
    refused: usize,
    /// Requests the sink answered 500 on purpose.
    sink_refusals: usize,
    /// Trials that could not be finished.
    broken: u32,
    ready_ms_median: f64,
    ready_ms_max: f64,
    seconds: f64,
    /// Folders with data and logs of failed trials.
    kept: Vec<PathBuf>,
}

impl Summary {
    /// Whether a promise was broken.
    pub fn failed(&self) -> bool {
        self.lost + self.duplicates_unexplained + self.batches_torn > 0
            || self.broken > 0
            || self.accepted == 0
    }

    fn add(&mut self, account: &Account) {
        self.accepted += account.accepted;
        self.lost += account.lost.len();
        self.duplicates += account.duplicates;
        self.duplicates_unexplained += account.unexplained.len();
        let age_ms = stats::milliseconds(account.age_max);
        self.duplicate_age_ms_max = self.duplicate_age_ms_max.max(age_ms);
        self.cut += account.cut;
        self.cut_delivered += account.cut_delivered;
        self.batches_torn += account.batches_torn;
        self.refused += account.refused;
    }
}

/// Runs all trials and prints a line for each failure and a summary.
pub async fn run(settings: &Settings) -> Result<Summary> {
    say(&format!("seed {}, {} trials", settings.seed, settings.trials));
    let began = Instant::now();
    let mut random = Random::new(settings.seed);
    let mut summary = Summary { seed: settings.seed, trials: settings.trials, ..Summary::default() };
    let mut ready_ms = Vec::new();
    let mut trial = 0;
    while trial < settings.trials {
        let end = settings.trials.min(trial + settings.fresh_every.max(1));
        trial = series(settings, trial..end, &mut random, &mut summary, &mut ready_ms).await?;
    }
    summary.ready_ms_median = stats::median(&ready_ms);
    summary.ready_ms_max = ready_ms.iter().copied().fold(0.0, f64::max);
    summary.seconds = began.elapsed().as_secs_f64();
    say(&serde_json::to_string(&summary).context("summary as JSON")?);
    Ok(summary)
}

/// Trials on one data folder. Ends early after a failed one, so that the folder can be kept as it is; says which
/// trial is next.
async fn series(
    settings: &Settings,
    trials: std::ops::Range<u32>,
    random: &mut Random,
    summary: &mut Summary,
    ready_ms: &mut Vec<f64>,
) -> Result<u32> {
    let folder = tempfile::Builder::new().prefix("posthouse-kill-").tempdir_in(&settings.folder);
    let folder = folder.context(format!("create a folder in {}", settings.folder.display()))?;
    let sink = Sink::start(trials.len() * trial::EVENTS_MAX).await?;
    let mut gateway = Gateway::start(&settings.binary, folder.path(), &sink).await?;
    for (place, trial) in trials.clone().enumerate() {
        let plan = trial::Plan::draw(place, random);
        match gateway.trial(&sink, &plan).await {
            Ok(account) => {
                ready_ms.push(stats::milliseconds(account.ready_after));
                summary.add(&account);
                progress(trial, &account);
                if account.failed() {
                    say(&format!("trial {trial} FAILED: {}", account.describe()));
                    keep(folder, summary);
                    summary.sink_refusals += sink.recorder().refused_count();
                    return Ok(trial + 1);
                }
            }
            Err(error) => {
                summary.broken += 1;
                say(&format!("trial {trial} BROKEN: {error}"));
                keep(folder, summary);
                return if summary.broken > 2 {
                    Err(Error::new("three trials broke"))
                } else {
                    Ok(trial + 1)
                };
            }
        }
    }
    summary.sink_refusals += sink.recorder().refused_count();
    Ok(trials.end)
}

fn progress(trial: u32, account: &Account) {
    const EVERY: u32 = 10;
    if (trial + 1).is_multiple_of(EVERY) {
        say(&format!("trial {trial}: {}", account.describe()));
    }
}

fn keep(folder: TempDir, summary: &mut Summary) {
    if summary.kept.len() < KEPT_MAX {
        let path = folder.keep();
        say(&format!("kept: {}", path.display()));
        summary.kept.push(path);
    }
}
