//! What can go wrong in a task. The message says what failed; the source says why.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program is not there or may not be run.
    #[error("`{command}` did not start")]
    Start { command: String, source: std::io::Error },
    /// The program ran and reported failure; its own output says why.
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
    /// A program that should print text printed something else.
    #[error("`{command}` did not print text")]
    NotText { command: String, source: std::string::FromUtf8Error },
    /// A file could not be read or written.
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// `cargo metadata` did not answer.
    #[error("cargo metadata failed")]
    Metadata(#[from] cargo_metadata::Error),
    /// A check found problems and has printed each.
    #[error("{check}: {count} problem(s)")]
    Problems { check: &'static str, count: usize },
    /// A generated file differs from what the code generates now.
    #[error("{file} is out of date from line {line}; run `{remedy}`")]
    OutOfDate { file: String, line: usize, remedy: &'static str },
    /// Steps of `cargo xtask test` that failed.
    #[error("failed: {}", .0.join(", "))]
    Steps(Vec<&'static str>),
}

impl Error {
    /// An input or output error, tied to its file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
