//! The crash harness: kills the gateway under load with SIGKILL, starts it again, and accounts for everything that
//! it had acknowledged: published events, or (`inbound`) what sources took on and the work that agents owe on it.
//!
//! What it proves: what was acknowledged survives the death of the process, and what is delivered twice was in
//! flight when it died. What it does not: SIGKILL leaves the page cache alone, so a missing fsync does not show
//! here, only a loss of power shows that.

mod account;
mod inbound;
mod publisher;
mod trial;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;

use crate::error::{Context, Error, Result};
use crate::faults::Random;
use crate::report::say;
use crate::stats;

/// What is done again and lies longer than this before the kill was not in flight.
pub const IN_FLIGHT_AGE: Duration = Duration::from_secs(2);

/// Folders of failed trials that are left on the disk.
const KEPT_MAX: usize = 3;

/// How to try.
pub struct Settings {
    /// The gateway.
    pub binary: PathBuf,
    /// How many kills.
    pub trials: u32,
    /// Decides the moments of the kills, the sizes of batches and the faults of the receiver.
    pub seed: u64,
    /// An empty data folder after so many trials.
    pub fresh_every: u32,
    /// Where the data folders go.
    pub folder: PathBuf,
}

/// When the gateway died, in nanoseconds since some instant.
#[derive(Debug, Clone, Copy)]
struct Kill {
    /// Just before the signal.
    sent_ns: u64,
    /// Just before the next gateway was started. What the dead one had written could arrive until here.
    restarted_ns: u64,
}

impl Kill {
    /// How long before the kill something was done, if the kill is why it was done again.
    fn age(self, before_ns: u64, again_ns: u64) -> Option<Duration> {
        let across = before_ns < self.restarted_ns && again_ns >= self.restarted_ns;
        let age = Duration::from_nanos(self.sent_ns.saturating_sub(before_ns));
        (across && age <= IN_FLIGHT_AGE).then_some(age)
    }
}

/// A gateway under some load, on one data folder, to be killed again and again.
trait Rig: Sized {
    type Account: Outcome;
    type Totals: Totals<Self::Account>;

    /// On an empty folder, for so many trials.
    async fn start(binary: &Path, folder: &Path, trials: usize) -> Result<Self>;

    /// One trial, at this place of its series.
    async fn trial(&mut self, place: usize, random: &mut Random) -> Result<Self::Account>;
}

/// What came of a trial.
trait Outcome {
    /// Whether a promise was broken.
    fn failed(&self) -> bool;

    /// In one line.
    fn describe(&self) -> String;

    /// From the start of the process after the kill until it was ready.
    fn ready_after(&self) -> Duration;
}

/// All trials together.
trait Totals<Account>: Default + Serialize {
    fn add(&mut self, account: &Account);

    /// Whether a promise was broken, or none was made.
    fn failed(&self) -> bool;
}

/// What is printed at the end.
#[derive(Debug, Default, Serialize)]
struct Summary<T> {
    seed: u64,
    trials: u32,
    #[serde(flatten)]
    totals: T,
    /// Trials that could not be finished.
    broken: u32,
    ready_ms_median: f64,
    ready_ms_max: f64,
    seconds: f64,
    /// Folders with data and logs of failed trials.
    kept: Vec<PathBuf>,
    #[serde(skip)]
    ready_ms: Vec<f64>,
}

/// Kills it while events are published and delivered. Says whether all promises were kept; prints a line for each
/// failure, and a summary.
pub async fn run(settings: &Settings) -> Result<bool> {
    try_all::<trial::Gateway>(settings).await
}

/// The same while sources receive, deliveries wait and agents work.
pub async fn run_inbound(settings: &Settings) -> Result<bool> {
    try_all::<inbound::Gateway>(settings).await
}

async fn try_all<R: Rig>(settings: &Settings) -> Result<bool> {
    say(&format!("seed {}, {} trials", settings.seed, settings.trials));
    let began = Instant::now();
    let mut random = Random::new(settings.seed);
    let mut summary =
        Summary::<R::Totals> { seed: settings.seed, trials: settings.trials, ..Summary::default() };
    let mut trial = 0;
    while trial < settings.trials {
        let end = settings.trials.min(trial + settings.fresh_every.max(1));
        trial = series::<R>(settings, trial..end, &mut random, &mut summary).await?;
    }
    summary.ready_ms_median = stats::median(&summary.ready_ms);
    summary.ready_ms_max = summary.ready_ms.iter().copied().fold(0.0, f64::max);
    summary.seconds = began.elapsed().as_secs_f64();
    say(&serde_json::to_string(&summary).context("summary as JSON")?);
    Ok(summary.broken == 0 && !summary.totals.failed())
}

/// Trials on one data folder. Ends early after a failed one, so that the folder can be kept as it is; says which
/// trial is next.
async fn series<R: Rig>(
    settings: &Settings,
    trials: std::ops::Range<u32>,
    random: &mut Random,
    summary: &mut Summary<R::Totals>,
) -> Result<u32> {
    let folder = tempfile::Builder::new().prefix("posthouse-kill-").tempdir_in(&settings.folder);
    let folder = folder.context(format!("create a folder in {}", settings.folder.display()))?;
    let mut rig = R::start(&settings.binary, folder.path(), trials.len()).await?;
    for (place, trial) in trials.clone().enumerate() {
        match rig.trial(place, random).await {
            Ok(account) => {
                summary.ready_ms.push(stats::milliseconds(account.ready_after()));
                summary.totals.add(&account);
                progress(trial, &account);
                if account.failed() {
                    say(&format!("trial {trial} FAILED: {}", account.describe()));
                    keep(folder, &mut summary.kept);
                    return Ok(trial + 1);
                }
            }
            Err(error) => {
                summary.broken += 1;
                say(&format!("trial {trial} BROKEN: {error}"));
                keep(folder, &mut summary.kept);
                return if summary.broken > 2 {
                    Err(Error::new("three trials broke"))
                } else {
                    Ok(trial + 1)
                };
            }
        }
    }
    Ok(trials.end)
}

fn progress(trial: u32, account: &impl Outcome) {
    const EVERY: u32 = 10;
    if (trial + 1).is_multiple_of(EVERY) {
        say(&format!("trial {trial}: {}", account.describe()));
    }
}

fn keep(folder: TempDir, kept: &mut Vec<PathBuf>) {
    if kept.len() < KEPT_MAX {
        let path = folder.keep();
        say(&format!("kept: {}", path.display()));
        kept.push(path);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Kill;

    #[test]
    fn what_is_done_again_is_explained_by_a_kill_in_between() {
        const MS: u64 = 1_000_000;
        let kill = Kill { sent_ns: 5_000 * MS, restarted_ns: 5_050 * MS };
        let age = |before_ms, again_ms| kill.age(before_ms * MS, again_ms * MS);
        assert_eq!(age(4_990, 5_100), Some(Duration::from_millis(10)));
        assert_eq!(age(5_020, 5_100), Some(Duration::ZERO), "written by the dead one, read after the kill");
        assert_eq!(age(2_900, 5_100), None, "too long before the kill");
        assert_eq!(age(4_980, 4_990), None, "twice before the kill");
        assert_eq!(age(5_100, 5_200), None, "twice after the restart");
    }
}
