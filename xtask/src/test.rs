//! `cargo xtask test`: every check and every test. Cheap checks first, the test runner last, so that its own
//! summary closes the output. A failed step does not hide the ones after it.

use std::time::Instant;

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::shell::{self, cargo, on_path};
use crate::{clients, graph, openapi, tidy};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run these steps only
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    only: Vec<Step>,
    /// Leave these steps out
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    skip: Vec<Step>,
}

/// The steps, in the order in which they run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Tidy,
    Graph,
    Clippy,
    Doc,
    Deny,
    Openapi,
    Clients,
    Tests,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Graph => "graph",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Deny => "deny",
            Self::Openapi => "openapi",
            Self::Clients => "clients",
            Self::Tests => "tests",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Fmt => "the formatting",
            Self::Tidy => "the rules of the source tree",
            Self::Graph => "who may depend on whom",
            Self::Clippy => "lints, as errors",
            Self::Doc => "the documentation builds",
            Self::Deny => "licences, sources and banned crates",
            Self::Openapi => "the API descriptions are what is served",
            Self::Clients => "published clients against the running binary",
            Self::Tests => "every test of the workspace",
        }
    }

    fn run(self) -> Result<Outcome> {
        match self {
            Self::Deny => return deny(),
            Self::Clients => return clients::run(),
            Self::Openapi => openapi::run(&openapi::Options { check: true }),
            Self::Fmt => {
                component("fmt", "rustfmt")?;
                shell::run(&mut cargo(&["fmt", "--all", "--check"]))
            }
            Self::Tidy => tidy::run(),
            Self::Graph => graph::run(),
            Self::Clippy => {
                component("clippy", "clippy")?;
                shell::run(&mut cargo(&[
                    "clippy",
                    "-q",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ]))
            }
            Self::Doc => shell::run(
                cargo(&["doc", "-q", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"),
            ),
            Self::Tests => tests(),
        }?;
        Ok(Outcome::Passed)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = |step: &Step| {
        (options.only.is_empty() || options.only.contains(step)) && !options.skip.contains(step)
    };
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for step in Step::value_variants().iter().copied().filter(chosen) {
        let name = step.name();
        if step == Step::Tests {
            remind("failed", &failed);
            remind("skipped, as said above", &skipped);
        }
        println!("== {name}: {}", step.purpose());
        let started = Instant::now();
        let result = step.run();
        let seconds = started.elapsed().as_secs_f32();
        match result {
            // The test runner has the last word.
            Ok(_) if step == Step::Tests => {}
            Ok(Outcome::Passed) => println!("   {name} ok, {seconds:.1} s"),
            Ok(Outcome::Skipped) => {
                println!("   {name} skipped in part or whole, {seconds:.1} s");
                skipped.push(name);
            }
            Err(error) => {
                println!("   {name} FAILED, {seconds:.1} s: {error}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::Steps(failed)) }
}

/// What came before the tests and would scroll away with them.
fn remind(how: &str, steps: &[&str]) {
    if !steps.is_empty() {
        println!("== {how}: {}", steps.join(", "));
    }
}

/// Adds a component of the toolchain that a minimal installation leaves out.
fn component(command: &str, name: &str) -> Result<()> {
    if shell::probe(&mut cargo(&[command, "--version"])).is_some() || on_path("rustup").is_none() {
        return Ok(());
    }
    shell::run(shell::command("rustup").args(["component", "add", name]))
}

fn deny() -> Result<Outcome> {
    if on_path("cargo-deny").is_none() {
        println!("   skipped: cargo-deny is not installed (`cargo install cargo-deny`)");
        return Ok(Outcome::Skipped);
    }
    // Advisories come from a repository, not from a registry: `cargo deny check advisories` asks for them.
    shell::run(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    Ok(Outcome::Passed)
}

fn tests() -> Result<()> {
    if on_path("cargo-nextest").is_none() {
        return shell::run(&mut cargo(&["test", "--workspace"]));
    }
    // Nextest leaves the examples in the documentation to cargo.
    shell::run(&mut cargo(&["test", "-q", "--doc", "--workspace"]))?;
    shell::run(&mut cargo(&["nextest", "run", "--workspace"]))
}
