//! What a job works with: the connection inside the group's transaction, the statements of the hot path,
//! what the writer remembers, and what is to be told once the group is committed.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_store::Snapshot;
use posthouse_types::{DeliveryId, SourceId, Space};
use rusqlite::{Connection, OptionalExtension, Statement};

use crate::fault::Done;
use crate::ids::IdMap;
use crate::lanes::{self, Lanes};
use crate::spaces::Spaces;
use crate::tally::Tally;

/// Statements that run for every event and every arrival; kept apart from the cache to spare looking them up by their text.
pub(crate) struct Statements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    pub(crate) insert_event: Statement<'c>,
    pub(crate) insert_delivery: Statement<'c>,
    pub(crate) select_delivery: Statement<'c>,
    pub(crate) settle_delivery: Statement<'c>,
    pub(crate) insert_attempt: Statement<'c>,
    pub(crate) select_holder: Statement<'c>,
    pub(crate) insert_inbound: Statement<'c>,
    pub(crate) insert_body: Statement<'c>,
    pub(crate) select_session_turn: Statement<'c>,
    pub(crate) insert_turn: Statement<'c>,
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
            select_holder: connection.prepare(
                "SELECT id, number, status, held_until FROM inbound INDEXED BY inbound_held
                 WHERE source = ?1 AND dedup_key = ?2 AND holds = 1",
            )?,
            insert_inbound: connection.prepare(
                "INSERT INTO inbound (number, id, space, source, status, runs, body_bytes, received_at, started_at,
                                      finished_at, input_tokens, output_tokens, holds, held_until, dedup_key,
                                      session, event_type, entity_key, reason, error, remote_ip, headers)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
                         ?21, ?22)",
            )?,
            insert_body: connection
                .prepare("INSERT INTO bodies (number, space, snapshot, body) VALUES (?1, ?2, ?3, ?4)")?,
            select_session_turn: connection
                .prepare("SELECT 1 FROM turns WHERE space = ?1 AND session = ?2")?,
            insert_turn: connection.prepare(
                "INSERT INTO turns (id, space, session, kind, subject, source, delivery, starts, queued_at, due_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
    /// To those who run agents.
    pub(crate) wake_turns: bool,
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
    /// What the group adds up.
    pub(crate) tally: Tally,
    /// The space whose turn was claimed last.
    pub(crate) turns_after: i64,
    /// Up to date with all groups before this one.
    lanes: Arc<Mutex<Lanes>>,
    /// The highest key in `attempts`, as far as this thread has looked.
    last_trail: Option<i64>,
    /// The highest number that an inbound delivery was ever given, likewise.
    last_inbound: Option<i64>,
    /// Numbers of the sources that the group has looked for; `None` where there is none. For no longer than the
    /// group: between two of them another process may have removed one.
    sources: IdMap<SourceId, Option<(i64, i64)>>,
    /// Numbers of snapshots, by digest. Nobody but this thread removes any.
    snapshots: HashMap<[u8; 32], i64>,
}

/// Snapshots remembered; beyond it all are forgotten, and looked up again.
const SNAPSHOTS_MAX: usize = 10_000;

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
            tally: Tally::default(),
            turns_after: i64::MIN,
            lanes,
            last_trail: None,
            last_inbound: None,
            sources: IdMap::default(),
            snapshots: HashMap::new(),
        }
    }

    /// Begins the group's transaction.
    pub(crate) fn begin(&mut self) -> rusqlite::Result<()> {
        self.sources.clear();
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
        self.tally.clear();
        self.last_trail = None;
        self.last_inbound = None;
        self.snapshots.clear();
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

    /// The number of a source of this space.
    pub(crate) fn source(&mut self, space: i64, id: SourceId) -> Done<Option<i64>> {
        let found = if let Some(known) = self.sources.get(&id) {
            *known
        } else {
            let found = self
                .connection
                .prepare_cached("SELECT number, space FROM sources WHERE id = ?1 AND deleted = 0")?
                .query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            self.sources.insert(id, found);
            found
        };
        Ok(found.filter(|(_, owner)| *owner == space).map(|(number, _)| number))
    }

    /// For when the group itself adds or removes sources.
    pub(crate) fn forget_sources(&mut self) {
        self.sources.clear();
    }

    /// A number for an inbound delivery, above all that were ever given.
    pub(crate) fn next_inbound(&mut self) -> Done<i64> {
        let last = match self.last_inbound {
            Some(last) => last,
            // The table's own memory of the highest number, which outlasts the rows.
            None => self
                .connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'inbound'")?
                .query_row([], |row| row.get(0))?,
        };
        self.last_inbound = Some(last + 1);
        Ok(last + 1)
    }

    /// The number of a snapshot, stored now when it is new.
    pub(crate) fn snapshot(&mut self, snapshot: &Snapshot) -> Done<i64> {
        if let Some(number) = self.snapshots.get(&snapshot.digest) {
            return Ok(*number);
        }
        let stored = self
            .connection
            .prepare_cached("SELECT number FROM snapshots WHERE digest = ?1")?
            .query_row([snapshot.digest], |row| row.get(0))
            .optional()?;
        let number = if let Some(number) = stored {
            number
        } else {
            self.connection
                .prepare_cached("INSERT INTO snapshots (digest, uses, text) VALUES (?1, 0, ?2)")?
                .execute((snapshot.digest, &snapshot.text))?;
            self.connection.last_insert_rowid()
        };
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            self.snapshots.clear();
        }
        self.snapshots.insert(snapshot.digest, number);
        Ok(number)
    }

    /// Removes snapshots that no body names any more, `limit` at the most; the answer is how many.
    pub(crate) fn remove_snapshots(&mut self, limit: i64) -> Done<usize> {
        self.tally.write(self.connection)?;
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM snapshots WHERE number IN
                 (SELECT number FROM snapshots INDEXED BY snapshots_unused WHERE uses = 0 LIMIT ?1)
             RETURNING digest",
        )?;
        let gone: Vec<[u8; 32]> =
            statement.query_map([limit], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for digest in &gone {
            self.snapshots.remove(digest);
        }
        Ok(gone.len())
    }
}
