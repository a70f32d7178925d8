//! What only the embedded store has: its lock, its files, its groups, and the windows of its queue.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use posthouse_store::conformance::build::{World, at, due, endpoint, first, ok, settlement, text, ulid};
use posthouse_store::{
    Accept, Acceptance, ClaimDue, Config, DeliveryFilter, EventTypeRecord, Journal, KeyRecord, Maintenance,
    NewEvent, Next, Prune, Queue, Settle, Store, StoreError,
};
use posthouse_store_sqlite::{Bounds, Options, Role, SqliteStore};
use posthouse_types::{Capabilities, DeliveryId, DeliveryState, EndpointId, KeyId, Timestamp};

const SMALL: Bounds = Bounds { lane_entries: 4, entries: 8, bytes: 1024 * 1024 };

fn server(dir: &Path, bounds: Bounds) -> Arc<SqliteStore> {
    Arc::new(
        SqliteStore::open(Options { bounds, ..Options::new(dir, Role::Server) }).expect("the store opens"),
    )
}

/// A store with a space in it; the concrete store too.
async fn world(dir: &Path, bounds: Bounds) -> (World, Arc<SqliteStore>) {
    let sqlite = server(dir, bounds);
    let store: Arc<dyn Store> = sqlite.clone();
    (World::new(&store).await, sqlite)
}

async fn claim_all(store: &SqliteStore, now: Timestamp, limit: usize) -> Vec<(EndpointId, DeliveryId)> {
    let mut all = Vec::new();
    loop {
        let claim = ok(store.claim_due(ClaimDue { limit, per_endpoint: 3, ..due(now) }).await);
        if claim.deliveries.is_empty() {
            assert!(claim.next_due.is_none_or(|next| next > now), "an empty claim leaves nothing due");
            return all;
        }
        all.extend(claim.deliveries.iter().map(|claimed| (claimed.endpoint, claimed.id)));
    }
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = server(dir.path(), SMALL);
    let refused = SqliteStore::open(Options::new(dir.path(), Role::Server)).err().unwrap().to_string();
    assert!(refused.contains("another posthouse server uses"), "{refused}");
    drop(first);
    let again = server(dir.path(), SMALL);
    ok(again.close().await);
    drop(server(dir.path(), SMALL));
}

#[tokio::test]
async fn a_command_works_beside_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = world(dir.path(), SMALL).await;
    let beside = SqliteStore::open(Options::new(dir.path(), Role::OneShot)).unwrap();
    let key = KeyRecord {
        id: KeyId::from_u128(ulid(at(0))),
        space: world.space,
        project: None,
        name: text("made beside a server"),
        capabilities: Capabilities::ALL,
        digest: [7; 32],
        hint: "sk_live_...abcd".into(),
        created_at: at(0),
    };
    ok(beside.insert_key(key.clone()).await);
    assert_eq!(ok(server.key_by_digest(&[7; 32]).await), Some(key), "the server sees it at once");
    world.send(world.endpoint().await).await;
    assert_eq!(ok(beside.tenants().await).len(), 1);

    let accept = Accept { space: world.space, events: vec![], changes: vec![], idempotency: None };
    assert!(matches!(beside.accept(accept).await, Err(StoreError::Unavailable(_))), "it does not accept");
    assert!(matches!(beside.claim_due(due(at(1))).await, Err(StoreError::Unavailable(_))), "nor claim");
    ok(beside.close().await);
    assert_eq!(world.claim_ids(at(1)).await.len(), 1, "the server goes on");
}

#[tokio::test]
async fn claims_are_forgotten_and_work_is_found_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let mut pending = vec![world.send(one).await, world.send(two).await];
    world.claim(at(1)).await;
    let retried = world.send(one).await;
    world.finish_due(at(1), Next::RetryAt(at(60))).await;
    drop((world, store));

    let store = server(dir.path(), SMALL);
    let claimed: HashSet<_> = claim_all(&store, at(1), 10).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(claimed, pending.iter().copied().collect(), "what was claimed is due");
    let claim = ok(store.claim_due(due(at(2))).await);
    assert_eq!(claim.next_due, Some(at(60)), "what waits has its time");
    pending.push(retried);
    assert_eq!(ok(store.claim_due(due(at(60))).await).deliveries[0].attempt, 2);
}

/// The files as a power cut would leave them: copied while the store is open, log and all.
#[tokio::test]
async fn what_was_accepted_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (world, _store) = world(dir.path(), Bounds::default()).await;
    let endpoint = world.endpoint().await;
    let mut sent = HashSet::new();
    for _ in 0..50 {
        sent.insert((endpoint, world.send(endpoint).await));
    }
    for name in ["posthouse.db", "posthouse.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let store = server(copy.path(), Bounds::default());
    let claimed: HashSet<_> = claim_all(&store, at(1), 7).await.into_iter().collect();
    assert_eq!(claimed, sent, "everything that was answered is there");
}

#[cfg(unix)]
#[tokio::test]
async fn the_directory_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/data");
    drop(server(&data, SMALL));
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_the_same_time_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), Bounds::default()).await;
    let before = store.groups_committed();
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.accept(vec![world.draft("t")]).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let groups = store.groups_committed() - before;
    assert!(groups < 250, "500 calls took {groups} commits");
}

/// An event whose id is taken breaks a rule that is not checked beforehand: its write fails half-way.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_write_fails_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), Bounds::default()).await;
    let endpoint = world.endpoint().await;
    let draft = world.draft("t");
    let taken = draft.event.id;
    world.accept(vec![draft]).await;
    let calls: Vec<_> = (0..100)
        .map(|index| {
            let (world, store) = (world.clone(), store.clone());
            tokio::spawn(async move {
                let mut bad = world.draft("t").to(endpoint);
                bad.event.id = taken;
                let good = world.draft("t").to(endpoint).build();
                let events: Vec<NewEvent> =
                    if index % 10 == 0 { vec![good, bad.build()] } else { vec![good] };
                let accept = Accept { space: world.space, events, changes: vec![], idempotency: None };
                let answer = store.accept(accept).await;
                (index % 10 == 0, answer)
            })
        })
        .collect();
    for call in calls {
        match call.await.unwrap() {
            (true, answer) => assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}"),
            (false, answer) => assert_eq!(answer, Ok(Acceptance::New)),
        }
    }
    assert_eq!(world.event_ids().await.len(), 91, "the failed ones left nothing");
    assert_eq!(claim_all(&store, at(1), 100).await.len(), 90, "neither in the queue");
}

#[tokio::test]
async fn a_damaged_value_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let record = endpoint(world.space);
    let id = record.endpoint.id;
    ok(store.insert_endpoint(record, None).await);
    let connection = rusqlite::Connection::open(dir.path().join("posthouse.db")).unwrap();
    connection.execute("UPDATE endpoints SET settings = 'damaged'", []).unwrap();
    let error = store.endpoint(world.space, id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { table: "endpoints", column: "settings", .. }), "{error}");
}

fn database(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("posthouse.db")).expect("the database opens")
}

#[tokio::test]
async fn a_start_leaves_out_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let (bad, good) = (world.endpoint().await, world.endpoint().await);
    for name in ["bad", "good"] {
        let record = EventTypeRecord {
            space: world.space,
            event_type: text(name),
            description: String::new(),
            schema: Some(true.into()),
            created_at: at(0),
            updated_at: at(0),
        };
        ok(store.put_event_type(record).await);
    }
    let damage = "UPDATE endpoints SET settings = 'damaged' WHERE id = ?1";
    database(dir.path()).execute(damage, [bad.to_bytes()]).unwrap();
    let damage = "UPDATE event_types SET schema = 'damaged' WHERE name = 'bad'";
    database(dir.path()).execute(damage, []).unwrap();
    let endpoints = ok(store.all_endpoints().await);
    assert_eq!(endpoints.iter().map(|record| record.endpoint.id).collect::<Vec<_>>(), [good]);
    let event_types = ok(store.all_event_types().await);
    assert_eq!(event_types.iter().map(|record| record.event_type.as_str()).collect::<Vec<_>>(), ["good"]);
}

/// Deliveries of events that are damaged or missing end, and the others go on: behind them in the lane, and
/// behind them in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_holds_up_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let endpoint = world.endpoint().await;
    let [damaged, missing] = [world.send_in_order(endpoint, "k").await, world.send(endpoint).await];
    let next = [world.send_in_order(endpoint, "k").await, world.send(endpoint).await];
    drop((world.clone(), store));
    let space = world.space;
    drop(world);
    let of = "(SELECT event_seq FROM deliveries WHERE id = ?1)";
    let connection = database(dir.path());
    let damage = format!("UPDATE events SET event_type = '' WHERE seq = {of}");
    connection.execute(&damage, [damaged.to_bytes()]).unwrap();
    connection.execute(&format!("DELETE FROM events WHERE seq = {of}"), [missing.to_bytes()]).unwrap();

    let store = server(dir.path(), SMALL);
    let claimed: HashSet<_> = claim_all(&store, at(1), 10).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(claimed, next.into());
    let state = "SELECT state FROM deliveries WHERE id = ?1";
    for id in [damaged, missing] {
        let state: i64 = connection.query_row(state, [id.to_bytes()], |row| row.get(0)).unwrap();
        assert_eq!(state, 2, "it is dead");
    }
    connection.execute("UPDATE events SET event_type = 't' WHERE event_type = ''", []).unwrap();
    ok(store.requeue(space, damaged, at(2)).await).unwrap();
    assert_eq!(claim_all(&store, at(2), 10).await, [(endpoint, damaged)], "mended, it can be tried again");
}

#[tokio::test]
async fn a_damaged_delivery_does_not_hold_up_its_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), Bounds::default()).await;
    let endpoint = world.endpoint().await;
    let ids = [world.send(endpoint).await, world.send(endpoint).await];
    let claim = ok(store.claim_due(due(at(1))).await);
    let damage = "UPDATE deliveries SET attempts = 99999999 WHERE id = ?1";
    database(dir.path()).execute(damage, [ids[0].to_bytes()]).unwrap();
    let settlements =
        claim.deliveries.iter().map(|claimed| settlement(claimed, at(2), Next::Succeeded)).collect();
    ok(store.settle(Settle { settlements, health: vec![] }).await);
    assert_eq!(world.delivery(ids[1]).await.state, DeliveryState::Succeeded);
}

/// A command of a newer version beside a server of an older one.
#[tokio::test]
async fn a_command_does_not_change_the_schema_under_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let first = server(dir.path(), SMALL);
    database(dir.path()).execute("DELETE FROM migrations", []).unwrap();
    let command = || SqliteStore::open(Options::new(dir.path(), Role::OneShot));
    let refused = command().err().unwrap().to_string();
    assert!(refused.contains("stop the server first"), "{refused}");
    drop(first);
    let refused = command().err().unwrap().to_string();
    assert!(refused.contains("already exists"), "without a server it is tried: {refused}");

    let other = tempfile::tempdir().unwrap();
    let command = SqliteStore::open(Options::new(other.path(), Role::OneShot)).unwrap();
    drop(server(other.path(), SMALL));
    drop(command);
}

#[tokio::test]
async fn many_deliveries_make_a_short_slice() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let endpoint = world.endpoint().await;
    for _ in 0..5 {
        world.accept(vec![(0..900).fold(world.draft("t"), |draft, _| draft.to(endpoint))]).await;
    }
    assert!(ok(store.delete_endpoint(world.space, endpoint).await));
    assert_eq!(ok(store.cancel_orphans(at(1), 10_000).await), 4500);
    let mut slice = Prune { now: at(2), before: at(2), tenant_bytes_max: u64::MAX, limit: 100, after: None };
    for (events, more) in [(3, true), (2, false)] {
        let pruned = ok(store.prune(slice).await);
        assert_eq!((pruned.events, pruned.next.is_some()), (events, more));
        slice.after = pruned.next;
    }
}

/// Lists that take all their connections do not keep keys, claims and pings waiting.
#[tokio::test(flavor = "multi_thread")]
async fn lists_keep_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let endpoint = world.endpoint().await;
    for _ in 0..5 {
        world.accept((0..1000).map(|_| world.draft("t").to(endpoint)).collect()).await;
    }
    let filter = DeliveryFilter { event_type: Some(text("none")), ..DeliveryFilter::default() };
    let mut lists: Vec<_> =
        (0..10).map(|_| store.deliveries(world.space, filter.clone(), first(10))).collect();
    for list in &mut lists {
        // One poll takes a connection, or a place in the queue for one, which nobody gives up meanwhile.
        tokio::select! {
            biased;
            _ = list => panic!("it can not be done yet"),
            () = std::future::ready(()) => {}
        }
    }
    let others = async {
        assert_eq!(ok(store.key_by_digest(&[0; 32]).await), None);
        ok(store.ping().await);
        assert_eq!(ok(store.claim_due(ClaimDue { limit: 10, ..due(at(1)) }).await).deliveries.len(), 10);
    };
    tokio::time::timeout(Duration::from_secs(30), others).await.unwrap();
    for list in lists {
        assert!(ok(list.await).items.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_passes_through_small_windows() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let endpoints = [world.endpoint().await, world.endpoint().await, world.endpoint().await];
    let mut sent: BTreeMap<EndpointId, Vec<DeliveryId>> = BTreeMap::new();
    for index in 0..300 {
        let endpoint = endpoints[index % 3];
        sent.entry(endpoint)
            .or_default()
            .push(world.send_at(endpoint, at(i64::try_from(index).unwrap())).await);
    }
    let mut claimed: BTreeMap<EndpointId, Vec<DeliveryId>> = BTreeMap::new();
    for (endpoint, id) in claim_all(&store, at(1000), 7).await {
        claimed.entry(endpoint).or_default().push(id);
    }
    assert_eq!(claimed, sent, "each once, oldest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_of_one_does_not_block_others() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let mut hung = BTreeMap::new();
    for _ in 0..5 {
        let endpoint = world.endpoint().await;
        hung.insert(endpoint, 0);
        for _ in 0..10 {
            world.send(endpoint).await;
        }
    }
    let well = world.endpoint().await;
    let sent: Vec<_> = [world.send(well).await, world.send(well).await].into();
    let ask = ClaimDue { room: hung.into_iter().collect(), ..due(at(1)) };
    let claim = ok(store.claim_due(ask).await);
    assert_eq!(claim.deliveries.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), sent);
    assert_eq!(claim.next_due, None, "what is left out does not count");
    assert_eq!(claim_all(&store, at(1), 9).await.len(), 50, "with room, all of it comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_endpoints_are_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let mut sent = HashSet::new();
    let mut drafts = Vec::new();
    for index in 0..1500_u128 {
        let endpoint = EndpointId::from_u128(ulid(at(0)) + (index % 700) * 1_000_003);
        drafts.push(world.draft("t").to(endpoint));
    }
    let events: Vec<_> = drafts.into_iter().map(posthouse_store::conformance::build::Draft::build).collect();
    sent.extend(events.iter().map(|new| (new.deliveries[0].endpoint, new.deliveries[0].id)));
    let accept = Accept { space: world.space, events, changes: vec![], idempotency: None };
    assert_eq!(store.accept(accept).await, Ok(Acceptance::New));
    drop((world, store));
    let store = server(dir.path(), Bounds::default());
    let claimed = claim_all(&store, at(1), 400).await;
    assert_eq!(claimed.len(), sent.len());
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), sent);
}

/// A caller that goes away in the middle of a claim takes nothing with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_claim_gives_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let (world, store) = world(dir.path(), SMALL).await;
    let endpoint = world.endpoint().await;
    for _ in 0..100 {
        world.send(endpoint).await;
    }
    let mut kept = 0;
    for _ in 0..20 {
        let mut claim = Box::pin(store.claim_due(due(at(1))));
        // One poll takes what the window has, and begins to wait for the rest.
        tokio::select! {
            biased;
            answer = &mut claim => kept += ok(answer).deliveries.len(),
            () = std::future::ready(()) => {}
        }
        drop(claim);
    }
    assert_eq!(kept + claim_all(&store, at(1), 50).await.len(), 100);
}

/// Publishers, claimers and settlers at once, with retries, releases and requeues, through small windows.
struct Stress {
    store: Arc<SqliteStore>,
    clock: AtomicI64,
    in_flight: Mutex<HashSet<DeliveryId>>,
    succeeded: Mutex<HashSet<DeliveryId>>,
    requeued: Mutex<HashSet<DeliveryId>>,
    sent: AtomicUsize,
    total: usize,
}

impl Stress {
    fn now(&self) -> Timestamp {
        at(self.clock.fetch_add(1, Relaxed) / 50)
    }

    async fn deliver(&self, seed: usize) {
        let mut turn = seed;
        while self.succeeded.lock().len() < self.total {
            let claim =
                ok(self.store.claim_due(ClaimDue { limit: 37, per_endpoint: 11, ..due(self.now()) }).await);
            if claim.deliveries.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            let mut settle = Settle::default();
            for claimed in &claim.deliveries {
                assert!(self.in_flight.lock().insert(claimed.id), "{} is claimed twice", claimed.id);
                let again = self.succeeded.lock().contains(&claimed.id);
                assert!(!again || self.requeued.lock().contains(&claimed.id), "{} has succeeded", claimed.id);
            }
            tokio::task::yield_now().await;
            for claimed in &claim.deliveries {
                turn += 1;
                // No longer ours from the moment that the store is told, which is before it answers.
                self.in_flight.lock().remove(&claimed.id);
                if turn.is_multiple_of(7) {
                    ok(self.store.release(vec![claimed.id]).await);
                    continue;
                }
                let next = if turn.is_multiple_of(5) { Next::RetryAt(self.now()) } else { Next::Succeeded };
                if next == Next::Succeeded {
                    self.succeeded.lock().insert(claimed.id);
                }
                settle.settlements.push(settlement(claimed, self.now(), next));
            }
            ok(self.store.settle(settle).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_claimed_twice_or_lost_under_stress() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = Bounds { lane_entries: 64, entries: 200, bytes: 1024 * 1024 };
    let (world, store) = world(dir.path(), bounds).await;
    let stress = Arc::new(Stress {
        store: store.clone(),
        clock: AtomicI64::new(0),
        in_flight: Mutex::default(),
        succeeded: Mutex::default(),
        requeued: Mutex::default(),
        sent: AtomicUsize::new(0),
        total: 4 * 1500,
    });
    let endpoints: Vec<_> = (0..9).map(|_| EndpointId::from_u128(ulid(at(0)))).collect();
    let publishers = (0..4).map(|_| {
        let (world, stress, endpoints) = (world.clone(), stress.clone(), endpoints.clone());
        tokio::spawn(async move {
            for index in 0..100 {
                let drafts = (0..15).map(|offset| {
                    let draft = world.draft_at("t", stress.now());
                    match offset % 3 {
                        0 => draft.to_in_order(endpoints[(index + offset) % 9], "k"),
                        _ => draft.to(endpoints[(index * offset) % 9]),
                    }
                });
                let ids = world.accept(drafts.collect()).await;
                stress.sent.fetch_add(ids.len(), Relaxed);
                stress.requeued.lock().insert(ids[1]);
                assert!(ok(stress.store.requeue(world.space, ids[1], stress.now()).await).is_some());
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let deliverers: Vec<_> = (0..4)
        .map(|seed| {
            let stress = stress.clone();
            tokio::spawn(async move { stress.deliver(seed).await })
        })
        .collect();
    for task in publishers.into_iter().chain(deliverers) {
        task.await.unwrap();
    }
    assert_eq!(stress.sent.load(Relaxed), stress.total);
}
