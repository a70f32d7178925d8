//! The `posthouse` binary: configuration, wiring, commands. The only place that names a concrete store.

mod client;
mod command;
mod configuration;
mod error;
mod inbox;
mod master_key;
mod metrics;
mod output;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

/// Fewer, steadier system calls for memory than the system's allocator makes under many small bodies.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match command::run(command::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
