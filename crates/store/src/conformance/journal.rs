//! Reading back: events, deliveries, attempts; lists, pages and filters; the wall between spaces.

use std::sync::Arc;

use posthouse_types::limits::{BATCH_EVENTS_MAX, PAYLOAD_BYTES_MAX};
use posthouse_types::{DeliveryId, DeliveryState, Event, EventId, EventRef, EventType, PageRequest};

use super::build::{World, at, first, ok, text, walk};
use crate::{DeliveryFilter, EventFilter, Next, PAGE_BYTES_MAX, SCAN_ROWS_MAX, Store};

fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

fn of_type(name: &str) -> EventFilter {
    EventFilter { event_type: Some(text(name)), ..EventFilter::default() }
}

/// Publishes `count` events, one second and one commit apart; their ids, newest first.
async fn publish_many(world: &World, event_type: &str, count: i64) -> Vec<EventId> {
    let mut newest_first = Vec::new();
    for second in 0..count {
        let draft = world.draft_at(event_type, at(second));
        newest_first.insert(0, draft.event.id);
        world.accept(vec![draft]).await;
    }
    newest_first
}

/// An event with a name of its own is found by that name and by our id.
pub async fn event_is_found_by_both_ids(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let draft = world.draft("t").named("order-1");
    let event = draft.event.clone();
    world.accept(vec![draft]).await;
    for reference in [EventRef::External(text("order-1")), EventRef::Internal(event.id)] {
        let read = ok(store.event(world.space, &reference).await);
        assert_eq!(read.as_ref(), Some(&event), "found by {reference}");
    }
    for reference in [EventRef::External(text("order-2")), EventRef::Internal(EventId::MAX)] {
        assert_eq!(ok(store.event(world.space, &reference).await), None, "{reference} is no event");
    }
}

/// Nothing of the journal is visible from another tenant or from the other environment.
pub async fn spaces_do_not_see_each_others_journal(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let draft = world.draft("t").named("x").to(endpoint);
    let event = draft.event.id;
    let delivery = world.accept(vec![draft]).await[0];
    world.finish_due(at(1), Next::Dead).await;

    for other in [world.test_space(), World::new(&store).await] {
        let space = other.space;
        for reference in [EventRef::Internal(event), EventRef::External(text("x"))] {
            assert_eq!(ok(store.event(space, &reference).await), None, "event by {reference}");
            let filter = DeliveryFilter { event: Some(reference), ..DeliveryFilter::default() };
            let found = ok(store.deliveries(space, filter, first(10)).await);
            assert_eq!(found.items, [], "deliveries of a foreign event");
        }
        assert_eq!(other.event_ids().await, [], "events");
        assert_eq!(ok(store.events(space, of_type("t"), first(10)).await).items, [], "events by type");
        assert_eq!(ok(store.events_after(space, EventId::MIN, 10).await), [], "events_after");
        assert_eq!(ok(store.last_event(space).await), None, "last_event");
        assert_eq!(ok(store.delivery(space, delivery).await), None, "delivery");
        for endpoint in [None, Some(endpoint)] {
            let filter = DeliveryFilter { endpoint, ..DeliveryFilter::default() };
            assert_eq!(ok(store.deliveries(space, filter, first(10)).await).items, [], "deliveries");
        }
        assert_eq!(ok(store.attempts(space, delivery).await), None, "attempts");
        assert_eq!(ok(store.requeue(space, delivery, at(2)).await), None, "requeue");
    }
    assert_eq!(world.delivery(delivery).await.state, DeliveryState::Dead, "no stranger touched the delivery");
}

/// Events are listed newest first, all or of one type, and pages join without gap or repeat.
pub async fn events_are_listed_newest_first(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut all = Vec::new();
    for second in 0..20 {
        let draft = world.draft_at(if second % 3 == 0 { "a" } else { "a.b" }, at(second));
        all.insert(0, draft.event.clone());
        world.accept(vec![draft]).await;
    }
    for limit in [1, 3, 7, 19, 20, 21] {
        let read =
            walk(limit, async |page| store.events(world.space, EventFilter::default(), page).await).await;
        assert_eq!(ids(&read), ids(&all), "all, in pages of {limit}");
        let read = walk(limit, async |page| store.events(world.space, of_type("a"), page).await).await;
        let of_type: Vec<_> = all.iter().filter(|event| event.event_type.as_str() == "a").cloned().collect();
        assert_eq!(ids(&read), ids(&of_type), "of one type, in pages of {limit}");
    }
    let none = walk(5, async |page| store.events(world.space, of_type("b"), page).await).await;
    assert_eq!(none, [], "no event is of this type");
}

/// Reading on is not disturbed by what is accepted meanwhile.
pub async fn paging_is_steady_while_events_arrive(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let all = publish_many(&world, "t", 9).await;
    let read = walk(2, async |page| {
        world.accept(vec![world.draft_at("t", at(100))]).await;
        store.events(world.space, EventFilter::default(), page).await
    })
    .await;
    assert_eq!(ids(&read[1..]), all, "one arrived before the first page; none is missing or repeated");
}

/// The edges of limit and cursor.
pub async fn page_edges(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let read = async |limit, after| {
        ok(store.events(world.space, EventFilter::default(), PageRequest { limit, after }).await)
    };
    let empty = read(5, None).await;
    assert_eq!((empty.items, empty.next), (vec![], None), "an empty list is one empty page");

    let all = publish_many(&world, "t", 4).await;
    let page = read(4, None).await;
    assert_eq!((ids(&page.items), page.next), (all.clone(), None), "a page that just fits is the last");
    let page = read(3, None).await;
    assert_eq!(
        (ids(&page.items), page.next),
        (all[..3].to_vec(), Some(all[2])),
        "next is the last item's key"
    );
    let page = read(3, page.next).await;
    assert_eq!((ids(&page.items), page.next), (all[3..].to_vec(), None), "the rest");
    assert_eq!(ids(&read(9, Some(EventId::MAX)).await.items), all, "nothing is newer than MAX");
    assert_eq!(read(9, Some(EventId::MIN)).await.items, [], "nothing is older than MIN");
    let between = EventId::from_u128(all[1].as_u128() - 1);
    assert_eq!(ids(&read(9, Some(between)).await.items), all[2..], "a cursor need not be a stored id");
}

/// A stream reads events in the order of acceptance, from any event on, and knows the last.
pub async fn events_after_follows_acceptance(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    assert_eq!(ok(store.last_event(world.space).await), None, "there is no event yet");
    let mut oldest_first = Vec::new();
    for second in 0..3 {
        let drafts: Vec<_> = (0..3).map(|_| world.draft_at("t", at(second))).collect();
        oldest_first.extend(drafts.iter().map(|draft| draft.event.id));
        world.accept(drafts).await;
        let last = ok(store.last_event(world.space).await);
        assert_eq!(last.as_ref(), oldest_first.last(), "the last of the batch is the last");
    }
    let stranger = World::new(&store).await;
    stranger.accept(vec![stranger.draft_at("t", at(9))]).await;

    let after = async |id, limit| ids(&ok(store.events_after(world.space, id, limit).await));
    let read = after(EventId::MIN, 4).await;
    assert_eq!(read, oldest_first[..4], "from the first, as many as asked for");
    assert_eq!(after(read[3], 100).await, oldest_first[4..], "on from there, batches in their order");
    assert_eq!(after(oldest_first[8], 100).await, [], "nothing after the last");
    let next = world.draft_at("t", at(10));
    let next_id = next.event.id;
    world.accept(vec![next]).await;
    assert_eq!(after(oldest_first[8], 100).await, [next_id], "what came since");
}

struct Shop {
    world: World,
    deliveries: Vec<DeliveryId>,
    base: DeliveryFilter,
}

/// Twelve deliveries, a second apart: endpoints alternate, every third is of type `b`, and states take turns
/// (succeeded, dead, pending). The base filter names the first endpoint.
async fn shop(store: &Arc<dyn Store>) -> Shop {
    let world = World::new(store).await;
    let endpoints = [world.endpoint().await, world.endpoint().await];
    let mut deliveries = Vec::new();
    for second in 0..12_u8 {
        let event_type = if second % 3 == 0 { "b" } else { "a" };
        let endpoint = endpoints[usize::from(second % 2)];
        let draft = world.draft_at(event_type, at(second.into())).named(&format!("e{second}")).to(endpoint);
        deliveries.extend(world.accept(vec![draft]).await);
        let next = [Next::Succeeded, Next::Dead, Next::RetryAt(at(1000))][usize::from(second % 3)];
        world.finish_due(at(second.into()), next).await;
    }
    let base = DeliveryFilter { endpoint: Some(endpoints[0]), ..DeliveryFilter::default() };
    Shop { world, deliveries, base }
}

impl Shop {
    /// The filter lets through the deliveries of these seconds, newest first, in pages of any size.
    async fn expect(&self, filter: DeliveryFilter, seconds: &[usize]) {
        let expected: Vec<_> = seconds.iter().rev().map(|second| self.deliveries[*second]).collect();
        for limit in [1, 2, 5, 100] {
            let read = async |page| self.world.store.deliveries(self.world.space, filter.clone(), page).await;
            let found: Vec<_> = walk(limit, read).await.iter().map(|delivery| delivery.id).collect();
            assert_eq!(found, expected, "{filter:?} in pages of {limit}");
        }
    }
}

/// Each filter of deliveries alone.
pub async fn delivery_filters_alone(store: Arc<dyn Store>) {
    let shop = shop(&store).await;
    let all = DeliveryFilter::default;
    shop.expect(all(), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]).await;
    shop.expect(shop.base.clone(), &[0, 2, 4, 6, 8, 10]).await;
    let event = shop.world.delivery(shop.deliveries[4]).await.event_id;
    for reference in [EventRef::Internal(event), EventRef::External(text("e4"))] {
        shop.expect(DeliveryFilter { event: Some(reference), ..all() }, &[4]).await;
    }
    let unknown = EventRef::External(text("unknown"));
    shop.expect(DeliveryFilter { event: Some(unknown), ..all() }, &[]).await;
    let of_type = |name: &str| DeliveryFilter { event_type: Some(text::<EventType>(name)), ..all() };
    shop.expect(of_type("b"), &[0, 3, 6, 9]).await;
    shop.expect(of_type("c"), &[]).await;
    let in_state = |state| DeliveryFilter { state: Some(state), ..all() };
    shop.expect(in_state(DeliveryState::Succeeded), &[0, 3, 6, 9]).await;
    shop.expect(in_state(DeliveryState::Dead), &[1, 4, 7, 10]).await;
    shop.expect(in_state(DeliveryState::Pending), &[2, 5, 8, 11]).await;
    shop.expect(in_state(DeliveryState::Cancelled), &[]).await;
    shop.expect(DeliveryFilter { since: Some(at(9)), ..all() }, &[9, 10, 11]).await;
    shop.expect(DeliveryFilter { until: Some(at(2)), ..all() }, &[0, 1]).await;
}

/// Filters of deliveries together: all must hold.
pub async fn delivery_filters_combined(store: Arc<dyn Store>) {
    let shop = shop(&store).await;
    let base = || shop.base.clone();
    shop.expect(DeliveryFilter { event_type: Some(text("a")), ..base() }, &[2, 4, 8, 10]).await;
    shop.expect(DeliveryFilter { state: Some(DeliveryState::Dead), ..base() }, &[4, 10]).await;
    shop.expect(DeliveryFilter { since: Some(at(2)), until: Some(at(8)), ..base() }, &[2, 4, 6]).await;
    let event = Some(EventRef::External(text("e3")));
    shop.expect(DeliveryFilter { event: event.clone(), ..base() }, &[]).await;
    let everything = DeliveryFilter {
        event,
        endpoint: None,
        event_type: Some(text("b")),
        state: Some(DeliveryState::Succeeded),
        since: Some(at(3)),
        until: Some(at(4)),
        project: None,
    };
    shop.expect(everything.clone(), &[3]).await;
    shop.expect(DeliveryFilter { state: Some(DeliveryState::Pending), ..everything.clone() }, &[]).await;
    shop.expect(DeliveryFilter { until: Some(at(3)), ..everything }, &[]).await;
    let live = DeliveryFilter {
        event_type: Some(text("a")),
        state: Some(DeliveryState::Pending),
        since: Some(at(3)),
        ..base()
    };
    shop.expect(live, &[8]).await;
}

/// Events of one project, alone and with a type.
pub async fn events_of_a_project(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.project().await, world.project().await);
    let mut of_one = Vec::new();
    for second in 0..9 {
        let event_type = if second % 2 == 0 { "a" } else { "b" };
        let draft = world.draft_at(event_type, at(second));
        let draft = match second % 3 {
            0 => draft.of_project(one),
            1 => draft.of_project(two),
            _ => draft,
        };
        if second % 3 == 0 {
            of_one.insert(0, draft.event.id);
        }
        world.accept(vec![draft]).await;
    }
    let read = async |filter: EventFilter, limit| {
        ids(&walk(limit, async |page| store.events(world.space, filter.clone(), page).await).await)
    };
    for limit in [1, 2, 3, 10] {
        let filter = EventFilter { project: Some(one), ..EventFilter::default() };
        assert_eq!(read(filter.clone(), limit).await, of_one, "in pages of {limit}");
        let filter = EventFilter { event_type: Some(text("b")), ..filter };
        assert_eq!(read(filter, limit).await, of_one[1..2], "of one type, in pages of {limit}");
    }
}

/// Deliveries of a project: both the event and the endpoint are of it.
pub async fn deliveries_of_a_project(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.project().await, world.project().await);
    let mine = world.endpoint_of(one).await;
    let endpoints = [mine, world.endpoint_of(two).await, world.endpoint().await];
    let mut expected = Vec::new();
    for project in [Some(one), Some(two), None] {
        let draft = endpoints.iter().fold(world.draft("t"), |draft, endpoint| draft.to(*endpoint));
        let draft = project.into_iter().fold(draft, super::build::Draft::of_project);
        let ids = world.accept(vec![draft]).await;
        if project == Some(one) {
            expected.push(ids[0]);
        }
    }
    let filter = DeliveryFilter { project: Some(one), ..DeliveryFilter::default() };
    let narrower =
        DeliveryFilter { endpoint: Some(mine), state: Some(DeliveryState::Pending), ..filter.clone() };
    for filter in [filter, narrower] {
        let read = async |page| store.deliveries(world.space, filter.clone(), page).await;
        let found: Vec<_> = walk(2, read).await.iter().map(|delivery| delivery.id).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert!(ok(store.delete_endpoint(world.space, mine).await), "the endpoint existed");
    let filter = DeliveryFilter { project: Some(one), ..DeliveryFilter::default() };
    let page = ok(store.deliveries(world.space, filter, first(10)).await);
    assert_eq!(page.items.len(), 1, "also when the endpoint was deleted");
}

/// Large payloads make short pages, and nothing is lost between them.
pub async fn pages_are_bounded_by_bytes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut sent = Vec::new();
    for _ in 0..10 {
        let draft = world.draft("t").with_payload(vec![b'1'; PAYLOAD_BYTES_MAX]);
        sent.push(draft.event.id);
        world.accept(vec![draft]).await;
    }
    let bounded = |events: &[Event]| {
        let bytes: usize = events.iter().rev().skip(1).map(|event| event.payload.len()).sum();
        assert!(!events.is_empty() && bytes < PAGE_BYTES_MAX, "{} events on a page", events.len());
    };
    let (mut listed, mut after, mut more) = (Vec::new(), None, true);
    while more {
        let request = PageRequest { limit: 100, after };
        let page = ok(store.events(world.space, EventFilter::default(), request).await);
        bounded(&page.items);
        listed.extend(ids(&page.items));
        (after, more) = (page.next, page.next.is_some());
    }
    listed.reverse();
    assert_eq!(listed, sent, "each is listed once");
    let mut followed = Vec::new();
    while followed.len() < sent.len() {
        let last = followed.last().copied().unwrap_or(EventId::MIN);
        let events = ok(store.events_after(world.space, last, 100).await);
        bounded(&events);
        followed.extend(ids(&events));
    }
    assert_eq!(followed, sent, "each is followed once");
}

/// A filter that hardly anything passes gives up its page, says where to go on, and gets there.
pub async fn pages_are_bounded_by_rows(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let wanted = world.draft("wanted").to(endpoint);
    let event = wanted.event.id;
    let delivery = world.accept(vec![wanted]).await[0];
    for _ in 0..=SCAN_ROWS_MAX / BATCH_EVENTS_MAX {
        world.accept((0..BATCH_EVENTS_MAX).map(|_| world.draft("t").to(endpoint)).collect()).await;
    }
    let page = ok(store.events(world.space, of_type("wanted"), first(10)).await);
    assert_eq!(page.items, [], "it lies too far back");
    let next = PageRequest { limit: 10, after: page.next };
    assert!(next.after.is_some(), "there is more to look at");
    let page = ok(store.events(world.space, of_type("wanted"), next).await);
    assert_eq!((ids(&page.items), page.next), (vec![event], None), "from there it is found");

    let filter = DeliveryFilter { event_type: Some(text("wanted")), ..DeliveryFilter::default() };
    for filter in [filter.clone(), DeliveryFilter { endpoint: Some(endpoint), ..filter }] {
        let page = ok(store.deliveries(world.space, filter.clone(), first(10)).await);
        assert_eq!(page.items, [], "it lies too far back");
        let next = PageRequest { limit: 10, after: page.next };
        assert!(next.after.is_some(), "there is more to look at");
        let page = ok(store.deliveries(world.space, filter, next).await);
        let found: Vec<_> = page.items.iter().map(|delivery| delivery.id).collect();
        assert_eq!((found, page.next), (vec![delivery], None), "from there it is found");
    }
}
