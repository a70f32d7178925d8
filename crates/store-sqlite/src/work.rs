//! What a job works with: the connection inside the group's transaction, the statements of the hot path,
//! what the writer remembers, and what is to be told once the group is committed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_types::{DeliveryId, Space, TenantId};
use rusqlite::{Connection, Statement};

use crate::fault::Done;
use crate::lanes::{self, Lanes};
use crate::spaces::Spaces;

/// Statements that run for every event; kept apart from the cache to spare looking them up by their text.
pub(crate) struct Statements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    pub(crate) insert_event: Statement<'c>,
    pub(crate) insert_delivery: Statement<'c>,
    pub(crate) select_delivery: Statement<'c>,
    pub(crate) settle_delivery: Statement<'c>,
    pub(crate) insert_attempt: Statement<'c>,
}

impl<'c> Statements<'c> {
    /// Prepares all.
    pub(crate) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            insert_event: connection.prepare(
                "INSERT INTO events (id, space, event_type, project, session, external_id, ordering_key,
                                     occurred_at, created_at, payload)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?,
            insert_delivery: connection.prepare(
                "INSERT INTO deliveries (id, event_seq, endpoint_id, space, state, attempts, attempts_base,
                                         due_at, created_at, order_key)
                 VALUES (?1, ?2, ?3, ?4, 0, 0, 0, ?5, ?6, ?7)",
            )?,
            select_delivery: connection
                .prepare("SELECT state, attempts, trail, space, order_key FROM deliveries WHERE id = ?1")?,
            settle_delivery: connection.prepare(
                "UPDATE deliveries SET state = ?2, attempts = ?3, due_at = ?4, finished_at = ?5, trail = ?6
                 WHERE id = ?1",
            )?,
            insert_attempt: connection.prepare(
                "INSERT OR REPLACE INTO attempts (seq, id, started_at, duration_ms, outcome, status, error,
                                                  request_headers, response_headers, response_body,
                                                  wire, url)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
        })
    }
}

/// What is to be told once the group is committed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// To the lanes.
    pub(crate) lanes: lanes::Effects,
    /// To those who wait for due work, although no delivery changed.
    pub(crate) wake_due: bool,
    /// To those who follow events.
    pub(crate) wake_events: bool,
}

impl Effects {
    /// Forgets what was told, or what was rolled back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The state of the writer thread.
pub(crate) struct Work<'c> {
    /// Inside the group's transaction.
    pub(crate) connection: &'c Connection,
    /// The hot path.
    pub(crate) statements: Statements<'c>,
    /// Numbers of spaces.
    pub(crate) spaces: Spaces,
    /// What follows from the group.
    pub(crate) effects: Effects,
    /// Up to date with all groups before this one.
    lanes: Arc<Mutex<Lanes>>,
    /// What the group adds to the bytes that tenants keep.
    usage: HashMap<TenantId, i64>,
    /// The highest key in `attempts`, as far as this thread has looked.
    last_trail: Option<i64>,
}

/// Attempts that one delivery can have: its number is 16 bits.
pub(crate) const TRAIL_STEP: i64 = 1 << 16;

impl<'c> Work<'c> {
    /// Nothing done yet.
    pub(crate) fn new(
        connection: &'c Connection,
        statements: Statements<'c>,
        lanes: Arc<Mutex<Lanes>>,
    ) -> Self {
        Self {
            connection,
            statements,
            spaces: Spaces::default(),
            effects: Effects::default(),
            lanes,
            usage: HashMap::new(),
            last_trail: None,
        }
    }

    /// Begins the group's transaction.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<()> {
        self.statements.begin.execute([]).map(drop)
    }

    /// Commits it: after this it is on disk.
    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        self.statements.commit.execute([]).map(drop)
    }

    /// Undoes the group, in the file and in memory.
    pub(crate) fn roll_back(&mut self) {
        // SQLite may have rolled back by itself, when the disk is full for example.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a rollback failed");
        }
        self.effects.clear();
        self.spaces.clear();
        self.usage.clear();
        self.last_trail = None;
    }

    /// The number of a space, given out now when it has none.
    pub(crate) fn space(&mut self, space: Space) -> Done<i64> {
        self.spaces.ensure(self.connection, space)
    }

    /// The number of a space that something is stored for.
    pub(crate) fn known_space(&mut self, space: Space) -> Done<Option<i64>> {
        self.spaces.number(self.connection, space)
    }

    /// A place in `attempts` for a delivery's first attempt and all that follow.
    pub(crate) fn new_trail(&mut self) -> Done<i64> {
        let last = match self.last_trail {
            Some(last) => last,
            None => self
                .connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM attempts")?
                .query_row([], |row| row.get(0))?,
        };
        let next = (last / TRAIL_STEP + 1) * TRAIL_STEP;
        self.last_trail = Some(next);
        Ok(next)
    }

    /// Whether a delivery was requeued since its claimer took it: in this group or before.
    pub(crate) fn was_requeued(&self, id: DeliveryId) -> bool {
        self.effects.lanes.requeued.contains(&id) || self.lanes.lock().was_requeued(id)
    }

    /// Counts bytes that a tenant keeps from now on, or no longer.
    pub(crate) fn count_bytes(&mut self, tenant: TenantId, bytes: i64) {
        *self.usage.entry(tenant).or_default() += bytes;
    }

    /// The bytes that a tenant keeps.
    pub(crate) fn bytes_kept(&self, tenant: TenantId) -> Done<i64> {
        let stored: Option<i64> = rusqlite::OptionalExtension::optional(
            self.connection
                .prepare_cached("SELECT bytes FROM usage WHERE tenant = ?1")?
                .query_row([tenant.to_bytes()], |row| row.get(0)),
        )?;
        Ok(stored.unwrap_or(0) + self.usage.get(&tenant).copied().unwrap_or(0))
    }

    /// Writes the group's counts: one row for each tenant, whatever the group holds.
    pub(crate) fn write_usage(&mut self) -> Done<()> {
        for (tenant, bytes) in self.usage.drain() {
            self.connection
                .prepare_cached(
                    "INSERT INTO usage (tenant, bytes) VALUES (?1, max(0, ?2))
                     ON CONFLICT (tenant) DO UPDATE SET bytes = max(0, bytes + ?2)",
                )?
                .execute((tenant.to_bytes(), bytes))?;
        }
        Ok(())
    }
}
