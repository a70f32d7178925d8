//! What only the embedded store has, of what arrives: restarts, claims that nobody waits for, damage, tidy tables.

use std::path::Path;
use std::sync::Arc;

use posthouse_store::conformance::build::{World, at, message, ok, session};
use posthouse_store::conformance::parcels::{action, agent, content, prune_nothing, snapshot};
use posthouse_store::{
    Arrived, Change, ClaimTurns, InboundContent, PruneInbound, SessionRecord, Store, StoreError, TurnEnd,
    TurnEnded,
};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{InboundId, InboundStatus, SourceRef, TurnId};

fn open(dir: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(Options::new(dir, Role::Server)).expect("the store opens"))
}

/// A store with a space in it.
async fn world(dir: &Path) -> World {
    let store: Arc<dyn Store> = open(dir);
    World::new(&store).await
}

/// The same space after a restart.
fn reopened(world: World, dir: &Path) -> World {
    let space = world.space;
    drop(world);
    World { store: open(dir), space }
}

fn database(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("posthouse.db")).expect("the database opens")
}

fn count(dir: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    database(dir).query_row(&sql, [], |row| row.get(0)).expect("the table is there")
}

fn of(delivery: InboundId) -> TurnId {
    TurnId::from_u128(delivery.as_u128())
}

/// What a process had claimed is due again when the next one starts, in the order of each session; what waits for a
/// time goes on waiting.
#[tokio::test]
async fn claimed_turns_are_due_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let source = world.source().await;
    let mut sent = Vec::new();
    for (second, name) in (1..).zip(["a", "b", "c", "a", "b"]) {
        sent.push(world.arrive_in(source, name, at(second)).await);
    }
    let turns = world.claim_turns(at(5)).await;
    assert_eq!(turns.len(), 3);
    world.start(&turns[0], at(5)).await;
    world.end(&turns[2], at(5), TurnEnd::RetryAt(at(60), "busy".to_owned())).await;

    let world = reopened(world, dir.path());
    assert_eq!(world.status(sent[0]).await, InboundStatus::Processing, "it was interrupted");
    assert_eq!(ok(world.store.turns_waiting().await), 5);
    let turns = world.claim_turns(at(5)).await;
    let ids: Vec<_> = turns.iter().map(|turn| (turn.id, turn.starts)).collect();
    assert_eq!(ids, [(of(sent[0]), 1), (of(sent[1]), 0)], "the start that was interrupted counts");
    assert_eq!(world.status(sent[0]).await, InboundStatus::Queued);
    for turn in &turns {
        world.end(turn, at(6), TurnEnd::Done).await;
    }
    let world = reopened(world, dir.path());
    let claimed = world.claim_some(at(59), 10).await;
    let ids: Vec<_> = claimed.turns.iter().map(|turn| turn.id).collect();
    assert_eq!(ids, [of(sent[3]), of(sent[4])], "the next of each session");
    assert_eq!(claimed.next_due, Some(at(60)), "what waits has its time");
}

/// Numbers go on where they ended, also when nothing is left of those who had them.
#[tokio::test]
async fn numbers_go_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = world(dir.path()).await;
    let (mut deliveries, mut sources) = (0, 0);
    for _ in 0..3 {
        let source = world.source().await;
        let number = world.read_source(source).await.source.number;
        assert!(number > sources, "{number} after {sources}");
        sources = number;
        for _ in 0..2 {
            let number = world.take_in(&world.parcel(source, at(1))).await;
            assert!(number > deliveries, "{number} after {deliveries}");
            deliveries = number;
        }
        assert!(ok(world.store.delete_source(world.space, source).await));
        world.prune_inbound(prune_nothing()).await;
        for table in ["sources", "inbound", "bodies", "turns", "snapshots"] {
            assert_eq!(count(dir.path(), table), 0, "nothing is left in {table}");
        }
        world = reopened(world, dir.path());
    }
}

/// A configuration is stored once, also by the next process, and goes with the last body that names it.
#[tokio::test]
async fn configurations_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = world(dir.path()).await;
    let source = world.source().await;
    for round in 0..3 {
        for number in [1, 2, 1] {
            let content = InboundContent { body: "b".into(), snapshot: snapshot(number) };
            let parcel = world.parcel(source, at(round)).without_turn().with_content(Some(content));
            world.take_in(&parcel).await;
        }
        world = reopened(world, dir.path());
    }
    assert_eq!(count(dir.path(), "snapshots"), 2);
    let content = InboundContent { body: "b".into(), snapshot: snapshot(1) };
    let last = world.parcel(source, at(9)).without_turn().with_content(Some(content.clone()));
    world.take_in(&last).await;
    world.prune_inbound(PruneInbound { bodies_before: at(9), ..prune_nothing() }).await;
    assert_eq!((count(dir.path(), "snapshots"), count(dir.path(), "bodies")), (1, 1));
    assert_eq!(ok(world.store.inbound_content(world.space, last.id()).await), Some(content));
    world.prune_inbound(PruneInbound { bodies_before: at(10), ..prune_nothing() }).await;
    assert_eq!(count(dir.path(), "snapshots"), 0);
    let bytes: i64 =
        database(dir.path()).query_row("SELECT inbound FROM usage", [], |row| row.get(0)).unwrap();
    assert_eq!(bytes, 0, "and the tenant keeps nothing any more");
}

/// A caller that goes away in the middle of a claim takes no turn with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_claim_gives_its_turns_back() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let source = world.source().await;
    let mut turns = world.store.wakes().turns();
    for round in 0..20 {
        let sent = world.arrive_in(source, "s", at(round)).await;
        turns.borrow_and_update();
        let claim = ClaimTurns { now: at(round), limit: 10, lease: at(1000) };
        let mut claim = Box::pin(world.store.claim_turns(claim));
        // One poll sends the claim on its way.
        tokio::select! {
            biased;
            answer = &mut claim => assert_eq!(ok(answer).turns.len(), 1, "it was quick"),
            () = std::future::ready(()) => {
                drop(claim);
                loop {
                    let again = world.claim_turns(at(round)).await;
                    if again.iter().any(|turn| turn.id == of(sent)) {
                        break;
                    }
                    // Until it is given back, which wakes.
                    turns.changed().await.expect("the store is open");
                }
            }
        }
        let ended = TurnEnded { id: of(sent), at: at(round), end: TurnEnd::Done, tokens: None };
        world.change(vec![Change::TurnEnded(ended)]).await;
    }
}

#[tokio::test]
async fn a_start_leaves_out_damaged_sources_and_agents() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let (bad, good) = (world.source().await, world.source().await);
    let agents = [agent(world.space), agent(world.space)];
    for agent in &agents {
        ok(world.store.insert_agent(agent.clone()).await);
    }
    let connection = database(dir.path());
    connection.execute("UPDATE sources SET settings = 'damaged' WHERE id = ?1", [bad.to_bytes()]).unwrap();
    let damage = "UPDATE agents SET settings = 'damaged' WHERE id = ?1";
    connection.execute(damage, [agents[0].agent.id.to_bytes()]).unwrap();
    let sources = ok(world.store.all_sources().await);
    assert_eq!(sources.iter().map(|record| record.source.id).collect::<Vec<_>>(), [good]);
    assert_eq!(ok(world.store.all_agents().await), agents[1..]);
    let error = world.store.source(world.space, SourceRef::Id(bad)).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "sources", column: "settings", .. }), "{error}");
}

/// A turn that can not be read ends, its delivery has failed, and the others go on, in its session too.
#[tokio::test]
async fn a_damaged_turn_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let source = world.source().await;
    let mut sent = Vec::new();
    for (second, name) in (1..).zip(["a", "a", "b", "c"]) {
        sent.push(world.arrive_in(source, name, at(second)).await);
    }
    for (index, damage) in [(0, "subject = x'00'"), (3, "session = CAST(x'ff' AS TEXT)")] {
        let damage = format!("UPDATE turns SET {damage} WHERE id = ?1");
        assert_eq!(database(dir.path()).execute(&damage, [of(sent[index]).to_bytes()]).unwrap(), 1);
    }
    let mut claimed = Vec::new();
    for _ in 0..2 {
        claimed.extend(world.claim_turns(at(9)).await.into_iter().map(|turn| turn.id));
    }
    claimed.sort_unstable();
    assert_eq!(claimed, [of(sent[1]), of(sent[2])]);
    for damaged in [sent[0], sent[3]] {
        assert_eq!(world.status(damaged).await, InboundStatus::Failed);
    }
    assert_eq!(ok(world.store.turns_waiting().await), 2);
}

/// A command changes sources beside a server, which notices; it neither receives nor works.
#[tokio::test]
async fn a_command_changes_sources_beside_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let beside: Arc<dyn Store> =
        Arc::new(SqliteStore::open(Options::new(dir.path(), Role::OneShot)).unwrap());
    let beside = World { store: beside, space: world.space };
    let source = beside.source().await;
    world.take_in(&world.parcel(source, at(1))).await;
    let refused = beside.store.arrive(beside.parcel(source, at(1)).arrival).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let claim = ClaimTurns { now: at(1), limit: 1, lease: at(2) };
    assert!(matches!(beside.store.claim_turns(claim).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(beside.store.release_turns(vec![]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(beside.store.prune_inbound(prune_nothing()).await, Err(StoreError::Unavailable(_))));
    assert!(ok(beside.store.delete_source(world.space, source).await), "it existed");
    let late = world.store.arrive(world.parcel(source, at(2)).arrival).await;
    assert_eq!(ok(late), Arrived::NoSource, "the server sees it at once");
    assert_eq!(world.claim_turns(at(9)).await, []);
}

/// Large bodies make a slice short, and so do many actions; what a slice leaves, the next one finds.
#[tokio::test]
async fn much_to_remove_makes_a_short_slice() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let source = world.source().await;
    for _ in 0..7 {
        let parcel = world.parcel(source, at(1)).without_turn().with_content(Some(content(8 * 1024 * 1024)));
        world.take_in(&parcel).await;
    }
    let mut slice = PruneInbound { before: at(2), ..prune_nothing() };
    for (deliveries, more) in [(4, true), (3, false)] {
        let pruned = ok(world.store.prune_inbound(slice).await);
        assert_eq!((pruned.deliveries, pruned.next.is_some()), (deliveries, more));
        slice.after = pruned.next;
    }
    for _ in 0..3 {
        let parcel = world.parcel(source, at(1)).without_turn();
        world.take_in(&parcel).await;
        let acted = || action(world.space, parcel.id(), at(1));
        world.change((0..1500).map(|_| Change::Action(Box::new(acted()))).collect()).await;
    }
    assert!(ok(world.store.delete_source(world.space, source).await));
    for (deliveries, more) in [(2, true), (1, false)] {
        let pruned = ok(world.store.prune_inbound(prune_nothing()).await);
        assert_eq!((pruned.deliveries, pruned.more), (deliveries, more));
    }
}

/// Old sessions are found past any number of those that stay.
#[tokio::test]
async fn sessions_that_stay_do_not_hide_others() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path()).await;
    let source = Some(world.source().await);
    for index in 0..50 {
        let name = format!("s{index}");
        let record = SessionRecord { source, ..session(world.space, &name) };
        ok(world.store.insert_session(record).await);
        if index % 10 != 9 {
            let said = message(world.space, &name, at(100));
            world.change(vec![Change::Message(said)]).await;
        }
    }
    let slice = PruneInbound { sessions_before: at(50), limit: 4, ..prune_nothing() };
    assert_eq!(world.prune_inbound(slice).await.sessions, 5);
    assert_eq!(world.prune_inbound(slice).await.sessions, 0);
    assert_eq!(count(dir.path(), "sessions"), 45);
}
