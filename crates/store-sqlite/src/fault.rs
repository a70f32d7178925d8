//! How a failure inside the store becomes a [`StoreError`].

use posthouse_store::StoreError;
use rusqlite::ErrorCode;

/// The result of work on a connection.
pub(crate) type Done<T> = Result<T, Fault>;

/// Why work on a connection ended early.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A rule said no before anything was written: an answer, not a failure. The others in the group go on.
    Refused(StoreError),
    /// Something broke, perhaps half-way: the transaction is rolled back.
    Failed(StoreError),
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) | Self::Failed(error) => error,
        }
    }

    /// A stored value that can not be read back.
    pub(crate) fn corrupt(table: &'static str, column: &'static str, id: String) -> Self {
        Self::Failed(StoreError::Corrupt { table, column, id })
    }
}

/// `None`, and an error in the log, for what can not be read back: one bad row must not hold up the others.
pub(crate) fn unless_corrupt<T>(done: Done<T>) -> Done<Option<T>> {
    match done {
        Err(Fault::Failed(error @ StoreError::Corrupt { .. })) => {
            tracing::error!(%error, "it is passed over");
            Ok(None)
        }
        done => done.map(Some),
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(store_error(&error))
    }
}

/// The store's error for one of SQLite's.
pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// The store's error for a file operation.
pub(crate) fn io_error(what: &str, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("{what}: {error}"))
}

/// What every method answers after `close`.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
