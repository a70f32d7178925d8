//! The connections that read, in three pools, so that no kind of read waits behind another: points (a key, one
//! record), refills of the queue, and lists, which may take long.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_store::{Result, StoreError};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::connect;
use crate::fault::{Done, Fault, closed, store_error};
use crate::spaces::Spaces;

/// Point reads are done in microseconds; the second is for when one of them meets a slow disk.
const POINTS: usize = 2;
/// One batch of refills runs at a time.
const REFILLS: usize = 1;
const LISTS: usize = 4;

/// The pools.
#[derive(Clone)]
pub(crate) struct Readers {
    /// For reads that follow a key to its row: every request waits for one.
    pub(crate) points: Pool,
    /// For the queue.
    pub(crate) refills: Pool,
    /// For everything that walks along many rows.
    pub(crate) lists: Pool,
}

/// Connections, each used by one blocking task at a time.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    size: u32,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    spaces: Arc<Mutex<Spaces>>,
}

/// A connection on loan, with what readers remember.
pub(crate) struct Reading {
    connection: Option<Connection>,
    pool: Arc<Shared>,
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
        let spaces = Arc::default();
        Ok(Self {
            points: Pool::open(dir, POINTS, &spaces)?,
            refills: Pool::open(dir, REFILLS, &spaces)?,
            lists: Pool::open(dir, LISTS, &spaces)?,
        })
    }

    /// Closes the connections; those on loan when they come back.
    pub(crate) async fn close(&self) {
        for pool in [&self.points, &self.refills, &self.lists] {
            pool.close().await;
        }
    }
}

impl Pool {
    fn open(dir: &Path, size: usize, spaces: &Arc<Mutex<Spaces>>) -> rusqlite::Result<Self> {
        let idle = (0..size).map(|_| connect::reader(dir)).collect::<rusqlite::Result<Vec<_>>>()?;
        let shared = Shared {
            size: u32::try_from(size).expect("pools are small"),
            idle: Mutex::new(idle),
            permits: Arc::new(Semaphore::new(size)),
            spaces: spaces.clone(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Runs `read` where blocking is welcome. It runs to its end even when the caller goes away.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Reading) -> Done<T> + Send + 'static,
    {
        let permit = self.shared.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let pool = self.shared.clone();
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

    async fn close(&self) {
        // With all permits no connection is on loan; when someone else has closed already there are none.
        if let Ok(permits) = self.shared.permits.acquire_many(self.shared.size).await {
            let idle = std::mem::take(&mut *self.shared.idle.lock());
            self.shared.permits.close();
            drop(permits);
            for connection in idle {
                if let Err((_, error)) = connection.close() {
                    tracing::warn!(error = %store_error(&error), "a reader could not be closed");
                }
            }
        }
    }
}
