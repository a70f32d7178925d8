//! Housekeeping: what goes, what stays, and that every slice makes progress.

use std::sync::Arc;

use posthouse_types::{DeliveryId, EventId, EventRef};

use super::build::{DAY_S, World, at, attempt, endpoint, idempotency, ok, remember, settlement, text};
use crate::{Acceptance, Next, Prune, Settlement, Store, StoreError};

/// A slice that removes what is older than 30 days and leaves room for everything.
fn thirty_days() -> Prune {
    Prune { now: at(0), before: at(-30 * DAY_S), tenant_bytes_max: u64::MAX, limit: 100, after: None }
}

/// Prunes slice by slice to the end of the round; answers how many events went.
async fn prune_round(store: &Arc<dyn Store>, slice: Prune) -> usize {
    let (mut removed, mut after) = (0, None);
    for _ in 0..100 {
        let pruned = ok(store.prune(Prune { after, ..slice }).await);
        assert!(pruned.events <= slice.limit, "{} events in a slice of {}", pruned.events, slice.limit);
        removed += pruned.events;
        let Some(next) = pruned.next else { return removed };
        assert!(pruned.events > 0 || Some(next) > after, "a slice makes progress: {next} after {after:?}");
        after = Some(next);
    }
    panic!("the round does not end");
}

/// Accepts an event of that day with `bytes` of payload and nobody to deliver it to.
async fn event_of_day(world: &World, day: i64, bytes: usize) -> EventId {
    let payload = format!("\"{}\"", "x".repeat(bytes - 2));
    let draft = world.draft_at("t", at(day * DAY_S)).with_payload(payload);
    let id = draft.event.id;
    world.accept(vec![draft]).await;
    id
}

/// Accepts an event of that day and delivers it.
async fn delivered_on_day(world: &World, day: i64) -> (EventId, DeliveryId) {
    let draft = world.draft_at("t", at(day * DAY_S)).to(world.endpoint().await);
    let id = draft.event.id;
    let delivery = world.accept(vec![draft]).await[0];
    world.finish_due(at(day * DAY_S), Next::Succeeded).await;
    (id, delivery)
}

/// Old events go with their deliveries and attempts; newer ones stay.
pub async fn prune_removes_what_is_old(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (old, old_delivery) = delivered_on_day(&world, -40).await;
    let undelivered = event_of_day(&world, -39, 10).await;
    let (new, new_delivery) = delivered_on_day(&world, -20).await;
    assert_eq!(prune_round(&store, thirty_days()).await, 2, "two are old");
    for gone in [old, undelivered] {
        assert_eq!(ok(store.event(world.space, &EventRef::Internal(gone)).await), None, "{gone} is gone");
    }
    assert_eq!(world.event_ids().await, [new], "the newer one is listed");
    assert_eq!(ok(store.delivery(world.space, old_delivery).await), None, "the delivery went with it");
    assert_eq!(ok(store.attempts(world.space, old_delivery).await), None, "and the attempts");
    assert_eq!(world.attempts(new_delivery).await.len(), 1, "the newer one is complete");
    assert_eq!(prune_round(&store, thirty_days()).await, 0, "a second round finds nothing");
}

/// What is not yet delivered stays, however old, until it is.
pub async fn prune_spares_what_is_pending(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let draft = world.draft_at("t", at(-40 * DAY_S)).to(one).to(two);
    let half = draft.event.id;
    world.accept(vec![draft]).await;
    let claim = world.claim(at(-40 * DAY_S)).await;
    world.settle(&claim.deliveries[0], at(-40 * DAY_S), Next::Succeeded).await;
    world.settle(&claim.deliveries[1], at(-40 * DAY_S), Next::RetryAt(at(5))).await;
    let everything = Prune { tenant_bytes_max: 0, ..thirty_days() };
    for slice in [thirty_days(), everything] {
        assert_eq!(prune_round(&store, slice).await, 0, "one of its deliveries is pending");
    }
    assert_eq!(world.event_ids().await, [half], "it stays");
    world.finish_due(at(5), Next::Dead).await;
    assert_eq!(prune_round(&store, thirty_days()).await, 1, "now it goes");
}

/// Small slices get past what must stay, and to the end.
pub async fn prune_goes_on_where_it_ended(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    for day in -60..-50 {
        world.send_at(endpoint, at(day * DAY_S)).await;
        event_of_day(&world, day, 10).await;
    }
    for day in -50..-40 {
        world.send_at(endpoint, at(day * DAY_S)).await;
    }
    for day in -40..-31 {
        event_of_day(&world, day, 10).await;
    }
    event_of_day(&world, -1, 10).await;
    let removed = prune_round(&store, Prune { limit: 3, ..thirty_days() }).await;
    assert_eq!(removed, 19, "all that is old and not pending");
    assert_eq!(world.event_ids().await.len(), 21, "twenty are pending, one is new");
}

/// A tenant that keeps too much loses its oldest events, from both environments; others lose nothing.
pub async fn prune_keeps_a_tenant_to_its_room(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (test, frugal) = (world.test_space(), World::new(&store).await);
    let modest = event_of_day(&frugal, -20, 1000).await;
    for day in -10..-5 {
        event_of_day(&world, day, 1000).await;
        event_of_day(&test, day, 1000).await;
    }
    let newest = event_of_day(&world, -1, 1000).await;
    let slice = Prune { tenant_bytes_max: 3500, limit: 4, ..thirty_days() };
    assert_eq!(prune_round(&store, slice).await, 8, "of eleven events of 1000 bytes there is room for three");
    assert_eq!(world.event_ids().await.first(), Some(&newest), "the newest stays");
    assert_eq!(
        (world.event_ids().await.len(), test.event_ids().await.len()),
        (2, 1),
        "the newest three stay"
    );
    assert_eq!(frugal.event_ids().await, [modest], "a tenant with room loses nothing");
    assert_eq!(prune_round(&store, slice).await, 0, "now it fits");
}

/// Responses count as well as payloads.
pub async fn prune_counts_responses(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let draft = world.draft_at("t", at(-3 * DAY_S)).to(world.endpoint().await);
    world.accept(vec![draft]).await;
    let claimed = world.claim_one(at(-2 * DAY_S)).await;
    let outcome = posthouse_types::Outcome::Delivered { status: 200 };
    let mut attempt = attempt(1, at(-2 * DAY_S), outcome);
    attempt.response_body = vec![b'x'; 10_000].into();
    let settled = settlement(&claimed, at(-2 * DAY_S), Next::Succeeded);
    world.settle_all(vec![Settlement { attempt: Some(attempt), ..settled }]).await;
    let small = event_of_day(&world, -1, 100).await;
    let slice = Prune { tenant_bytes_max: 20_000, ..thirty_days() };
    assert_eq!(prune_round(&store, slice).await, 0, "there is room for both");
    let slice = Prune { tenant_bytes_max: 5_000, ..thirty_days() };
    assert_eq!(prune_round(&store, slice).await, 1, "the old one's response is too long");
    assert_eq!(world.event_ids().await, [small], "the newer one stays");
}

/// An idempotency key can be used anew once its record has expired and was pruned, and not before.
pub async fn prune_forgets_expired_keys(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let publish = async |key, fingerprint, expires_at| {
        world.publish(vec![world.draft("t")], idempotency(key, fingerprint, expires_at)).await
    };
    assert_eq!(publish("short", 1, at(3600)).await, Acceptance::New);
    assert_eq!(publish("long", 1, at(2 * DAY_S)).await, Acceptance::New);
    assert_eq!(prune_round(&store, Prune { now: at(3599), ..thirty_days() }).await, 0, "no event goes");
    assert_eq!(publish("short", 2, at(3600)).await, Acceptance::KeyReused, "the key has not expired");
    assert_eq!(prune_round(&store, Prune { now: at(DAY_S), ..thirty_days() }).await, 0, "no event goes");
    assert_eq!(publish("short", 2, at(2 * DAY_S)).await, Acceptance::New, "the key is free again");
    assert_eq!(publish("long", 2, at(2 * DAY_S)).await, Acceptance::KeyReused, "the other key is not");
    assert!(
        matches!(publish("short", 2, at(2 * DAY_S)).await, Acceptance::Replayed(_)),
        "it is remembered anew"
    );
}

/// Remembered answers and used tokens go once they have expired, and not before.
pub async fn prune_forgets_answers_and_tokens(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for (key, expires_at) in [("short", at(3600)), ("long", at(2 * DAY_S))] {
        ok(store.insert_endpoint(endpoint(world.space), Some(remember(key, 1, expires_at))).await);
        assert!(ok(store.use_once(world.space, token(key), expires_at).await), "a new token");
    }
    let known = async |key| {
        let answer = ok(store.remembered(world.space, None, &text(key), at(0)).await).is_some();
        // Used for a moment that is long past: the next prune forgets it again.
        (answer, !ok(store.use_once(world.space, token(key), at(0)).await))
    };
    let prune = async |now| ok(store.prune(Prune { now, ..thirty_days() }).await);
    prune(at(3599)).await;
    assert_eq!((known("short").await, known("long").await), ((true, true), (true, true)), "none has expired");
    prune(at(3600)).await;
    assert_eq!(
        (known("short").await, known("long").await),
        ((false, false), (true, true)),
        "one has expired"
    );
    prune(at(2 * DAY_S)).await;
    assert_eq!((known("short").await, known("long").await), ((false, false), (false, false)), "both have");
}

/// A token that is called so.
fn token(name: &str) -> [u8; 32] {
    let mut token = [0; 32];
    token[..name.len()].copy_from_slice(name.as_bytes());
    token
}

/// A slice that removed as many remembered answers or used tokens as it may says that there are more.
pub async fn prune_says_that_more_answers_or_tokens_expired(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for number in 0..3 {
        let answer = remember(&format!("k{number}"), 1, at(10));
        ok(store.insert_endpoint(endpoint(world.space), Some(answer)).await);
    }
    for number in 0..5 {
        assert!(ok(store.use_once(world.space, [number; 32], at(10)).await), "a new token");
    }
    let slice = Prune { now: at(20), limit: 2, ..thirty_days() };
    for more in [true, true, false, false] {
        assert_eq!(ok(store.prune(slice).await), crate::Pruned { more, ..crate::Pruned::default() });
    }
    for key in ["k0", "k1", "k2"] {
        assert_eq!(ok(store.remembered(world.space, None, &text(key), at(0)).await), None, "{key} is gone");
    }
}

/// Housekeeping of an empty store is done at once.
pub async fn housekeeping_of_nothing(store: Arc<dyn Store>) {
    ok(store.ping().await);
    assert_eq!(ok(store.prune(thirty_days()).await), crate::Pruned::default(), "nothing to prune");
    assert_eq!(ok(store.cancel_orphans(at(0), 10).await), 0, "nothing to cancel");
    assert_eq!(ok(store.release_expired(at(0)).await), 0, "nothing to release");
}

/// A closed store does not pretend to be open.
pub async fn closed_store_is_unavailable(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    world.accept(vec![world.draft("t")]).await;
    ok(store.close().await);
    let answer = store.ping().await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "ping: {answer:?}");
    let events = vec![world.draft("t").build()];
    let answer =
        store.accept(crate::Accept { space: world.space, events, changes: vec![], idempotency: None }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "accept: {answer:?}");
}

/// A slice that removed as many idempotency records as it may says that there are more.
pub async fn prune_says_that_more_keys_expired(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for number in 0..5 {
        let record = idempotency(&format!("k{number}"), 1, at(10));
        assert_eq!(world.publish(vec![], record).await, Acceptance::New);
    }
    let slice = Prune { now: at(20), limit: 2, ..thirty_days() };
    for more in [true, true, false, false] {
        assert_eq!(ok(store.prune(slice).await), crate::Pruned { more, ..crate::Pruned::default() });
    }
    assert_eq!(ok(store.answered(world.space, None, &text("k4")).await), None, "they are gone");
}
