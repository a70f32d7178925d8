//! The embedded store: one writer thread with group commit, a reader pool, forward-only migrations.
//!
//! # How it works
//!
//! - One thread owns the connection that writes (`writer.rs`). Calls that come at the same time share a
//!   transaction and one fsync.
//! - A handful of read-only connections serve everything that only reads (`reader.rs`); key look-ups and the
//!   queue have their own, so that they never wait behind a list (`walk.rs`).
//! - A thread of its own moves the write-ahead log into the database (`checkpoint.rs`), so that commits do not
//!   pause for it.
//! - The queue of due deliveries is in memory, in bounded windows in front of an index (`lanes.rs`,
//!   `refill.rs`): a claim writes nothing, and a restart forgets all claims.
//! - The queue of agents' turns is a table (`turns.rs`): a claim is written, and a restart takes it back.
//!
//! A server holds a lock on its directory. One-shot commands ([`Role::OneShot`]) work beside it; they neither
//! accept nor claim, and change the schema only where no server runs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_store::{Result, Store, StoreError, Wakes};
use rusqlite::Connection;

use crate::fault::{Fault, store_error};
use crate::lanes::Lanes;
use crate::reader::Readers;
use crate::writer::{Shared, Writer};

mod actions;
mod agents;
mod attempts;
mod catalogue;
mod changes;
mod checkpoint;
mod config;
mod connect;
mod endpoints;
mod fault;
mod ids;
mod inbound;
mod journal;
mod lanes;
mod lists;
mod lock;
mod maintenance;
mod messages;
pub mod migrate;
mod queue;
mod reader;
mod refill;
mod remembered;
mod rows;
mod settle;
mod sources;
mod spaces;
mod tally;
mod tenants;
mod turns;
mod walk;
mod work;
mod writer;

pub use lanes::Bounds;
pub use migrate::Migration;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory; made when there is none.
    pub dir: PathBuf,
    /// What it is opened for.
    pub role: Role,
    /// How much due work is held in memory.
    pub bounds: Bounds,
}

impl Options {
    /// The usual bounds.
    pub fn new(dir: impl Into<PathBuf>, role: Role) -> Self {
        Self { dir: dir.into(), role, bounds: Bounds::default() }
    }
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To serve: accepts and delivers. One at a time.
    Server,
    /// For one command, perhaps beside a server: configuration and reading only.
    OneShot,
}

/// The embedded store.
pub struct SqliteStore {
    role: Role,
    writer: Arc<Writer>,
    readers: Readers,
    lanes: Arc<Mutex<Lanes>>,
    /// One batch of refills at a time.
    refills: Arc<tokio::sync::Mutex<()>>,
    wakes: Arc<Wakes>,
    /// Where the last slice of pruning ended, so that the next finds the place without a search.
    pruned_to: Mutex<Option<maintenance::Place>>,
    /// The same of what arrived.
    pruned_inbound_to: Mutex<inbound::Progress>,
    /// Given back last: when it is free, nothing of this store writes any more.
    lock: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens the store, brings its schema up to date and, for a server, finds the work that waits. Blocks.
    pub fn open(options: Options) -> Result<Self> {
        let Options { dir, role, bounds } = options;
        lock::make_dir(&dir)?;
        let lock = match role {
            Role::Server => Some(lock::take(&dir)?),
            Role::OneShot => None,
        };
        let failed = |error: rusqlite::Error| store_error(&error);
        let mut connection = connect::writer(&dir).map_err(failed)?;
        migrate_alone(&mut connection, &dir, role)?;
        let mut lanes = Lanes::new(bounds);
        if role == Role::Server {
            refill::restore(&connection, &mut lanes).map_err(Fault::into_error)?;
            turns::restore(&connection).map_err(Fault::into_error)?;
        }
        let readers = Readers::open(&dir).map_err(failed)?;
        let lanes = Arc::new(Mutex::new(lanes));
        let wakes = Arc::new(Wakes::default());
        let shared = Shared { lanes: lanes.clone(), wakes: wakes.clone() };
        let writer = Writer::start(connection, &dir, role, shared)?;
        Ok(Self {
            role,
            writer: Arc::new(writer),
            readers,
            lanes,
            refills: Arc::default(),
            wakes,
            pruned_to: Mutex::new(None),
            pruned_inbound_to: Mutex::default(),
            lock: Mutex::new(lock),
        })
    }

    /// The migrations that [`SqliteStore::open`] would apply, which a dry run prints. Makes no database. Blocks.
    pub fn pending_migrations(dir: &Path) -> Result<Vec<Migration>> {
        if !dir.join(connect::DATABASE_FILE).exists() {
            return Ok(migrate::MIGRATIONS.to_vec());
        }
        let connection = connect::reader(dir).map_err(|error| store_error(&error))?;
        migrate::pending(&connection)
    }

    /// Groups of writes committed since the store was opened: what shows how well calls share an fsync.
    pub fn groups_committed(&self) -> u64 {
        self.writer.groups()
    }

    /// Only a server accepts and delivers: nobody would tell the lanes of a running one.
    fn must_serve(&self) -> Result<()> {
        match self.role {
            Role::Server => Ok(()),
            Role::OneShot => {
                Err(StoreError::Unavailable("the store was opened for a one-shot command".into()))
            }
        }
    }
}

/// Brings the schema up to date. A command does so only where no server runs: one that does was made for the
/// schema as it is.
fn migrate_alone(connection: &mut Connection, dir: &Path, role: Role) -> Result<()> {
    let pending = migrate::pending(connection)?;
    let _alone = match role {
        Role::OneShot if !pending.is_empty() => Some(lock::take(dir).map_err(|error| {
            StoreError::Unavailable(format!(
                "the database must be brought up to date first ({} migrations): stop the server first ({error})",
                pending.len()
            ))
        })?),
        Role::OneShot | Role::Server => None,
    };
    for step in migrate::apply(connection)? {
        tracing::info!("applied migration {} ({})", step.number, step.name);
    }
    Ok(())
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.writer.stop();
    }
}

impl Store for SqliteStore {
    fn wakes(&self) -> &Wakes {
        &self.wakes
    }
}
