//! Endpoints: settings that read back, changes that do not overwrite each other, and leaving.

use std::sync::Arc;

use posthouse_types::retry::{Schedule, Steps};
use posthouse_types::{
    DeliveryState, DisabledReason, Endpoint, EndpointUrl, EventFilter, EventPattern, Health, Ordering,
    PageRequest, PayloadFilter, RateLimit, RetryPolicy, Settings, Wire,
};
use serde_json::{Map, Value, json};

use super::build::{DAY_S, World, at, endpoint, first, ok, text, walk};
use crate::{DeliveryFilter, EndpointRecord, HealthChange, Next, Sealed, Settle, Store, StoreError};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn settings(schedule: Schedule, jitter: f64, ordering: Ordering) -> Settings {
    let pattern = |text| EventPattern::parse(text).expect("the pattern is valid");
    let filter = json!({
        "/status": "done", "/priority": ["high", 7, null, true, 1.5], "/user/e~1mail": {"exists": true},
        "/name": {"prefix": "Zoë"}, "/kind": {"not": ["a", "b"]}, "": {"exists": true},
    });
    Settings {
        url: EndpointUrl::parse("https://xn--bcher-kva.example:8443/a%20b?c=d&e").expect("the URL is valid"),
        events: EventFilter::new(["order.*", "a.b-c", "z", "*"].map(pattern)).expect("the filter is valid"),
        description: "It's \"the\" one\nwith 🐎 and %s; -- $1".to_owned(),
        wire: Wire::Standard,
        retry_policy: RetryPolicy::new(schedule, Some(jitter)).expect("the policy is valid"),
        rate_limit: Some(RateLimit::new(50, Some(200)).expect("the rate is valid")),
        ordering,
        timeout_ms: 1_234,
        filter: Some(PayloadFilter::try_from(object(filter)).expect("the filter is valid")),
        enabled: false,
        metadata: object(json!({"n": 1.5, "list": [1, null, {"deep": "é"}], "": "empty", "big": u64::MAX})),
    }
}

/// Records that between them use every value of every setting.
fn colourful(world: &World) -> Vec<EndpointRecord> {
    let steps = Steps { delay_s: 7, attempts: 9, cap_s: 3600 };
    let variants = [
        (Schedule::Standard, 0.0, Ordering::None),
        (Schedule::Exponential(steps), 0.1, Ordering::Session),
        (Schedule::Linear(steps), 0.25, Ordering::Endpoint),
        (Schedule::Constant(steps), 1.0, Ordering::None),
        (Schedule::Custom(vec![0.0, 0.25, 5.0, 86_400.0]), 0.3, Ordering::None),
        (Schedule::Custom(vec![]), 0.0, Ordering::None),
    ];
    let mut records: Vec<_> = variants
        .into_iter()
        .map(|(schedule, jitter, ordering)| {
            let mut record = endpoint(world.space);
            record.endpoint.settings = settings(schedule, jitter, ordering);
            record
        })
        .collect();
    records.push(endpoint(world.space));
    records
}

/// Every setting reads back, by id and with all others.
pub async fn endpoint_settings_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut records = colourful(&world);
    let project = world.project().await;
    for (record, reason) in records.iter_mut().zip([DisabledReason::Gone, DisabledReason::Failing]) {
        record.endpoint.project = Some(project);
        record.endpoint.session = Some(text("ses-1"));
        record.endpoint.disabled_reason = Some(reason);
        record.endpoint.health.consecutive_failures = 3;
        record.endpoint.health.open_until = Some(at(60));
        record.endpoint.created_at = at(1);
        record.endpoint.updated_at = at(2);
    }
    for record in &records {
        ok(store.insert_endpoint(record.clone(), None).await);
    }
    let all = ok(store.all_endpoints().await);
    for record in &records {
        let id = record.endpoint.id;
        assert_eq!(world.read_endpoint(id).await, *record, "read by id");
        assert_eq!(all.iter().find(|it| it.endpoint.id == id), Some(record), "read with all");
    }
}

/// What is sealed is bytes: any, many, or none.
pub async fn sealed_bytes_are_kept(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for bytes in [vec![], vec![0], every_byte.repeat(64)] {
        let mut record = endpoint(world.space);
        record.secrets = Sealed(bytes.clone());
        record.headers = Sealed(bytes.iter().rev().copied().collect());
        ok(store.insert_endpoint(record.clone(), None).await);
        let read = world.read_endpoint(record.endpoint.id).await;
        assert!(read.secrets == record.secrets, "{} bytes of secrets", bytes.len());
        assert!(read.headers == record.headers, "{} bytes of headers", bytes.len());
    }
}

/// Endpoints are listed newest first, page by page, and only to their own space.
pub async fn endpoints_are_listed(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.insert(0, world.endpoint().await);
    }
    let strangers = [world.test_space(), World::new(&store).await];
    for limit in [1, 3, 7, 8] {
        let read = walk(limit, async |page| store.endpoints(world.space, page).await).await;
        let read: Vec<_> = read.iter().map(|record| record.endpoint.id).collect();
        assert_eq!(read, ids, "in pages of {limit}");
    }
    for stranger in strangers {
        let space = stranger.space;
        assert_eq!(ok(store.endpoints(space, first(10)).await).items, [], "{space:?} has none");
        assert_eq!(ok(store.endpoint(space, ids[0]).await), None, "{space:?} can not read it");
        let record = world.read_endpoint(ids[0]).await;
        let foreign = EndpointRecord { endpoint: Endpoint { space, ..record.endpoint.clone() }, ..record };
        assert_eq!(ok(store.update_endpoint(foreign, true, None).await), None, "{space:?} can not change it");
        assert!(!ok(store.delete_endpoint(space, ids[0]).await), "{space:?} can not delete it");
        stranger.endpoint().await;
    }
    let all = ok(store.all_endpoints().await);
    assert_eq!(all.len(), 9, "a node loads those of all spaces");
}

/// An update replaces what is the owner's, and counts.
pub async fn endpoint_update_replaces(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.endpoint().await;
    for (index, new) in colourful(&world).into_iter().enumerate() {
        let mut record = world.read_endpoint(id).await;
        let version = record.version;
        record.endpoint.session = (index % 3 != 1).then(|| text(["ses-1", "ses-2"][index % 2]));
        record.endpoint.settings = new.endpoint.settings;
        record.endpoint.disabled_reason = [None, Some(DisabledReason::Failing)][index % 2];
        record.endpoint.updated_at = at(60);
        record.secrets = Sealed(vec![9; index]);
        record.headers = Sealed(vec![8; index + 1]);
        let answer =
            ok(store.update_endpoint(record.clone(), false, None).await).expect("the endpoint exists");
        record.version = version + 1;
        assert_eq!(answer, record, "the answer is the new record");
        assert_eq!(world.read_endpoint(id).await, record, "and it is stored");
    }
    let unknown = endpoint(world.space);
    assert_eq!(ok(store.update_endpoint(unknown, false, None).await), None, "there is no such endpoint");
}

/// Of two changes to the same version one wins and the other is told.
pub async fn stale_updates_are_refused(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.endpoint().await;
    let read = world.read_endpoint(id).await;
    let racers: Vec<_> = (0..8)
        .map(|index| {
            let (store, mut record) = (store.clone(), read.clone());
            record.endpoint.settings.description = index.to_string();
            tokio::spawn(async move { store.update_endpoint(record, false, None).await })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        match racer.await.expect("an owner does not panic") {
            Ok(Some(record)) => winners.push(record),
            other => assert_eq!(other, Err(StoreError::Stale), "the loser is told"),
        }
    }
    assert_eq!(winners.len(), 1, "one change wins");
    assert_eq!(world.read_endpoint(id).await, winners[0], "and is stored");
}

/// An update leaves health alone, unless asked to reset it; a change of health is no change of version.
pub async fn updates_and_health_do_not_disturb_each_other(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.endpoint().await;
    let mut record = world.read_endpoint(id).await;
    let health = Health { consecutive_failures: 5, failing_since: Some(at(1)), ..Health::default() };
    let change = HealthChange { endpoint: id, health, disable: None };
    ok(store.settle(Settle { settlements: vec![], health: vec![change] }).await);

    record.endpoint.settings.timeout_ms = 2_000;
    record.endpoint.health = Health { consecutive_failures: 99, ..Health::default() };
    let answer = ok(store.update_endpoint(record, false, None).await).expect("the endpoint exists");
    assert_eq!(answer.endpoint.health, health, "health stays as stored");
    assert_eq!(world.read_endpoint(id).await, answer, "the answer is what is stored");
    let answer = ok(store.update_endpoint(answer, true, None).await).expect("the endpoint exists");
    assert_eq!(answer.endpoint.health, Health::default(), "health is reset");
    assert_eq!(world.read_endpoint(id).await, answer, "the answer is what is stored");
}

/// An endpoint that was switched off for a reason can be switched on again.
pub async fn endpoint_is_switched_on_again(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.endpoint().await;
    let health = Health { consecutive_failures: 5, ..Health::default() };
    let change = HealthChange { endpoint: id, health, disable: Some(DisabledReason::Failing) };
    ok(store.settle(Settle { settlements: vec![], health: vec![change] }).await);
    let mut record = world.read_endpoint(id).await;
    record.endpoint.settings.enabled = true;
    record.endpoint.disabled_reason = None;
    ok(store.update_endpoint(record, true, None).await).expect("the endpoint exists");
    let read = world.read_endpoint(id).await.endpoint;
    assert!(read.settings.enabled, "it is on");
    assert_eq!((read.disabled_reason, read.health), (None, Health::default()), "with a clean sheet");
    let delivery = world.send(id).await;
    assert_eq!(world.claim_ids(at(1)).await, [delivery], "its deliveries are made");
}

/// A deleted endpoint is gone from every list, its deliveries stay readable and are made no more.
pub async fn endpoint_delete(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (id, kept) = (world.endpoint().await, world.endpoint().await);
    let done = world.send(id).await;
    world.finish_due(at(1), Next::Succeeded).await;
    let waiting = world.send(id).await;
    let record = world.read_endpoint(id).await;
    assert!(ok(store.delete_endpoint(world.space, id).await), "it existed");
    assert!(!ok(store.delete_endpoint(world.space, id).await), "it exists no more");

    assert_eq!(ok(store.endpoint(world.space, id).await), None, "it can not be read");
    assert_eq!(ok(store.update_endpoint(record, false, None).await), None, "nor changed");
    let listed = ok(store.endpoints(world.space, first(10)).await).items;
    let listed: Vec<_> = listed.iter().map(|record| record.endpoint.id).collect();
    assert_eq!(listed, [kept], "it is not listed");
    let all = ok(store.all_endpoints().await);
    assert!(all.iter().all(|record| record.endpoint.id != id), "no node loads it");

    let claim = world.claim(at(2)).await;
    assert!(claim.deliveries.is_empty(), "its deliveries are not claimed");
    assert_eq!(claim.next_due, None, "nor do they keep anyone awake");
    assert_eq!(world.delivery(done).await.state, DeliveryState::Succeeded, "what was delivered is readable");
    assert_eq!(world.attempts(done).await.len(), 1, "with its attempts");
    assert_eq!(world.delivery(waiting).await.endpoint_id, id, "what waited is readable");
    let filter = DeliveryFilter { endpoint: Some(id), ..DeliveryFilter::default() };
    let page = PageRequest { limit: 10, after: None };
    assert_eq!(ok(store.deliveries(world.space, filter, page).await).items.len(), 2, "and listed");
}

/// What was pending when its endpoint was deleted is cancelled, slice by slice, until nothing is left.
pub async fn orphans_are_cancelled_in_slices(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (gone, kept) = (world.endpoint().await, world.endpoint().await);
    let done = world.send(gone).await;
    world.finish_due(at(1), Next::Succeeded).await;
    let mut orphans = vec![world.send(gone).await];
    world.finish_due(at(1), Next::RetryAt(at(DAY_S))).await;
    orphans.push(world.send(gone).await);
    world.claim_one(at(1)).await;
    for _ in 0..4 {
        orphans.push(world.send_in_order(gone, "k").await);
    }
    let other = world.send_in_order(kept, "k").await;
    assert_eq!(ok(store.cancel_orphans(at(2), 10).await), 0, "there are no orphans yet");
    assert!(ok(store.delete_endpoint(world.space, gone).await), "the endpoint existed");
    // Matching decided before the endpoint was deleted, accept came after.
    orphans.push(world.send(gone).await);

    let mut cancelled = 0;
    loop {
        let slice = ok(store.cancel_orphans(at(3), 3).await);
        assert!(slice <= 3, "a slice keeps to its limit");
        cancelled += slice;
        if slice == 0 {
            break;
        }
    }
    assert_eq!(cancelled, orphans.len(), "all are cancelled, each once");
    for orphan in orphans {
        let read = world.delivery(orphan).await;
        assert_eq!(read.state, DeliveryState::Cancelled, "{orphan} has ended");
        assert_eq!((read.finished_at, read.next_attempt_at), (Some(at(3)), None), "{orphan} ended then");
    }
    assert_eq!(world.delivery(done).await.state, DeliveryState::Succeeded, "what had ended keeps its end");
    assert_eq!(world.claim_ids(at(4)).await, [other], "other endpoints' deliveries go on");
}

/// What becomes pending for an endpoint long after it was deleted is cancelled too, and never claimed.
pub async fn late_work_of_a_deleted_endpoint_is_cancelled(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let id = world.send(endpoint).await;
    world.finish_due(at(1), Next::Dead).await;
    assert!(ok(store.delete_endpoint(world.space, endpoint).await), "the endpoint existed");
    assert_eq!(ok(store.cancel_orphans(at(2), 10).await), 0, "nothing is pending");
    let late = world.send(endpoint).await;
    assert_eq!(world.claim_ids(at(2)).await, [], "an accept that was on its way");
    assert_eq!(ok(store.cancel_orphans(at(2), 10).await), 1, "is cancelled");
    assert_eq!(world.delivery(late).await.state, DeliveryState::Cancelled);
    for hour in 1..4 {
        let now = at(hour * 3600 + 1800);
        for now in [at(hour * 3600), now] {
            assert_eq!(ok(store.cancel_orphans(now, 10).await), 0, "nothing is pending");
        }
        ok(store.requeue(world.space, id, now).await).expect("the delivery exists");
        assert_eq!(world.claim_ids(now).await, [], "what is requeued is not claimed");
        assert_eq!(ok(store.cancel_orphans(now, 10).await), 1, "but cancelled");
        assert_eq!(world.delivery(id).await.state, DeliveryState::Cancelled);
    }
}
