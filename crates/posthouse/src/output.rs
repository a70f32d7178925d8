//! Results: for a person on a terminal, JSON for a script.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use serde_json::Value;

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON value a line.
    Json,
}

impl Format {
    /// True when results are to be JSON.
    pub(crate) fn is_json(self) -> bool {
        match self {
            Self::Auto => !stdout().is_terminal(),
            Self::Text => false,
            Self::Json => true,
        }
    }

    /// Prints a result in either form.
    pub(crate) fn print(self, json: &Value, text: impl FnOnce() -> String) {
        if self.is_json() { say(&json.to_string()) } else { say(&text()) }
    }
}

/// Prints a line. A reader that has gone away is no error of ours.
pub(crate) fn say(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

/// Prints an error and what caused it.
pub(crate) fn complain(error: &dyn std::error::Error) {
    let mut err = stderr().lock();
    write!(err, "posthouse: {error}").ok();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(err, ": {cause}").ok();
        source = cause.source();
    }
    writeln!(err).ok();
}
