//! Databases of earlier releases, and the plans by which new tables are read.

use std::path::Path;
use std::sync::Arc;

use posthouse_store::conformance::build::{World, at, first, message, ok, text, ulid};
use posthouse_store::{Config, Journal, Store, TurnEnd};
use posthouse_store_sqlite::migrate::Migration;
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{
    AttemptId, DeliveryId, EndpointId, Environment, EventId, Message, Poll, Space, TenantId, Wire,
};
use rusqlite::Connection;

fn server(dir: &Path) -> SqliteStore {
    SqliteStore::open(Options::new(dir, Role::Server)).expect("the store opens")
}

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("posthouse.db")).expect("the database opens")
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

    let connection = Connection::open(dir.path().join("posthouse.db")).unwrap();
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

/// A database as the second release left it keeps its sessions, messages, votes and usage, which know nothing yet of
/// agents and sources.
#[tokio::test]
async fn a_database_of_the_second_release_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let [init, dialects, later @ ..] = posthouse_store_sqlite::migrate::MIGRATIONS;
    let connection = earlier(dir.path(), &[init, dialects]);
    let space = Space { tenant: TenantId::from_u128(7), environment: Environment::Test };
    let asked = Message {
        poll: Poll::new("?", vec!["a".into(), "b".into()], true).ok(),
        ..message(space, "s", at(1))
    };
    let event = EventId::from_u128(ulid(at(0)));
    let rows: [(&str, &[&dyn rusqlite::ToSql]); 5] = [
        ("INSERT INTO spaces VALUES (1, ?1, 1)", &[&space.tenant.to_bytes()]),
        ("INSERT INTO sessions VALUES ('s', 1, NULL, 'mine', '{\"a\":1}', ?1, ?1)", &[&at(0).as_millis()]),
        (
            "INSERT INTO messages VALUES (?1, 1, 's', 'user', '{\"options\":[\"a\",\"b\"],\"multiple\":true}', ?2, ?3)",
            &[&asked.id.to_bytes(), &asked.created_at.as_millis(), &asked.content],
        ),
        (
            "INSERT INTO votes VALUES ('me', 1, ?1, '[\"a\"]', ?2, 5)",
            &[&asked.id.to_bytes(), &event.to_bytes()],
        ),
        ("INSERT INTO usage VALUES (?1, 1000)", &[&space.tenant.to_bytes()]),
    ];
    for (sql, params) in rows {
        connection.execute(sql, params).unwrap();
    }
    assert_eq!(SqliteStore::pending_migrations(dir.path()).unwrap(), later);

    let store: Arc<dyn Store> = Arc::new(server(dir.path()));
    let world = World { store, space };
    let read = ok(world.store.session(space, &text("s")).await).unwrap();
    assert_eq!(
        (&*read.label, read.metadata["a"].as_i64(), read.agent, read.source),
        ("mine", Some(1), None, None)
    );
    assert_eq!(
        ok(world.store.messages(space, &text("s"), first(10)).await).items,
        std::slice::from_ref(&asked)
    );
    assert_eq!(ok(world.store.votes(space, asked.id).await)[0].event, event);
    let used = "SELECT bytes, inbound FROM usage";
    let usage = connection.query_row(used, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(usage, (1000, 0));

    let source = world.source().await;
    let arrived = world.arrive_in(source, "s", at(2)).await;
    assert_eq!(world.claim_turn(at(2)).await.id.as_u128(), arrived.as_u128(), "the new tables are there");
    let usage = connection.query_row(used, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(usage, (1000, 8));
    drop(world);
    drop(server(dir.path()));
}

/// A database as a release left it that knew these steps.
fn earlier(dir: &Path, steps: &[Migration]) -> Connection {
    let connection = database(dir);
    connection
        .execute_batch(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
                                      applied_at INTEGER NOT NULL) STRICT",
        )
        .expect("the step is applied");
    for step in steps {
        connection.execute_batch(step.sql).expect("the step is applied");
        let row = (step.number, step.name, step.checksum());
        connection
            .execute("INSERT INTO migrations VALUES (?1, ?2, ?3, 0)", row)
            .expect("the step is applied");
    }
    connection
}

/// A database as the third release left it keeps its turns: one that was in someone's hands, one behind it, one that is
/// tried again later, and one that is due.
#[tokio::test]
async fn a_database_of_the_third_release_keeps_its_turns() {
    let dir = tempfile::tempdir().unwrap();
    let [steps @ .., turns] = posthouse_store_sqlite::migrate::MIGRATIONS;
    let connection = earlier(dir.path(), &steps);
    let space = Space { tenant: TenantId::from_u128(7), environment: Environment::Live };
    connection.execute("INSERT INTO spaces VALUES (1, ?1, 0)", [&space.tenant.to_bytes()]).unwrap();
    let (queued, later) = (at(1).as_millis(), at(60).as_millis());
    let states = [("a", None), ("a", Some(i64::MAX)), ("b", Some(later)), ("c", Some(queued))];
    let ids: Vec<[u8; 16]> = states.iter().map(|_| ulid(at(1)).to_be_bytes()).collect();
    for ((session, due_at), id) in states.iter().zip(&ids) {
        connection
            .execute(
                "INSERT INTO turns VALUES (?1, 1, ?2, 1, ?1, NULL, NULL, 2, ?3, ?4)",
                (id, session, queued, due_at),
            )
            .unwrap();
    }
    assert_eq!(SqliteStore::pending_migrations(dir.path()).unwrap(), [turns]);

    let world = World { store: Arc::new(server(dir.path())), space };
    let claimed = world.claim_some(at(2), 10).await;
    let claimed_ids: Vec<_> = claimed.turns.iter().map(|turn| turn.id.to_bytes()).collect();
    assert_eq!(claimed_ids, [ids[0], ids[3]], "the claimed one is due again");
    assert_eq!(claimed.next_due, Some(at(60)));
    world.end(&claimed.turns[0], at(3), TurnEnd::Done).await;
    assert_eq!(world.claim_turn(at(3)).await.id.to_bytes(), ids[1], "its turn has come");
    let again = world.claim_turn(at(60)).await;
    assert_eq!((again.id.to_bytes(), again.starts, again.queued_at), (ids[2], 2, at(1)));
}

/// What is not looked for by its key is found along an index, without sorting and without looking at others.
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
        "SELECT space, due_at FROM turns INDEXED BY turns_ready
             WHERE later = 0 AND due_at < 9223372036854775807 AND space > 1 AND space <= 9
             ORDER BY space, due_at LIMIT 1",
        "SELECT t.id FROM turns t INDEXED BY turns_ready
             WHERE t.later = 0 AND t.due_at < 9223372036854775807 AND t.space = 1 AND t.due_at <= 5
             ORDER BY t.due_at, t.id",
        "SELECT space, session, id FROM turns INDEXED BY turns_later
             WHERE later = 1 AND due_at <= 5 ORDER BY due_at LIMIT 9",
        "SELECT t.session FROM turns t INDEXED BY turns_claimed WHERE t.id = x'00' AND t.due_at IS NULL",
        "SELECT 1 FROM turns t INDEXED BY turns_message WHERE t.kind = 1 AND t.subject = x'00' AND t.space = 1",
        "SELECT id FROM turns WHERE space = 1 AND session = 's' ORDER BY id LIMIT 1",
        "DELETE FROM turns WHERE space = 1 AND session = 's'",
        "SELECT id, number, status, held_until FROM inbound INDEXED BY inbound_held
             WHERE source = 1 AND dedup_key = 'k' AND holds = 1",
        "SELECT d.id FROM inbound d INDEXED BY inbound_source WHERE d.source = 1 AND d.id < x'00' ORDER BY 1 DESC",
        "SELECT d.id FROM inbound d INDEXED BY inbound_session
             WHERE d.session = 's' AND d.space = 1 AND d.id < x'00' ORDER BY 1 DESC",
        "SELECT d.id FROM inbound d INDEXED BY inbound_failed
             WHERE d.space = 1 AND d.status = 7 AND d.id < x'00' ORDER BY 1 DESC",
        "SELECT d.id FROM bodies b INDEXED BY bodies_space CROSS JOIN inbound d ON d.number = b.number
             WHERE b.number > 1 AND b.space = 1 ORDER BY b.number LIMIT 9",
        "SELECT id FROM actions a WHERE a.delivery = 1 ORDER BY a.id",
        "SELECT m.id FROM messages m INDEXED BY messages_age WHERE m.created_at < 1 ORDER BY m.created_at LIMIT 9",
        "SELECT rowid FROM sessions INDEXED BY sessions_made
             WHERE source IS NOT NULL AND updated_at < 1 AND (updated_at, rowid) > (0, 0)
             ORDER BY updated_at, rowid LIMIT 9",
    ] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let bad = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
        assert!(!plan.iter().any(bad), "{sql}: {plan:?}");
        let whole_space = plan[0].contains("(space=?)");
        assert!(plan[0].contains("SEARCH") && !whole_space, "{sql}: {plan:?}");
    }
}
