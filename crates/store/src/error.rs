//! What can go wrong in a store. "Not found" is not among it: that is a `None` or a count.

/// The result of a store method.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A store's failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule would be broken.
    #[error("{0:?} is taken")]
    Conflict(Constraint),
    /// The record changed since it was read.
    #[error("the record changed since it was read")]
    Stale,
    /// The store can not take more just now; trying again may help.
    #[error("the store is busy")]
    Busy,
    /// The store can not be reached or failed to write.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A stored value can not be read back: a bug, or damage.
    #[error("{table}.{column} of {id} can not be read")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row, as text.
        id: String,
    },
}

/// The uniqueness rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// A session's id, within its space.
    SessionId,
    /// A project's id, within its space.
    ProjectId,
    /// An idempotency key that an answer is remembered under, within its space and project.
    IdempotencyKey,
}
