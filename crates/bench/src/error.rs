//! One error for a tool that a person reads: what was being done, and what went wrong under it.

use std::error::Error as StdError;
use std::fmt;

/// What a measurement or trial could not do.
#[derive(Debug)]
pub struct Error {
    what: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with nothing under it.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)?;
        let mut next = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(error) = next {
            write!(out, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

// The chain is part of the text, so it is not offered a second time as `source`.
impl StdError for Error {}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Puts `what` before the failure.
    fn context(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: StdError + Send + Sync + 'static> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error { what: what.into(), source: Some(Box::new(error)) })
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl Into<String>) -> Result<T> {
        self.ok_or_else(|| Error::new(what))
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Error};

    #[test]
    fn the_text_holds_the_chain() {
        let error = Err::<(), _>(Error::new("refused")).context("connect").unwrap_err();
        assert_eq!(error.to_string(), "connect: refused");
    }
}
