//! The one catalogue of what can go wrong. Each dialect renders it in an exhaustive match, in its own shape.

use std::borrow::Cow;
use std::time::Duration;

use posthouse_store::{Constraint, StoreError};
use posthouse_types::{Capability, Invalid};
use serde_json::Value;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// A refusal or failure, with a text for the caller and, when there is one, a cause for the log.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// What kind.
    pub kind: ErrorKind,
    /// For the caller: what is wrong, without inner matters.
    pub detail: Cow<'static, str>,
    /// For the log only.
    #[source]
    pub cause: Option<StoreError>,
}

/// The closed set of kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum ErrorKind {
    /// No key, or not one of ours.
    Unauthenticated,
    /// The key may not do this.
    Forbidden {
        /// What it would need.
        needs: Capability,
    },
    /// No such thing, or not the caller's.
    NotFound,
    /// The request can not be read: not JSON, a broken cursor.
    Malformed {
        /// Where: `body`, `query.cursor`.
        location: Cow<'static, str>,
    },
    /// The request can be read, and members of it are wrong.
    Invalid(Vec<FieldError>),
    /// It exists already, or changed meanwhile.
    Conflict {
        /// The member that names what is taken, when it is one of the request's.
        location: Option<Cow<'static, str>>,
    },
    /// The idempotency key was used with another request.
    IdempotencyKeyReused,
    /// The body is larger than the limit.
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// The body is of a type this call does not take.
    UnsupportedMediaType,
    /// Too many requests with this key.
    RateLimited {
        /// When to come back.
        retry_after: Duration,
    },
    /// No call at this path.
    UnknownPath,
    /// The path does not know this method.
    WrongMethod,
    /// The request took too long to arrive or to answer.
    TimedOut,
    /// The store can not serve just now. Nothing was accepted.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// A member of a request that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldError {
    /// Where: `body.url`, `query.limit`, `header.idempotency-key`, `body.events[3].type`.
    pub location: String,
    /// What is wanted.
    pub message: String,
    /// What was given, when it is short and no secret.
    pub value: Option<Value>,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), cause: None }
    }

    /// Something that is not there, or not the caller's: the two look alike.
    pub fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no {what} {id}"))
    }

    /// Wrong members.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [only] => format!("{}: {}", only.location, only.message).into(),
            fields => format!("{} members of the request are not valid", fields.len()).into(),
        };
        Self { kind: ErrorKind::Invalid(fields), detail, cause: None }
    }

    /// One wrong member.
    pub fn field(location: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::invalid(vec![FieldError::new(location, message)])
    }
}

impl FieldError {
    /// A wrong member whose value is not repeated.
    pub fn new(location: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self { location: location.into(), message: format!("{message}"), value: None }
    }

    /// The same, repeating the value.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }
}

impl From<StoreError> for Error {
    fn from(cause: StoreError) -> Self {
        let conflict =
            |location: Option<&'static str>| ErrorKind::Conflict { location: location.map(Cow::Borrowed) };
        let (kind, detail) = match &cause {
            StoreError::Conflict(Constraint::SessionId) => {
                (conflict(Some("body.id")), "there is a session of this id")
            }
            StoreError::Conflict(Constraint::ProjectId) => {
                (conflict(Some("body.id")), "there is a project of this id")
            }
            StoreError::Conflict(Constraint::IdempotencyKey) => (
                conflict(Some("header.idempotency-key")),
                "a request with this idempotency key is being answered",
            ),
            StoreError::Stale => {
                (conflict(None), "it was changed by someone else at the same moment; try again")
            }
            StoreError::Busy => (ErrorKind::Unavailable, "the store is busy; try again"),
            StoreError::Unavailable(_) => (ErrorKind::Unavailable, "the store can not be reached; try again"),
            StoreError::Corrupt { .. } => (ErrorKind::Internal, "a stored value can not be read"),
        };
        Self { kind, detail: Cow::Borrowed(detail), cause: Some(cause) }
    }
}

/// Refuses one more of what there are `count` of.
pub(crate) fn within(what: &'static str, count: usize, max: usize) -> Result<()> {
    if count < max {
        return Ok(());
    }
    let kind = ErrorKind::Conflict { location: None };
    Err(Error::new(kind, format!("there are {max} {what} already, which is the limit")))
}

/// Says where a refused value stood.
pub trait At<T> {
    /// Turns a refusal into an [`Error`] that names the member.
    fn at(self, location: &str) -> Result<T>;
}

impl<T> At<T> for std::result::Result<T, Invalid> {
    fn at(self, location: &str) -> Result<T> {
        self.map_err(|invalid| Error::field(location, invalid))
    }
}
