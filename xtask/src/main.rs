//! Project tasks, run as `cargo xtask <command>`. Each command is one module of the same name.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod bench;
mod clients;
mod error;
mod fuzz;
mod graph;
mod kill;
mod openapi;
mod outcome;
mod shell;
mod test;
mod tidy;

use std::error::Error as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Every check and every test, in one command
    Test(test::Options),
    /// The rules of the source tree that no compiler checks
    Tidy,
    /// Which crate may depend on which
    Graph,
    /// Write openapi/*.json, or check that they are up to date
    Openapi(openapi::Options),
    /// Build the release binaries and run the load generator
    Bench(bench::Options),
    /// Make up input for what reads what strangers send, for long
    Fuzz(fuzz::Options),
    /// Kill the server under load, again and again, and count what was lost
    Kill(kill::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Tidy => tidy::run(),
        Task::Graph => graph::run(),
        Task::Openapi(options) => openapi::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Kill(options) => kill::run(&options),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("xtask: {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        eprintln!("  because: {inner}");
        cause = inner.source();
    }
    ExitCode::FAILURE
}
