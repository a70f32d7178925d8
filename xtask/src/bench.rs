//! `cargo xtask bench`: the load generator, on release builds, against the release binary.

use std::path::PathBuf;

use crate::error::Result;
use crate::shell;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to posthouse-bench
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Built { posthouse, bench } = build()?;
    shell::run(shell::command(bench).arg("--binary").arg(posthouse).args(&options.arguments))
}

/// The two release binaries a measurement needs.
pub(crate) struct Built {
    pub(crate) posthouse: PathBuf,
    pub(crate) bench: PathBuf,
}

/// Builds both and says where they are.
pub(crate) fn build() -> Result<Built> {
    shell::run(&mut shell::cargo(&["build", "--release", "-p", "posthouse", "-p", "posthouse-bench"]))?;
    let release = shell::metadata()?.target_directory.into_std_path_buf().join("release");
    Ok(Built { posthouse: release.join("posthouse"), bench: release.join("posthouse-bench") })
}
