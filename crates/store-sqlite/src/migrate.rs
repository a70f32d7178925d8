//! Forward-only migrations, embedded in the binary, recorded with a checksum, safe against a second process
//! that does the same at the same moment.

use posthouse_store::{Result, StoreError};
use rusqlite::{Connection, TransactionBehavior};

use crate::fault::store_error;

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number; steps are applied in order.
    pub number: u32,
    /// Its name, the same as in the other store.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
}

/// Every step this binary knows.
pub const MIGRATIONS: [Migration; 4] = [
    Migration { number: 1, name: "init", sql: include_str!("../migrations/0001_init.sql") },
    Migration { number: 2, name: "dialects", sql: include_str!("../migrations/0002_dialects.sql") },
    Migration { number: 3, name: "inbound", sql: include_str!("../migrations/0003_inbound.sql") },
    Migration { number: 4, name: "turns", sql: include_str!("../migrations/0004_turns.sql") },
];

const CREATE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT";

impl Migration {
    /// FNV-1a, 64 bits: tells an edited file from the one applied. It guards against slips, not attackers.
    pub fn checksum(&self) -> String {
        let hash = self.sql.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// The steps that are still to be applied. Refuses a database that this binary does not understand.
pub(crate) fn pending(connection: &Connection) -> Result<Vec<Migration>> {
    read_pending(connection, &MIGRATIONS)
}

/// Applies what is pending; answers what that was.
pub(crate) fn apply(connection: &mut Connection) -> Result<Vec<Migration>> {
    apply_all(connection, &MIGRATIONS)
}

fn apply_all(connection: &mut Connection, known: &[Migration]) -> Result<Vec<Migration>> {
    // Usually there is nothing to do, and then a start should not wait for another process's writes.
    if read_pending(connection, known)?.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: rusqlite::Error| store_error(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Looked at again inside the transaction: another process may have been first.
    let steps = read_pending(&transaction, known)?;
    transaction.execute_batch(CREATE).map_err(failed)?;
    for step in &steps {
        transaction.execute_batch(step.sql).map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO migrations (number, name, checksum, applied_at)
                 VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
                (step.number, step.name, step.checksum()),
            )
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(steps)
}

fn read_pending(connection: &Connection, known: &[Migration]) -> Result<Vec<Migration>> {
    let applied = applied(connection).map_err(|error| store_error(&error))?;
    for (number, name, checksum) in &applied {
        let Some(step) = known.iter().find(|step| step.number == *number) else {
            return Err(StoreError::Unavailable(format!(
                "the database is newer than this program: it has migration {number} ({name}); use a newer \
                 posthouse"
            )));
        };
        if step.checksum() != *checksum {
            return Err(StoreError::Unavailable(format!(
                "migration {number} ({name}) is not the one that was applied to this database"
            )));
        }
    }
    let done = |step: &&Migration| !applied.iter().any(|(number, ..)| *number == step.number);
    Ok(known.iter().filter(done).copied().collect())
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<(u32, String, String)>> {
    // A query, because `table_exists` answers from the connection's memory of the schema, which does not know
    // what another process did meanwhile.
    let exists = connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'")?
        .exists([])?;
    if !exists {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare("SELECT number, name, checksum FROM migrations ORDER BY number")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: Migration = Migration { number: 999, name: "next", sql: "CREATE TABLE next (x INTEGER)" };

    fn database() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let connection = crate::connect::writer(dir.path()).unwrap();
        (dir, connection)
    }

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let (_dir, mut connection) = database();
        assert_eq!(pending(&connection).unwrap(), MIGRATIONS);
        assert_eq!(apply(&mut connection).unwrap(), MIGRATIONS);
        assert_eq!(apply(&mut connection).unwrap(), []);
        assert_eq!(apply_all(&mut connection, &[&MIGRATIONS[..], &[NEXT]].concat()).unwrap(), [NEXT]);
        assert!(connection.table_exists(None, "next").unwrap());
    }

    #[test]
    fn a_newer_database_is_refused() {
        let (_dir, mut connection) = database();
        apply_all(&mut connection, &[&MIGRATIONS[..], &[NEXT]].concat()).unwrap();
        let refused = apply(&mut connection).unwrap_err().to_string();
        assert!(refused.contains("newer than this program"), "{refused}");
    }

    #[test]
    fn an_edited_migration_is_refused() {
        let (_dir, mut connection) = database();
        apply(&mut connection).unwrap();
        let edited = Migration { sql: "SELECT 1", ..MIGRATIONS[0] };
        let known = [&[edited], &MIGRATIONS[1..]].concat();
        let refused = apply_all(&mut connection, &known).unwrap_err().to_string();
        assert!(refused.contains("is not the one that was applied"), "{refused}");
    }

    #[test]
    fn a_failing_step_leaves_nothing_behind() {
        let (_dir, mut connection) = database();
        let broken = Migration { number: 2, name: "broken", sql: "CREATE TABLE half (x INTEGER); NONSENSE" };
        assert!(apply_all(&mut connection, &[MIGRATIONS[0], broken]).is_err());
        assert!(!connection.table_exists(None, "half").unwrap());
        assert_eq!(pending(&connection).unwrap(), MIGRATIONS);
    }

    #[test]
    fn two_processes_may_start_at_once() {
        let (dir, _connection) = database();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let path = dir.path().to_owned();
                std::thread::spawn(move || {
                    let mut connection = crate::connect::writer(&path).unwrap();
                    apply(&mut connection).unwrap().len()
                })
            })
            .collect();
        let applied: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(applied, MIGRATIONS.len());
    }
}
