//! Databases of earlier releases, and the plans by which new tables are read.

use std::path::Path;

use posthouse_store::conformance::build::{at, first, ok, ulid};
use posthouse_store::{Config, Journal};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{AttemptId, DeliveryId, EndpointId, Environment, EventId, Space, TenantId, Wire};

fn server(dir: &Path) -> SqliteStore {
    SqliteStore::open(Options::new(dir, Role::Server)).expect("the store opens")
}

fn database(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("posthouse.db")).expect("the database opens")
}

#[tokio::test]
async fn migrations_are_listed_before_they_are_applied() {
    let dir = tempfile::tempdir().unwrap();
    let pending = SqliteStore::pending_migrations(dir.path()).unwrap();
    assert_eq!(pending, posthouse_store_sqlite::migrate::MIGRATIONS);
    assert!(!dir.path().join("posthouse.db").exists(), "looking makes no database");
    let store = server(dir.path());
    assert_eq!(SqliteStore::pending_migrations(dir.path()).unwrap(), []);
    drop(store);

    let connection = rusqlite::Connection::open(dir.path().join("posthouse.db")).unwrap();
    connection.execute("INSERT INTO migrations VALUES (999, 'future', 'x', 0)", []).unwrap();
    drop(connection);
    for role in [Role::Server, Role::OneShot] {
        let refused = SqliteStore::open(Options::new(dir.path(), role)).err().unwrap().to_string();
        assert!(refused.contains("newer than this program"), "{refused}");
    }
}

/// A database as the first release left it: its attempts are of the one wire format there was.
#[tokio::test]
async fn a_database_of_the_first_release_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let [init, later @ ..] = posthouse_store_sqlite::migrate::MIGRATIONS;
    let connection = database(dir.path());
    connection.execute_batch(init.sql).unwrap();
    let space = Space { tenant: TenantId::from_u128(7), environment: Environment::Live };
    let (event, delivery) = (EventId::from_u128(ulid(at(0))), DeliveryId::from_u128(ulid(at(0))));
    let (endpoint, attempt) = (EndpointId::from_u128(ulid(at(0))), AttemptId::from_u128(ulid(at(0))));
    connection
        .execute_batch(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
                                      applied_at INTEGER NOT NULL) STRICT",
        )
        .unwrap();
    let rows: [(&str, &[&dyn rusqlite::ToSql]); 5] = [
        ("INSERT INTO migrations VALUES (1, 'init', ?1, 0)", &[&init.checksum()]),
        ("INSERT INTO spaces VALUES (1, ?1, 0)", &[&space.tenant.to_bytes()]),
        (
            "INSERT INTO events VALUES (1, ?1, 1, 't', NULL, NULL, NULL, NULL, NULL, 0, x'00')",
            &[&event.to_bytes()],
        ),
        (
            "INSERT INTO deliveries VALUES (?1, 1, ?2, 1, 1, 1, 0, NULL, 65536, 0, 0, NULL)",
            &[&delivery.to_bytes(), &endpoint.to_bytes()],
        ),
        (
            "INSERT INTO attempts VALUES (65537, ?1, 0, 9, 'timeout', NULL, NULL, '[]', '[]', x'61')",
            &[&attempt.to_bytes()],
        ),
    ];
    for (sql, params) in rows {
        connection.execute(sql, params).unwrap();
    }
    drop(connection);
    assert_eq!(SqliteStore::pending_migrations(dir.path()).unwrap(), later);

    let store = server(dir.path());
    assert_eq!(SqliteStore::pending_migrations(dir.path()).unwrap(), []);
    let read = ok(store.attempts(space, delivery).await).unwrap();
    assert_eq!((read.len(), read[0].id, read[0].duration_ms), (1, attempt, 9));
    assert_eq!((read[0].wire, &*read[0].url), (Wire::Standard, ""), "it was not kept then");
    let listed = ok(store.endpoint_attempts(space, endpoint, first(10), 0).await).items;
    assert_eq!(listed[0].attempt, read[0]);
    assert!(ok(store.use_once(space, [1; 32], at(0)).await), "the new tables are there");
    drop(store);
    drop(server(dir.path()));
}

/// Whoever deletes a session with many messages, or skips along many deliveries, walks along an index.
#[tokio::test]
async fn new_tables_are_read_by_index() {
    let dir = tempfile::tempdir().unwrap();
    drop(server(dir.path()));
    let connection = database(dir.path());
    for sql in [
        "SELECT content FROM messages WHERE space = 1 AND session = 's' AND id < x'00' ORDER BY id DESC LIMIT 9",
        "SELECT voter FROM votes WHERE space = 1 AND message = x'00' ORDER BY voter",
        "DELETE FROM votes WHERE space = 1
             AND message IN (SELECT id FROM messages WHERE space = 1 AND session = 's')",
        "DELETE FROM messages WHERE space = 1 AND session = 's'",
        "SELECT attempts FROM deliveries INDEXED BY deliveries_endpoint
             WHERE endpoint_id = x'00' AND id <= x'00' ORDER BY id DESC LIMIT 9",
    ] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let bad = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
        assert!(!plan.iter().any(bad), "{sql}: {plan:?}");
        assert!(plan[0].contains("SEARCH") && !plan[0].contains("(space=?)"), "{sql}: {plan:?}");
    }
}
