//! The attempts of an endpoint: their order, their pages, and passing over many of them.

use std::collections::HashMap;
use std::sync::Arc;

use posthouse_types::limits::{BATCH_EVENTS_MAX, RESPONSE_KEPT_BYTES_MAX};
use posthouse_types::{DeliveryId, EndpointId, PageRequest};

use super::build::{World, at, first, ok, settlement, walk};
use crate::{ClaimDue, EndpointAttempt, Next, PAGE_BYTES_MAX, SCAN_ROWS_MAX, Settlement, Store};

type Key = (DeliveryId, u16);

fn keys(items: &[EndpointAttempt]) -> Vec<Key> {
    items.iter().map(|item| (item.delivery.id, item.attempt.number)).collect()
}

/// Sends an event to the endpoint, tries so often, and ends it.
async fn tried(world: &World, endpoint: EndpointId, tries: u16) -> DeliveryId {
    let id = world.send(endpoint).await;
    for number in 1..=tries {
        let claimed = world.claim_one(at(1)).await;
        let next = if number == tries { Next::Succeeded } else { Next::RetryAt(at(1)) };
        world.settle(&claimed, at(1), next).await;
    }
    if tries == 0 {
        let claimed = world.claim_one(at(1)).await;
        let untried = Settlement { attempt: None, ..settlement(&claimed, at(1), Next::Cancelled) };
        world.settle_all(vec![untried]).await;
    }
    id
}

/// Sends events that are tried so often each; the attempts, newest first.
async fn all_tried(world: &World, endpoint: EndpointId, tries: &[u16]) -> Vec<EndpointAttempt> {
    let mut newest_first = Vec::new();
    for tries in tries {
        let id = tried(world, endpoint, *tries).await;
        let delivery = world.delivery(id).await;
        for attempt in world.attempts(id).await {
            newest_first.insert(0, EndpointAttempt { delivery: delivery.clone(), attempt });
        }
    }
    newest_first
}

/// Accepts as many events as a batch may have, each for this endpoint; the deliveries, oldest first.
async fn send_batch(world: &World, endpoint: EndpointId) -> Vec<DeliveryId> {
    world.accept((0..BATCH_EVENTS_MAX).map(|_| world.draft("t").to(endpoint)).collect()).await
}

/// Newest delivery first, of each its newest attempt first, in full; pages join without gap or repeat.
pub async fn endpoint_attempts_are_listed_newest_first(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let none = ok(store.endpoint_attempts(world.space, endpoint, first(10), 0).await);
    assert_eq!((none.items, none.next), (vec![], None), "nothing was sent yet");
    let all = all_tried(&world, endpoint, &[0, 1, 3, 0, 0, 7, 1, 2, 0]).await;
    for limit in [1, 2, 3, 5, 13, 14, 15] {
        let read = walk(limit, async |page| store.endpoint_attempts(world.space, endpoint, page, 0).await);
        assert_eq!(read.await, all, "in pages of {limit}");
    }
    let after = async |after| {
        let page = PageRequest { limit: 100, after: Some(after) };
        ok(store.endpoint_attempts(world.space, endpoint, page, 0).await).items
    };
    let (id, number) = keys(&all)[6];
    assert_eq!(number, 4, "the cursor is in the middle of a delivery");
    assert_eq!(after((id, number)).await, all[7..], "on from there");
    assert_eq!(after((id, 100)).await, all[3..], "a cursor need not be an attempt");
    assert_eq!(after((id, 1)).await, all[10..], "nor one that has any behind it");
    assert_eq!(after((DeliveryId::MAX, 1)).await, all, "nothing is newer than MAX");
    assert_eq!(after((DeliveryId::MIN, 1)).await, [], "nothing is older than MIN");
}

/// To skip is to read and drop, from the top and from any cursor.
pub async fn skipping_attempts_is_dropping_them(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let all = keys(&all_tried(&world, endpoint, &[2, 0, 4, 1, 0, 3, 0]).await);
    let read = async |after, limit, skip| {
        let page = PageRequest { limit, after };
        let page = ok(store.endpoint_attempts(world.space, endpoint, page, skip).await);
        (keys(&page.items), page.next)
    };
    for skip in 0..all.len() + 3 {
        let rest = all.get(skip..).unwrap_or_default();
        assert_eq!(read(None, 100, skip).await, (rest.to_vec(), None), "{skip} from the top");
        let next = (rest.len() > 2).then(|| rest[1]);
        let page = rest[..rest.len().min(2)].to_vec();
        assert_eq!(read(None, 2, skip).await, (page, next), "{skip}, then a short page");
        for (index, key) in all.iter().enumerate() {
            let rest = all.get(index + 1 + skip..).unwrap_or_default();
            assert_eq!(read(Some(*key), 100, skip).await.0, rest, "{skip} more after {key:?}");
        }
    }
    assert_eq!(read(None, 2, usize::MAX).await, (vec![], None), "more than there can be");
}

/// Thousands are passed over as a few are.
pub async fn a_long_skip_arrives(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let mut newest_first = Vec::new();
    for _ in 0..3 {
        newest_first.extend(send_batch(&world, endpoint).await.into_iter().map(|id| (id, 1)));
        let count = BATCH_EVENTS_MAX;
        let claim = ClaimDue { now: at(1), limit: count, per_endpoint: count, room: HashMap::new() };
        let claim = ok(store.claim_due(claim).await);
        let settled = claim.deliveries.iter().map(|claimed| settlement(claimed, at(2), Next::Succeeded));
        world.settle_all(settled.collect()).await;
    }
    newest_first.reverse();
    for skip in [998, 999, 1000, 1001, 1999, 2000, 2990, 2999, 3000, 9000] {
        let page = ok(store.endpoint_attempts(world.space, endpoint, first(2), skip).await);
        let rest = newest_first.get(skip..).unwrap_or_default();
        assert_eq!(keys(&page.items), rest[..rest.len().min(2)], "{skip} are passed over");
        assert_eq!(page.next.is_some(), rest.len() > 2, "{skip} are passed over");
    }
}

/// One endpoint's attempts are not another's, and no other space sees them.
pub async fn endpoint_attempts_are_per_endpoint_and_space(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let mut of_one = all_tried(&world, one, &[2]).await;
    let of_two = all_tried(&world, two, &[3]).await;
    of_one.splice(0..0, all_tried(&world, one, &[1]).await);
    stranger.endpoint().await;
    for (endpoint, expected) in [(one, of_one), (two, of_two), (EndpointId::MAX, vec![])] {
        let read = ok(store.endpoint_attempts(world.space, endpoint, first(10), 0).await);
        assert_eq!(read.items, expected, "its own");
        for other in [&stranger, &world.test_space()] {
            for skip in [0, 1] {
                let read = ok(store.endpoint_attempts(other.space, endpoint, first(10), skip).await);
                assert_eq!((read.items, read.next), (vec![], None), "none for a stranger");
            }
        }
    }
}

/// Attempts stay readable when their endpoint is deleted.
pub async fn endpoint_attempts_outlive_their_endpoint(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let all = all_tried(&world, endpoint, &[2, 1]).await;
    assert!(ok(store.delete_endpoint(world.space, endpoint).await), "the endpoint existed");
    for skip in [0, 2] {
        let read = ok(store.endpoint_attempts(world.space, endpoint, first(10), skip).await);
        assert_eq!(read.items, all[skip..]);
    }
}

/// Long responses make short pages, and nothing is lost between them.
pub async fn pages_of_attempts_are_bounded_by_bytes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let fitting = PAGE_BYTES_MAX / RESPONSE_KEPT_BYTES_MAX;
    let sent = send_batch(&world, endpoint).await;
    let claim = ClaimDue { now: at(1), limit: 2 * fitting, per_endpoint: 2 * fitting, room: HashMap::new() };
    let claim = ok(store.claim_due(claim).await);
    let settled = claim.deliveries.iter().map(|claimed| {
        let mut settled = settlement(claimed, at(2), Next::Succeeded);
        if let Some(attempt) = &mut settled.attempt {
            attempt.response_body = vec![b'x'; RESPONSE_KEPT_BYTES_MAX].into();
        }
        settled
    });
    world.settle_all(settled.collect()).await;
    let (mut listed, mut after) = (Vec::new(), None);
    for _ in 0..2 {
        let page = PageRequest { limit: 5 * fitting, after };
        let page = ok(store.endpoint_attempts(world.space, endpoint, page, 0).await);
        assert_eq!(page.items.len(), fitting, "as many as come to the bound");
        listed.extend(keys(&page.items).into_iter().map(|(id, _)| id));
        after = page.next;
    }
    assert_eq!(after, None, "that was all");
    listed.reverse();
    assert_eq!(listed, sent[..2 * fitting], "each is listed once");
}

/// Many deliveries that were not tried yet end a page, which says where to go on.
pub async fn pages_of_attempts_are_bounded_by_rows(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let all = all_tried(&world, endpoint, &[2]).await;
    for _ in 0..=SCAN_ROWS_MAX / BATCH_EVENTS_MAX {
        send_batch(&world, endpoint).await;
    }
    let page = ok(store.endpoint_attempts(world.space, endpoint, first(10), 0).await);
    assert_eq!(page.items, [], "they lie too far back");
    let next = PageRequest { limit: 10, after: page.next };
    assert!(next.after.is_some(), "there is more to look at");
    let page = ok(store.endpoint_attempts(world.space, endpoint, next, 0).await);
    assert_eq!((page.items, page.next), (all.clone(), None), "from there they are found");
    let page = ok(store.endpoint_attempts(world.space, endpoint, first(10), 1).await);
    assert_eq!(page.items, all[1..], "skipping passes over those that were not tried");
}
