//! `cargo xtask kill`: kills the server under load, restarts it, and counts what was accepted and lost.

use crate::bench::{self, Built};
use crate::error::Result;
use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many times to kill it
    #[arg(long, default_value_t = 20)]
    trials: u32,
    /// While sources receive and agents work, instead of while events are published
    #[arg(long)]
    inbound: bool,
    /// Repeats the run that printed it
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Built { posthouse, bench } = bench::build()?;
    let mut command = shell::command(bench);
    command.args(["kill", "--trials", &options.trials.to_string(), "--binary"]).arg(posthouse);
    if options.inbound {
        command.arg("--inbound");
    }
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    shell::run(&mut command)
}
