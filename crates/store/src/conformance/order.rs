//! Ordering keys: of one endpoint's deliveries with equal keys, each waits until all before it have ended.

use std::sync::Arc;

use posthouse_types::{DeliveryState, Timestamp};

use super::build::{World, at, ok};
use crate::{Next, Store};

/// The next of a key waits until the one before it has ended, however it ends.
pub async fn next_of_a_key_waits(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let ends = [Next::Succeeded, Next::Dead, Next::Cancelled];
    let mut ids = Vec::new();
    for _ in 0..=ends.len() {
        ids.push(world.send_in_order(endpoint, "k").await);
    }
    for (id, end) in ids.iter().zip(ends) {
        let claimed = world.claim_one(at(1)).await;
        assert_eq!(claimed.id, *id, "the first that has not ended is due");
        let again = world.claim(at(1)).await;
        assert!(again.deliveries.is_empty(), "the others wait while it is in flight");
        assert_eq!(again.next_due, None, "and those that wait their turn have no due time");
        world.settle(&claimed, at(2), end).await;
    }
    assert_eq!(
        world.claim_ids(at(2)).await,
        ids[ends.len()..],
        "the last is due when all before it have ended"
    );
}

/// One that waits its turn shows no time; when its turn comes it is due.
pub async fn waiting_has_no_time(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let first = world.send_in_order(endpoint, "k").await;
    let second = world.send_in_order(endpoint, "k").await;
    assert_eq!(world.delivery(first).await.next_attempt_at, Some(at(0)), "the first is due");
    let waiting = world.delivery(second).await;
    assert_eq!(
        waiting.next_attempt_at,
        Some(Timestamp::NEVER),
        "the second waits for something else than time"
    );
    assert_eq!(waiting.state, DeliveryState::Pending, "it is pending");
    let claimed = world.claim_one(at(1)).await;
    assert_eq!(world.delivery(second).await.next_attempt_at, Some(Timestamp::NEVER), "it still waits");
    world.settle(&claimed, at(5), Next::Succeeded).await;
    let due = world.delivery(second).await.next_attempt_at;
    assert!(due.is_some_and(|due| due <= at(5)), "its turn has come: {due:?}");
}

/// A failure that is tried again keeps its place.
pub async fn a_retry_keeps_its_place(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let first = world.send_in_order(endpoint, "k").await;
    let second = world.send_in_order(endpoint, "k").await;
    let claimed = world.claim_one(at(1)).await;
    world.settle(&claimed, at(2), Next::RetryAt(at(60))).await;
    let claim = world.claim(at(59)).await;
    assert!(claim.deliveries.is_empty(), "the second does not overtake the retry");
    assert_eq!(claim.next_due, Some(at(60)), "the retry is the next that is due");
    let claimed = world.claim_one(at(60)).await;
    assert_eq!(claimed.id, first, "the retry comes first");
    world.settle(&claimed, at(61), Next::Dead).await;
    assert_eq!(world.claim_ids(at(61)).await, [second], "then the second");
}

/// Neither releasing the first nor requeueing the second lets the second go first.
pub async fn nothing_jumps_the_queue(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let first = world.send_in_order(endpoint, "k").await;
    let second = world.send_in_order(endpoint, "k").await;
    assert_eq!(world.claim_ids(at(1)).await, [first]);
    ok(store.release(vec![first]).await);
    assert_eq!(world.claim_ids(at(1)).await, [first], "after a release the first is first");
    ok(store.requeue(world.space, second, at(2)).await).expect("the delivery exists");
    assert_eq!(world.claim_ids(at(3)).await, [], "a requeue keeps its turn");
}

/// Other keys, deliveries without one and other endpoints do not wait.
pub async fn others_overtake(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (endpoint, other) = (world.endpoint().await, world.endpoint().await);
    let blocking = world.send_in_order(endpoint, "k").await;
    let claimed = world.claim_one(at(1)).await;
    assert_eq!(claimed.id, blocking);
    world.send_in_order(endpoint, "k").await;
    let free = [
        world.send_in_order(endpoint, "l").await,
        world.send(endpoint).await,
        world.send_in_order(other, "k").await,
        world.send(endpoint).await,
    ];
    let mut ids = world.claim_ids(at(1)).await;
    ids.sort_unstable();
    assert_eq!(ids, free, "all but the one with the key in flight");
}

/// Deliveries of one batch wait for each other like any others, also behind an earlier batch.
pub async fn batches_are_ordered(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let draft = || world.draft("t").to_in_order(one, "k").to_in_order(two, "k");
        ids.extend(world.accept(vec![draft(), draft(), draft()]).await);
    }
    for pair in ids.chunks(2) {
        let claim = world.claim(at(1)).await;
        let mut claimed: Vec<_> = claim.deliveries.iter().map(|claimed| claimed.id).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, pair, "one per endpoint, in order");
        let settle = |claimed| super::build::settlement(claimed, at(2), Next::Succeeded);
        world.settle_all(claim.deliveries.iter().map(settle).collect()).await;
    }
    assert!(world.claim(at(3)).await.deliveries.is_empty(), "all are delivered");
}

/// Twenty events of two keys arrive in order, although every third attempt fails and others pass by.
pub async fn order_holds_over_many(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let (mut sent, mut arrived) = ([vec![], vec![]], [vec![], vec![]]);
    for index in 0..20 {
        sent[index % 2].push(world.send_in_order(endpoint, ["even", "odd"][index % 2]).await);
        world.send(endpoint).await;
    }
    let mut tries = 0;
    for second in 1..1000 {
        let claim = world.claim(at(second)).await;
        for claimed in &claim.deliveries {
            tries += 1;
            let failed = tries % 3 == 0;
            let next = if failed { Next::RetryAt(at(second + 2)) } else { Next::Succeeded };
            world.settle(claimed, at(second), next).await;
            if let (false, Some(key)) = (failed, sent.iter().position(|ids| ids.contains(&claimed.id))) {
                arrived[key].push(claimed.id);
            }
        }
        if claim.deliveries.is_empty() && claim.next_due.is_none() {
            break;
        }
    }
    assert_eq!(arrived, sent, "each key arrives in the order of its events");
}
