//! `cargo xtask fuzz`: made-up input, for long, for everything that reads what strangers send. The targets are the
//! property tests that `cargo xtask test` runs with few cases; here each goes on until it has had its cases or its time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use cargo_metadata::Message;

use crate::error::{Error, Result};
use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only targets whose name contains this
    name: Option<String>,
    /// Cases of each target
    #[arg(long, default_value_t = 10_000_000)]
    cases: u64,
    /// Time of each target, seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many run at once [default: one per core]
    #[arg(long)]
    jobs: Option<usize>,
}

/// Where targets are: the crate, and what their names begin with in its integration tests.
const PLACES: [(&str, &str); 4] = [
    ("posthouse-providers", "hostile_auth::"),
    ("posthouse-providers", "hostile_profiles::"),
    ("posthouse-providers", "tools_properties::"),
    ("posthouse-agents", "hostile::answers_with_"),
];

/// The first round, which tells how fast the others will be.
const CASES_FIRST: u64 = 1_000;
/// A round is one run of the test: long enough that starting it costs nothing.
const ROUND: Duration = Duration::from_secs(20);

struct Target {
    name: String,
    program: PathBuf,
}

/// What came of a target.
struct Fuzzed {
    cases: u64,
    took: Duration,
    /// What the test printed when it failed.
    failure: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let named = |target: &Target| options.name.as_ref().is_none_or(|name| target.name.contains(name));
    let targets: VecDeque<Target> = targets()?.into_iter().filter(named).collect();
    let (count, targets) = (targets.len(), Mutex::new(targets));
    let next = || targets.lock().ok()?.pop_front();
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or_else(cores).max(1);
    println!("{count} targets, each {} cases or {} s, {jobs} at once", options.cases, options.seconds);
    let worker = || {
        let mut failed = 0;
        while let Some(target) = next() {
            let Fuzzed { cases, took, failure } = target.fuzz(options)?;
            let verdict = if failure.is_some() { "FAILED" } else { "ok" };
            println!("{:<80} {verdict:>6} {cases:>10} cases {:>5} s", target.name, took.as_secs());
            if let Some(printed) = failure {
                println!("{printed}");
                failed += 1;
            }
        }
        Ok::<usize, Error>(failed)
    };
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"))
            .sum::<Result<usize>>()
    })?;
    if count == 0 {
        return Err(Error::Problems { check: "fuzz: no target of that name", count: 1 });
    }
    if failed > 0 { Err(Error::Problems { check: "fuzz", count: failed }) } else { Ok(()) }
}

/// Builds the tests, optimised, and asks them what there is.
fn targets() -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for (package, prefix) in PLACES {
        let program = program(package)?;
        let listed = shell::capture(shell::command(&program).args(["--list", "--format", "terse"]))?;
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let ours = tests.filter(|name| name.starts_with(prefix));
        targets.extend(ours.map(|name| Target { name: name.to_owned(), program: program.clone() }));
    }
    Ok(targets)
}

/// The integration tests of a crate, as one program.
fn program(package: &'static str) -> Result<PathBuf> {
    const BUILD: [&str; 6] =
        ["test", "--release", "--no-run", "--test=it", "--message-format=json-render-diagnostics", "-p"];
    let printed = shell::capture(shell::cargo(&BUILD).arg(package))?;
    let executable = Message::parse_stream(printed.as_bytes()).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => artifact.executable,
        _ => None,
    });
    executable.last().map(Into::into).ok_or(Error::Problems { check: package, count: 1 })
}

impl Target {
    fn fuzz(&self, options: &Options) -> Result<Fuzzed> {
        let (began, time) = (Instant::now(), Duration::from_secs(options.seconds));
        let mut fuzzed = Fuzzed { cases: 0, took: Duration::ZERO, failure: None };
        let mut round = CASES_FIRST;
        while fuzzed.failure.is_none() && fuzzed.cases < options.cases && fuzzed.took < time {
            let cases = round.min(options.cases - fuzzed.cases);
            fuzzed.failure = self.try_out(cases)?;
            fuzzed.cases += cases;
            fuzzed.took = began.elapsed();
            let left = ROUND.min(time.saturating_sub(fuzzed.took));
            round = left
                .as_millis()
                .saturating_mul(fuzzed.cases.into())
                .div_ceil(fuzzed.took.as_millis().max(1))
                .try_into()
                .unwrap_or(u64::MAX)
                .max(1);
        }
        Ok(fuzzed)
    }

    /// Runs the test with so many cases, other ones each time. What it prints if it fails.
    fn try_out(&self, cases: u64) -> Result<Option<String>> {
        let mut test = shell::command(&self.program);
        test.args(["--exact", &self.name]).env("PROPTEST_CASES", cases.to_string()).stdin(Stdio::null());
        let output = test.output().map_err(|source| Error::Start { command: self.name.clone(), source })?;
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = || format!("{}{}{}", shown(&output.stdout), shown(&output.stderr), output.status);
        Ok((!output.status.success()).then(printed))
    }
}
