//! `posthouse-bench run` measures the gateway, `posthouse-bench kill` crashes it. Without a word it is `run`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};
use posthouse_bench::error::{Context, Error, Result};
use posthouse_bench::report::say;
use posthouse_bench::scenario::{self, Backlog, Name};
use posthouse_bench::sink::Sink;
use posthouse_bench::{kill, plain, stats};

/// Measures and crashes the posthouse binary from outside.
#[derive(Parser)]
#[command(name = "posthouse-bench", subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    run: Option<Run>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Measure
    Run(Run),
    /// Kill the gateway under load, again and again, and account for every event
    Kill(Kill),
    /// The receiver alone, until it is killed
    #[command(hide = true)]
    Sink(Receiver),
    /// A handler that only reads, until it is killed
    #[command(hide = true)]
    Plain,
}

#[derive(Args)]
struct Run {
    /// The posthouse binary, a release build
    #[arg(long)]
    binary: PathBuf,
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Name>,
    /// Less of everything, for a look
    #[arg(long)]
    quick: bool,
    /// Where the JSON file with all figures goes
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Where the data folders go [default: beside the binary]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Why the backlog of memory and restart waits
    #[arg(long, value_enum, default_value = "refused")]
    backlog: Backlog,
}

#[derive(Args)]
struct Kill {
    /// The posthouse binary
    #[arg(long)]
    binary: PathBuf,
    /// How many times
    #[arg(long, default_value_t = 20)]
    trials: u32,
    /// Decides moments, sizes and faults [default: from the clock; printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Crash while sources receive and agents work, instead of while events are published
    #[arg(long)]
    inbound: bool,
    /// An empty data folder after so many trials
    #[arg(long, default_value_t = 50)]
    fresh_every: u32,
    /// Where the data folders go [default: beside the binary]
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Args)]
struct Receiver {
    #[arg(long)]
    slots: usize,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match execute(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn execute(cli: Cli) -> Result<bool> {
    match (cli.command, cli.run) {
        (Some(Command::Run(run)), _) | (None, Some(run)) => measure(run).await,
        (Some(Command::Kill(options)), _) => crash(options).await,
        (Some(Command::Sink(options)), _) => receive(options).await,
        (Some(Command::Plain), _) => read_only().await,
        (None, None) => Err(Error::new("say what to do; --help lists it")),
    }
}

async fn measure(run: Run) -> Result<bool> {
    let binary = found(&run.binary)?;
    let folder = data_folder(run.dir, &binary)?;
    let settings =
        scenario::Settings { binary, only: run.only, quick: run.quick, folder, backlog: run.backlog };
    let report = scenario::run(&settings).await?;
    report.print();
    say(&format!("\nstored in {}", report.store(&run.out)?.display()));
    Ok(report.is_complete())
}

async fn crash(options: Kill) -> Result<bool> {
    let binary = found(&options.binary)?;
    let folder = data_folder(options.dir, &binary)?;
    let Kill { trials, fresh_every, .. } = options;
    let seed = options.seed.unwrap_or_else(seed_of_now);
    let settings = kill::Settings { binary, trials, seed, fresh_every, folder };
    if options.inbound { kill::run_inbound(&settings).await } else { kill::run(&settings).await }
}

async fn receive(options: Receiver) -> Result<bool> {
    let sink = Sink::start(options.slots).await?;
    say(&format!(r#"{{"address":"{}"}}"#, sink.address()));
    std::future::pending().await
}

async fn read_only() -> Result<bool> {
    let listener = plain::listen().await?;
    let address = listener.local_addr().context("own address")?;
    say(&format!(r#"{{"address":"{address}"}}"#));
    plain::serve(listener).await?;
    Ok(true)
}

/// Absolute, because the gateway runs in its own folder.
fn found(binary: &Path) -> Result<PathBuf> {
    binary.canonicalize().context(format!("no binary at {}", binary.display()))
}

/// Beside the binary is the disk of the build, where a sync is a sync.
fn data_folder(given: Option<PathBuf>, binary: &Path) -> Result<PathBuf> {
    let folder = given.or_else(|| binary.parent().map(Path::to_owned)).context("the binary is nowhere")?;
    folder.canonicalize().context(format!("no folder {}", folder.display()))
}

fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, stats::nanoseconds) % 1_000_000
}
