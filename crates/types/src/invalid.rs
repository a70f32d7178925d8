//! Why a value was refused.

use std::borrow::Cow;

/// A value that its type does not admit. The text says what is wanted; the caller knows which field it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub Cow<'static, str>);

impl Invalid {
    /// A reason known at compile time.
    pub const fn new(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }

    /// A reason that quotes part of the input.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(Cow::Owned(reason.into()))
    }
}
