//! The connections that read: a handful, each used by one blocking task at a time.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_store::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::connect;
use crate::fault::{Done, Fault, closed, store_error};
use crate::spaces::Spaces;

const READERS: usize = 4;

/// The pool.
#[derive(Clone)]
pub(crate) struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    spaces: Mutex<Spaces>,
}

/// A connection on loan, with what readers remember.
pub(crate) struct Reading {
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.connection.take());
    }
}

impl Reading {
    /// The connection.
    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back in drop only")
    }

    /// The number of a space that something is stored for.
    pub(crate) fn space(&self, space: posthouse_types::Space) -> Done<Option<i64>> {
        self.pool.spaces.lock().number(self.connection(), space)
    }

    /// The space of a number.
    pub(crate) fn space_of(&self, number: i64) -> Done<posthouse_types::Space> {
        self.pool.spaces.lock().space(self.connection(), number)
    }
}

impl Readers {
    /// Opens the connections.
    pub(crate) fn open(dir: &Path) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| connect::reader(dir)).collect::<rusqlite::Result<Vec<_>>>()?;
        let pool = Pool {
            idle: Mutex::new(idle),
            permits: Arc::new(Semaphore::new(READERS)),
            spaces: Mutex::default(),
        };
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Runs `read` where blocking is welcome. It runs to its end even when the caller goes away.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Reading) -> Done<T> + Send + 'static,
    {
        let permit = self.pool.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let pool = self.pool.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = pool.idle.lock().pop();
            let reading = Reading { connection: Some(connection.ok_or_else(closed)?), pool };
            let result = read(&reading).map_err(Fault::into_error);
            drop(reading);
            drop(permit);
            result
        });
        task.await.map_err(|error| StoreError::Unavailable(format!("a read broke off: {error}")))?
    }

    /// Closes the connections; those on loan when they come back.
    pub(crate) async fn close(&self) {
        let Ok(all) = u32::try_from(READERS) else { return };
        // With all permits no connection is on loan; when someone else has closed already there are none.
        if let Ok(permits) = self.pool.permits.acquire_many(all).await {
            let idle = std::mem::take(&mut *self.pool.idle.lock());
            self.pool.permits.close();
            drop(permits);
            for connection in idle {
                if let Err((_, error)) = connection.close() {
                    tracing::warn!(error = %store_error(&error), "a reader could not be closed");
                }
            }
        }
    }
}
