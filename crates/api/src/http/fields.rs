//! Collects what is wrong with a request, so that one answer can name all of it.

use std::fmt::Display;

use posthouse_engine::{Error, FieldError};

use super::limits::{FIELD_ERRORS_MAX, VALUE_CHARS_MAX};

/// The wrong members found so far.
#[derive(Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// Notes a wrong member.
    pub(crate) fn refuse(&mut self, location: impl Into<String>, message: impl Display) {
        self.0.push(FieldError::new(location, message));
    }

    /// Takes a value, or notes that it is wrong. For secrets: the value is not repeated.
    pub(crate) fn take<T, E: Display>(
        &mut self,
        result: Result<T, E>,
        location: impl FnOnce() -> String,
    ) -> Option<T> {
        result.map_err(|error| self.refuse(location(), error)).ok()
    }

    /// Reads a text, or notes what is wrong with it, repeating it when it is short.
    pub(crate) fn read<T, E: Display>(
        &mut self,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        location: impl FnOnce() -> String,
    ) -> Option<T> {
        parse(text)
            .map_err(|error| {
                let field = FieldError::new(location(), error);
                let short = text.len() <= VALUE_CHARS_MAX;
                self.0.push(if short { field.with_value(text) } else { field });
            })
            .ok()
    }

    /// Reads a text that may be absent.
    pub(crate) fn read_if<T, E: Display>(
        &mut self,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, E>,
        location: impl FnOnce() -> String,
    ) -> Option<T> {
        text.and_then(|text| self.read(text, parse, location))
    }

    /// True when looking further would only make the answer longer.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= FIELD_ERRORS_MAX
    }

    /// Nothing was wrong, or this is what.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.0.truncate(FIELD_ERRORS_MAX);
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid(self.0)) }
    }

    /// A value that is there unless something was wrong.
    pub(crate) fn finish_with<T>(self, value: Option<T>) -> Result<T, Error> {
        self.finish()?;
        value.ok_or_else(|| Error::field("body", "is incomplete"))
    }
}
