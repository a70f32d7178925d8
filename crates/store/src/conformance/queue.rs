//! Claiming: what is due, to whom, how much, and when to look again; and the wakes that say "look now".

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use posthouse_types::{EndpointId, Timestamp};

use super::build::{T0, World, at, due, endpoint, ok, settlement, woken};
use crate::{ClaimDue, Next, Store};

/// Accepts `count` deliveries to the endpoint, all due at [`T0`], in one commit.
async fn backlog(world: &World, endpoint: EndpointId, count: usize) {
    world.accept((0..count).map(|_| world.draft("t").to(endpoint)).collect()).await;
}

/// How many deliveries of each endpoint a claim holds.
async fn claim_counts(store: &Arc<dyn Store>, claim: ClaimDue) -> BTreeMap<EndpointId, usize> {
    let mut counts = BTreeMap::new();
    for claimed in ok(store.claim_due(claim).await).deliveries {
        *counts.entry(claimed.endpoint).or_default() += 1;
    }
    counts
}

/// A delivery is claimed from its due time on, and not before.
pub async fn claim_takes_what_is_due(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let just_before = Timestamp::from_millis(at(10).as_millis() - 1);
    let id = world.send_at(endpoint, at(10)).await;
    let claim = world.claim(just_before).await;
    assert!(claim.deliveries.is_empty(), "it is not due yet");
    assert_eq!(claim.next_due, Some(at(10)), "next_due says when");
    assert_eq!(world.claim_ids(at(10)).await, [id], "it is due at its time");
}

/// What is claimed is not claimed again, until it is given back or settled.
pub async fn claimed_belongs_to_its_claimer(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    assert_eq!(world.claim_ids(at(1)).await, [id]);
    let claim = world.claim(at(1)).await;
    assert!(claim.deliveries.is_empty(), "it has a claimer");
    assert_eq!(claim.next_due, None, "nothing waits");
    ok(store.requeue(world.space, id, at(1)).await).expect("the delivery exists");
    assert_eq!(world.claim_ids(at(1)).await, [], "a requeue does not take it from its claimer");
}

/// Claims at the same time share the work: nothing twice, nothing lost.
pub async fn concurrent_claims_share_the_work(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for _ in 0..4 {
        backlog(&world, world.endpoint().await, 50).await;
    }
    let claimers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claim = ok(store.claim_due(ClaimDue { limit: 7, ..due(at(1)) }).await);
                    assert!(claim.deliveries.len() <= 7, "a claim keeps to its limit");
                    if claim.deliveries.is_empty() {
                        return mine;
                    }
                    mine.extend(claim.deliveries.iter().map(|claimed| claimed.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.expect("a claimer does not panic"));
    }
    // A claim may come away empty because others hold locks on what is left: that must be found now.
    loop {
        let left = world.claim_ids(at(1)).await;
        if left.is_empty() {
            break;
        }
        all.extend(left);
    }
    let unique: BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len(), "no delivery has two claimers");
    assert_eq!(all.len(), 200, "every delivery was claimed");
}

/// A claim takes no more than its limit, and what it leaves is due at once.
pub async fn claim_keeps_to_its_limit(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    backlog(&world, world.endpoint().await, 5).await;
    for left in [3, 1] {
        let claim = ok(store.claim_due(ClaimDue { limit: 2, ..due(at(1)) }).await);
        assert_eq!(claim.deliveries.len(), 2, "the limit, while there is as much");
        assert!(
            claim.next_due.is_some_and(|next| next <= at(1)),
            "{left} are left and due: {:?}",
            claim.next_due
        );
    }
    let claim = ok(store.claim_due(ClaimDue { limit: 2, ..due(at(1)) }).await);
    assert_eq!((claim.deliveries.len(), claim.next_due), (1, None), "the rest, and nothing waits");
}

/// A claim takes no more of one endpoint than it may, and what it leaves is due at once.
pub async fn claim_keeps_to_its_share_per_endpoint(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    backlog(&world, one, 5).await;
    backlog(&world, two, 2).await;
    let claim = ok(store.claim_due(ClaimDue { per_endpoint: 3, ..due(at(1)) }).await);
    let of = |endpoint| claim.deliveries.iter().filter(|claimed| claimed.endpoint == endpoint).count();
    assert_eq!((of(one), of(two)), (3, 2), "three of each, where there are as many");
    assert!(
        claim.next_due.is_some_and(|next| next <= at(1)),
        "more of the first is due: {:?}",
        claim.next_due
    );
}

/// `room` overrides the share of single endpoints; with no room an endpoint is as good as absent.
pub async fn room_overrides_the_share(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (none, one, many) = (world.endpoint().await, world.endpoint().await, world.endpoint().await);
    for endpoint in [none, one, many] {
        backlog(&world, endpoint, 4).await;
    }
    let room = HashMap::from([(none, 0), (one, 1), (many, 9)]);
    let claim = ClaimDue { room, per_endpoint: 2, ..due(at(1)) };
    let counts = claim_counts(&store, claim).await;
    assert_eq!(counts, BTreeMap::from([(one, 1), (many, 4)]), "each as it has room");

    let room = HashMap::from([(none, 0), (one, 0)]);
    let claim = ok(store.claim_due(ClaimDue { room, ..due(at(1)) }).await);
    assert!(claim.deliveries.is_empty(), "endpoints without room are left out");
    assert_eq!(claim.next_due, None, "and do not count for next_due");
    assert_eq!(world.claim(at(1)).await.deliveries.len(), 7, "with room, all that is left is there");
}

/// An endpoint with a long queue does not keep others waiting.
pub async fn claims_are_fair(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let busy = world.endpoint().await;
    backlog(&world, busy, 500).await;
    let mut others = BTreeSet::new();
    for _ in 0..4 {
        let other = world.endpoint().await;
        world.send_at(other, at(1)).await;
        others.insert(other);
    }
    let counts = claim_counts(&store, ClaimDue { limit: 10, ..due(at(2)) }).await;
    for other in others {
        assert_eq!(counts.get(&other), Some(&1), "an endpoint with one delivery is served: {counts:?}");
    }
    assert_eq!(counts.get(&busy), Some(&6), "the busy one gets the rest: {counts:?}");
}

/// Of one endpoint, what has been due the longest comes first, whatever its id.
pub async fn oldest_due_comes_first(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let retried = world.send(endpoint).await;
    world.finish_due(T0, Next::RetryAt(at(50))).await;
    let mut expected = Vec::new();
    for second in [10, 20, 90] {
        expected.push(world.send_at(endpoint, at(second)).await);
    }
    expected.insert(2, retried);
    let mut claimed = Vec::new();
    for _ in 0..4 {
        let claim = ok(store.claim_due(ClaimDue { limit: 1, ..due(at(100)) }).await);
        claimed.extend(claim.deliveries.iter().map(|claimed| claimed.id));
    }
    assert_eq!(claimed, expected, "in order of due time");
}

/// `next_due` is the time of the earliest delivery that waits, and nothing when none does.
pub async fn next_due_says_when_to_look_again(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    assert_eq!(world.claim(T0).await.next_due, None, "the queue is empty");
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    world.send(one).await;
    world.finish_due(T0, Next::RetryAt(at(300))).await;
    world.send(two).await;
    world.finish_due(T0, Next::RetryAt(at(60))).await;
    assert_eq!(world.claim(at(1)).await.next_due, Some(at(60)), "the earlier of two retries");
    let without_two = ClaimDue { room: HashMap::from([(two, 0)]), ..due(at(1)) };
    let next_due = ok(store.claim_due(without_two).await).next_due;
    assert_eq!(next_due, Some(at(300)), "the later one, when the endpoint of the earlier is left out");
    let claim = world.claim(at(60)).await;
    assert_eq!((claim.deliveries.len(), claim.next_due), (1, Some(at(300))), "one is due, the other waits");
    world.settle(&claim.deliveries[0], at(61), Next::Dead).await;
    assert_eq!(world.claim(at(61)).await.next_due, Some(at(300)), "what has ended does not wait");
    world.finish_due(at(300), Next::Succeeded).await;
    assert_eq!(world.claim(at(999)).await.next_due, None, "all have ended");
}

/// What is released untried is due at once, with the same attempt number.
pub async fn released_is_due_again(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let ids = [world.send(endpoint).await, world.send(endpoint).await];
    let claim = world.claim(at(1)).await;
    assert_eq!(claim.deliveries.len(), 2);
    ok(store.release(vec![ids[0]]).await);
    let again = world.claim_one(at(1)).await;
    assert_eq!(again.id, ids[0], "only the released one is due");
    assert_eq!((again.attempt, again.attempt_of_policy), (1, 1), "no attempt was made");
    assert_eq!(world.delivery(ids[0]).await.attempts, 0, "no attempt is counted");
    ok(store.release(vec![]).await);
    ok(store.release(ids.to_vec()).await);
    assert_eq!(world.claim(at(1)).await.deliveries.len(), 2, "both are due");
}

/// Claims reach over all spaces: the queue is one.
pub async fn claims_span_spaces(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut sent = BTreeSet::new();
    for world in [world.test_space(), World::new(&store).await, world] {
        sent.insert(world.send(world.endpoint().await).await);
    }
    let claim = ok(store.claim_due(due(at(1))).await);
    let claimed: BTreeSet<_> = claim.deliveries.iter().map(|claimed| claimed.id).collect();
    assert_eq!(claimed, sent);
}

/// A claim that is held in time is not taken away.
pub async fn live_claims_do_not_expire(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    world.send(world.endpoint().await).await;
    let claimed = world.claim_one(at(1)).await;
    assert_eq!(ok(store.release_expired(at(1)).await), 0, "the claim is fresh");
    assert_eq!(world.claim_ids(at(1)).await, [], "it still has its claimer");
    world.settle(&claimed, at(2), Next::Succeeded).await;
    assert_eq!(ok(store.release_expired(at(1_000_000)).await), 0, "nothing is claimed any more");
}

/// What makes work wakes those who wait for it.
pub async fn due_wakes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let mut wake = store.wakes().due();
    let id = world.send(endpoint).await;
    woken(&mut wake, "accept makes deliveries due").await;

    let claimed = world.claim_one(at(1)).await;
    let mut wake = store.wakes().due();
    ok(store.release(vec![id]).await);
    woken(&mut wake, "release makes deliveries due").await;

    assert_eq!(world.claim_one(at(1)).await.id, claimed.id);
    let mut wake = store.wakes().due();
    world.settle(&claimed, at(2), Next::RetryAt(at(3))).await;
    woken(&mut wake, "a retry will be due").await;

    let mut wake = store.wakes().due();
    ok(store.requeue(world.space, id, at(2)).await).expect("the delivery exists");
    woken(&mut wake, "requeue makes a delivery due").await;

    let first = world.claim_one(at(2)).await;
    world.settle(&first, at(2), Next::Succeeded).await;
    world.send_in_order(endpoint, "k").await;
    world.send_in_order(endpoint, "k").await;
    let first = world.claim_one(at(4)).await;
    let mut wake = store.wakes().due();
    world.settle_all(vec![settlement(&first, at(5), Next::Succeeded)]).await;
    woken(&mut wake, "the next of its ordering key is due").await;
}

/// An endpoint that is switched on again wakes those who wait for work.
pub async fn switching_on_wakes_due(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut record = endpoint(world.space);
    record.endpoint.settings.enabled = false;
    let id = record.endpoint.id;
    ok(store.insert_endpoint(record.clone(), None).await);
    let delivery = world.send(id).await;
    let left_out = ClaimDue { room: HashMap::from([(id, 0)]), ..due(at(1)) };
    assert!(ok(store.claim_due(left_out).await).deliveries.is_empty(), "it waits while the endpoint is off");
    let mut wake = store.wakes().due();
    record.endpoint.settings.enabled = true;
    ok(store.update_endpoint(record, false, None).await).expect("the endpoint exists");
    woken(&mut wake, "deliveries of an endpoint that is on again are due").await;
    assert_eq!(world.claim_ids(at(1)).await, [delivery], "what waited resumes");
}

/// Accepted events wake those who follow them.
pub async fn event_wakes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut wake = store.wakes().events();
    world.accept(vec![world.draft("t")]).await;
    woken(&mut wake, "an event was accepted").await;
}

/// What was left out comes as soon as there is room: what was due, what came meanwhile, and what waits.
pub async fn what_was_left_out_comes_with_room(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (off, later) = (world.endpoint().await, world.endpoint().await);
    world.send(later).await;
    world.finish_due(T0, Next::RetryAt(at(60))).await;
    backlog(&world, off, 2).await;
    let none = || ClaimDue { room: HashMap::from([(off, 0), (later, 0)]), ..due(at(1)) };
    for _ in 0..3 {
        let claim = ok(store.claim_due(none()).await);
        assert_eq!((claim.deliveries.len(), claim.next_due), (0, None), "both are left out");
        world.send(off).await;
    }
    let only_off = ClaimDue { room: HashMap::from([(later, 0)]), ..due(at(1)) };
    let claim = ok(store.claim_due(only_off).await);
    assert_eq!((claim.deliveries.len(), claim.next_due), (5, None), "all that is due of one");
    assert_eq!(world.claim(at(1)).await.next_due, Some(at(60)), "the other has its time");
    let claim = ok(store.claim_due(ClaimDue { now: at(60), ..none() }).await);
    assert_eq!((claim.deliveries.len(), claim.next_due), (0, None), "left out when its time has come");
    assert_eq!(world.claim(at(61)).await.deliveries.len(), 1, "it comes with room");
}
