//! `cargo xtask kill`: kills the server under load, restarts it, and counts what was accepted and lost.

use crate::bench::{self, Built};
use crate::error::Result;
use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many times to kill it
    #[arg(long, default_value_t = 20)]
    trials: u32,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Built { posthouse, bench } = bench::build()?;
    let trials = options.trials.to_string();
    shell::run(shell::command(bench).args(["kill", "--trials", &trials, "--binary"]).arg(posthouse))
}
