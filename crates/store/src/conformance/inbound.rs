//! Arrivals: what one commit holds, keys, numbers; reading back, lists and filters; the wall between spaces.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use posthouse_types::{
    InboundDelivery, InboundId, InboundRef, InboundStatus, PageRequest, SourceId, Timestamp, Tokens,
};

use super::build::{World, at, first, ok, text, walk, woken};
use super::parcels::{content, prune_nothing, request, snapshot};
use crate::{Arrived, InboundContent, InboundFilter, SCAN_ROWS_MAX, Store, TurnEnd, TurnSession};

/// What has arrived is readable by both its names, and its turn is there to be claimed.
pub async fn an_arrival_is_readable_and_claimable(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let parcel = world.parcel(source, at(1)).in_session("s");
    let number = world.take_in(&parcel).await;
    let expected = InboundDelivery { number, session: Some(text("s")), ..(*parcel.arrival.delivery).clone() };
    for name in [InboundRef::Id(parcel.id()), InboundRef::Number(number)] {
        let read = ok(store.inbound(world.space, name).await);
        assert_eq!(read.as_ref(), Some(&expected), "by {name}");
    }
    for name in [InboundRef::Id(InboundId::MAX), InboundRef::Number(number + 1), InboundRef::Number(u64::MAX)]
    {
        assert_eq!(ok(store.inbound(world.space, name).await), None, "{name} is no delivery");
    }
    let turn = world.claim_turn(at(1)).await;
    assert_eq!(turn.work, posthouse_types::Work::Delivery(parcel.id()));
    assert_eq!(Some(turn.id), parcel.arrival.turn.map(|turn| turn.id));
    assert_eq!((turn.space, turn.session), (world.space, text("s")));
    assert_eq!((turn.starts, turn.queued_at), (0, at(1)));
}

/// All that is known of a request reads back, in every status.
pub async fn inbound_fields_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let ips = ["10.1.2.3", "::1", "2001:db8::ff", "::ffff:10.1.2.3"];
    for (index, &status) in InboundStatus::ALL.iter().enumerate() {
        let mut parcel = world.parcel(source, at(1)).without_turn().with_content(None);
        parcel.arrival.delivery = Arc::new(InboundDelivery {
            status,
            reason: Some("weil „so“".to_owned()),
            event_type: Some("pull_request.opened".to_owned()),
            entity_key: Some("github:a/b:pr:1".to_owned()),
            dedup_key: Some("'; -- \"%s\"".to_owned()),
            remote_ip: ips.get(index).map(|ip| ip.parse().expect("it is an address")),
            headers: vec![("x-a".to_owned(), "1 „2“".to_owned()), ("x-a".to_owned(), String::new())],
            body_bytes: 1 << 40,
            runs: u16::MAX,
            error: Some("no".to_owned()),
            started_at: Some(at(2)),
            finished_at: Some(at(3)),
            tokens: Some(Tokens { input: 1 << 40, output: 0 }),
            ..request(world.space, source, at(1))
        });
        let number = world.take_in(&parcel).await;
        let expected = InboundDelivery { number, ..(*parcel.arrival.delivery).clone() };
        assert_eq!(world.arrived(parcel.id()).await, expected);
    }
    assert_eq!(world.claim_turns(at(9)).await, [], "what makes no work is not queued");
}

/// Bodies read back exactly, each with the configuration of its arrival.
pub async fn content_reads_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let bodies: [Bytes; 4] = [
        Bytes::new(),
        (0..=255).collect::<Vec<u8>>().into(),
        Bytes::from_static(b"{\"a\": \"\\u0000\"}"),
        vec![0; 3 * 1024 * 1024].into(),
    ];
    let mut made = Vec::new();
    for (body, number) in bodies.into_iter().zip([1, 2, 1, 2]) {
        let content = InboundContent { body, snapshot: snapshot(number) };
        let parcel = world.parcel(source, at(1)).with_content(Some(content.clone()));
        world.take_in(&parcel).await;
        made.push((parcel.id(), content));
    }
    for (id, content) in made {
        let read = ok(store.inbound_content(world.space, id).await);
        assert!(read == Some(content), "the body of {id}");
    }
    let bare = world.parcel(source, at(1)).with_content(None);
    world.take_in(&bare).await;
    assert_eq!(ok(store.inbound_content(world.space, bare.id()).await), None, "nothing is kept of it");
    assert_eq!(ok(store.inbound_content(world.space, InboundId::MAX).await), None, "no such delivery");
}

/// A session of its own is named by the delivery's number.
pub async fn own_sessions_are_numbered(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    for second in 1..4 {
        let mut parcel = world.parcel(source, at(second));
        let session = TurnSession::Numbered("webhook:wh_1:".to_owned());
        parcel.arrival.turn = parcel.arrival.turn.map(|turn| crate::NewTurn { session, ..turn });
        let number = world.take_in(&parcel).await;
        let session = text(&format!("webhook:wh_1:{number}"));
        assert_eq!(world.arrived(parcel.id()).await.session.as_ref(), Some(&session));
        assert_eq!(world.claim_turn(at(second)).await.session, session);
    }
}

/// A request with a key that is held is not stored, and makes no work.
pub async fn a_duplicate_writes_nothing(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let held = world.parcel(source, at(1)).keyed("k", None);
    let number = world.take_in(&held).await;
    assert_eq!(world.arrived(held.id()).await.dedup_key.as_deref(), Some("k"));
    for second in [1, 2, 1_000_000] {
        let again = world.parcel(source, at(second)).keyed("k", None);
        let answer = ok(store.arrive(again.arrival.clone()).await);
        assert_eq!(answer, Arrived::Duplicate { id: held.id(), number });
        assert_eq!(ok(store.inbound(world.space, again.id().into()).await), None);
        assert_eq!(ok(store.inbound_content(world.space, again.id()).await), None);
    }
    assert_eq!(world.inbound_ids().await, [held.id()]);
    assert_eq!(world.read_source(source).await.source.deliveries, 1, "it is not counted");
    assert_eq!(world.claim_turns(at(1_000_000)).await.len(), 1, "one turn");
    for key in ["K", "k ", ""] {
        world.take_in(&world.parcel(source, at(1)).keyed(key, None)).await;
    }
    world.take_in(&world.parcel(source, at(1))).await;
    let mut noted = world.parcel(source, at(1)).without_turn();
    noted.delivery().dedup_key = Some("k".to_owned());
    world.take_in(&noted).await;
    let holder = ok(store.holder_of(source, "k", at(2)).await);
    assert_eq!(holder, Some((held.id(), number)), "one that only names the key does not take it");
}

/// Of many that come at once with one key, one is stored.
pub async fn of_concurrent_duplicates_one_is_stored(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    for round in 0..4 {
        let key = format!("k{round}");
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let arrival = world.parcel(source, at(1)).keyed(&key, None).arrival;
                let (store, id) = (store.clone(), arrival.delivery.id);
                tokio::spawn(async move { (id, ok(store.arrive(arrival).await)) })
            })
            .collect();
        let (mut stored, mut duplicates) = (Vec::new(), HashSet::new());
        for racer in racers {
            match racer.await.expect("a sender does not panic") {
                (id, Arrived::Stored(number)) => stored.push((id, number)),
                (_, Arrived::Duplicate { id, number }) => drop(duplicates.insert((id, number))),
                (_, Arrived::NoSource) => panic!("the source is there"),
            }
        }
        assert_eq!(stored.len(), 1, "one is stored");
        assert_eq!(duplicates, stored.into_iter().collect(), "and all others are told which");
    }
    assert_eq!(world.claim_turns(at(1)).await.len(), 4);
}

/// A delivery that failed gives up its key; until it fails it keeps it, however often it is tried.
pub async fn a_failed_delivery_gives_up_its_key(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let again = async |second| {
        let parcel = world.parcel(source, at(second)).keyed("k", None).in_session("s");
        (parcel.id(), ok(store.arrive(parcel.arrival).await))
    };
    let (first, _) = again(1).await;
    world.work_off(at(1), TurnEnd::RetryAt(at(5), "busy".to_owned())).await;
    assert!(matches!(again(2).await.1, Arrived::Duplicate { id, .. } if id == first), "it is tried again");
    let turn = world.claim_turn(at(5)).await;
    world.start(&turn, at(5)).await;
    assert!(matches!(again(5).await.1, Arrived::Duplicate { id, .. } if id == first), "it is under way");
    world.end(&turn, at(6), TurnEnd::Failed("no".to_owned())).await;
    assert_eq!(ok(store.holder_of(source, "k", at(6)).await), None, "nobody holds it");

    let (second, answer) = again(7).await;
    let Arrived::Stored(number) = answer else { panic!("the key is free: {answer:?}") };
    assert_eq!(ok(store.holder_of(source, "k", at(7)).await), Some((second, number)));
    assert!(matches!(again(8).await.1, Arrived::Duplicate { id, .. } if id == second), "it has a new holder");
    assert_eq!(world.arrived(first).await.dedup_key.as_deref(), Some("k"), "what it was remains known");
    world.work_off(at(9), TurnEnd::Done).await;
    assert!(
        matches!(again(10).await.1, Arrived::Duplicate { id, .. } if id == second),
        "for as long as it is kept"
    );
}

/// A key with an end is held until then; after it the next takes it, with an end of its own.
pub async fn a_key_is_held_until_its_time(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let at_s = async |second, until| {
        let parcel = world.parcel(source, at(second)).keyed("k", Some(at(until)));
        (parcel.id(), ok(store.arrive(parcel.arrival).await))
    };
    let holder = async |second| ok(store.holder_of(source, "k", at(second)).await).map(|(id, _)| id);
    assert_eq!(holder(0).await, None);
    let (first, _) = at_s(0, 300).await;
    assert_eq!((holder(0).await, holder(299).await), (Some(first), Some(first)));
    assert_eq!(holder(300).await, None, "its time is over");
    assert!(matches!(at_s(299, 599).await.1, Arrived::Duplicate { id, .. } if id == first));
    let (second, answer) = at_s(300, 600).await;
    assert!(matches!(answer, Arrived::Stored(_)), "{answer:?}");
    assert_eq!((holder(301).await, holder(599).await), (Some(second), Some(second)));
    let (third, _) = at_s(601, 900).await;
    assert_eq!(holder(700).await, Some(third));
    assert_eq!(world.inbound_ids().await.len(), 3);
}

/// The same key is another one at another source.
pub async fn keys_are_per_source(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let stranger = World::new(&store).await;
    for world in [&world, &world.test_space(), &stranger, &world] {
        let source = world.source().await;
        let parcel = world.parcel(source, at(1)).keyed("k", None);
        let number = world.take_in(&parcel).await;
        assert_eq!(ok(store.holder_of(source, "k", at(1)).await), Some((parcel.id(), number)));
        assert_eq!(ok(store.holder_of(source, "other", at(1)).await), None);
    }
    assert_eq!(ok(store.holder_of(SourceId::MAX, "k", at(1)).await), None, "no such source");
}

/// What a source that is not there is sent is not stored; nor does it hold a key.
pub async fn arrivals_need_their_source(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let parcel = world.parcel(SourceId::MAX, at(1));
    assert_eq!(ok(store.arrive(parcel.arrival).await), Arrived::NoSource, "in an empty space");
    let source = world.source().await;
    world.take_in(&world.parcel(source, at(1)).keyed("k", None)).await;
    assert!(ok(store.delete_source(world.space, source).await), "it existed");
    for second in 1..3 {
        let parcel = world.parcel(source, at(second)).keyed("k", None);
        assert_eq!(ok(store.arrive(parcel.arrival.clone()).await), Arrived::NoSource);
        assert_eq!(ok(store.inbound(world.space, parcel.id().into()).await), None);
        assert_eq!(ok(store.holder_of(source, "k", at(1)).await), None);
        world.prune_inbound(prune_nothing()).await;
    }
    assert_eq!(world.claim_turns(at(9)).await, []);
}

/// Numbers rise, and none is given twice, although what had it is gone.
pub async fn numbers_are_never_given_twice(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut last = 0;
    for round in 0..4 {
        let source = world.source().await;
        for second in 0..3 {
            let parcel = world.parcel(source, at(second));
            let number = world.take_in(&parcel).await;
            assert!(number > last, "{number} after {last}");
            last = number;
            world.work_off(at(second), TurnEnd::Done).await;
        }
        if round % 2 == 0 {
            assert!(ok(store.delete_source(world.space, source).await), "it existed");
        }
        let everything = crate::PruneInbound { before: at(1000), ..prune_nothing() };
        assert_eq!(world.prune_inbound(everything).await.deliveries, 3, "nothing is left");
    }
}

/// Whoever waits for work learns that something has arrived.
pub async fn an_arrival_wakes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let mut turns = store.wakes().turns();
    turns.borrow_and_update();
    world.take_in(&world.parcel(source, at(1))).await;
    woken(&mut turns, "a turn is due").await;
}

/// One of many deliveries for the filters.
fn sample(index: usize, sources: [SourceId; 2], world: &World) -> super::parcels::Parcel {
    let status = InboundStatus::ALL[index % InboundStatus::ALL.len()];
    let mut parcel = world.parcel(sources[index % 2], at(i64::try_from(index).expect("it is small")));
    parcel = match index % 3 {
        0 => parcel.without_turn(),
        _ => parcel.in_session(["s", "t"][index / 3 % 2]),
    };
    let delivery = parcel.delivery();
    delivery.status = status;
    delivery.event_type = (!index.is_multiple_of(5)).then(|| ["push", "push.tag"][index % 2].to_owned());
    let ip = ["10.0.0.1", "2001:db8::1"][index % 2];
    delivery.remote_ip = (!index.is_multiple_of(4)).then(|| ip.parse().expect("it is an address"));
    parcel
}

fn passes(delivery: &InboundDelivery, filter: &InboundFilter) -> bool {
    let fits = |wanted: bool, fits: bool| !wanted || fits;
    fits(filter.source.is_some(), filter.source == Some(delivery.source))
        && fits(filter.session.is_some(), filter.session == delivery.session)
        && fits(filter.status.is_some(), filter.status == Some(delivery.status))
        && fits(filter.event_type.is_some(), filter.event_type == delivery.event_type)
        && fits(filter.remote_ip.is_some(), filter.remote_ip == delivery.remote_ip)
        && filter.since.is_none_or(|since| delivery.received_at >= since)
        && filter.until.is_none_or(|until| delivery.received_at < until)
}

/// Every filter alone, and all pairs of them.
fn filters(sources: [SourceId; 2]) -> Vec<InboundFilter> {
    let none = InboundFilter::default;
    let mut alone = vec![
        InboundFilter { source: Some(sources[0]), ..none() },
        InboundFilter { source: Some(SourceId::MAX), ..none() },
        InboundFilter { session: Some(text("s")), ..none() },
        InboundFilter { session: Some(text("u")), ..none() },
        InboundFilter { event_type: Some("push".to_owned()), ..none() },
        InboundFilter { remote_ip: Some("2001:db8::1".parse().expect("it is an address")), ..none() },
        InboundFilter { since: Some(at(7)), ..none() },
        InboundFilter { until: Some(at(31)), ..none() },
    ];
    alone.extend(InboundStatus::ALL.iter().map(|&status| InboundFilter { status: Some(status), ..none() }));
    let mut all = vec![none()];
    for one in &alone {
        for two in &alone {
            let (one, two) = (one.clone(), two.clone());
            all.push(InboundFilter {
                source: one.source.or(two.source),
                session: one.session.or(two.session),
                status: one.status.or(two.status),
                event_type: one.event_type.or(two.event_type),
                remote_ip: one.remote_ip.or(two.remote_ip),
                since: one.since.or(two.since),
                until: one.until.or(two.until),
            });
        }
    }
    all
}

/// Deliveries are listed newest first, those that pass the filter; pages join without gap or repeat, and skipping
/// some is dropping them.
pub async fn inbound_is_listed_newest_first(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let sources = [world.source().await, world.source().await];
    let mut all = Vec::new();
    for index in 0..40 {
        let parcel = sample(index, sources, &world);
        world.take_in(&parcel).await;
        all.insert(0, world.arrived(parcel.id()).await);
    }
    for filter in filters(sources) {
        let expected: Vec<_> = all.iter().filter(|delivery| passes(delivery, &filter)).cloned().collect();
        for limit in [3, 40, 41] {
            let read = async |page| store.inbound_list(world.space, filter.clone(), page, 0).await;
            assert_eq!(walk(limit, read).await, expected, "{filter:?} in pages of {limit}");
        }
        for skip in [1, 2, expected.len(), expected.len() + 1] {
            let page = PageRequest { limit: 4, after: all.get(1).map(|delivery| delivery.id) };
            let behind: Vec<_> = all[2..].iter().filter(|it| passes(it, &filter)).skip(skip).collect();
            let read = ok(store.inbound_list(world.space, filter.clone(), page, skip).await);
            let items: Vec<_> = read.items.iter().collect();
            assert_eq!(items, behind[..behind.len().min(4)], "{filter:?} without {skip}");
            assert_eq!(read.next.is_some(), behind.len() > 4, "it says whether there is more");
        }
    }
    let between = InboundId::from_u128(all[3].id.as_u128() - 1);
    let page = PageRequest { limit: 100, after: Some(between) };
    let rest = ok(store.inbound_list(world.space, InboundFilter::default(), page, 0).await).items;
    assert_eq!(rest, all[4..], "a cursor need not be a stored id");
}

/// A filter that hardly anything passes gives up its page, says where to go on, and gets there; a skip gets there by
/// itself.
pub async fn pages_of_inbound_are_bounded_by_rows(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let mut wanted = world.parcel(source, at(1)).without_turn().with_content(None);
    wanted.delivery().event_type = Some("wanted".to_owned());
    world.take_in(&wanted).await;
    let senders: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                for _ in 0..=SCAN_ROWS_MAX / 50 {
                    world.take_in(&world.parcel(source, at(2)).without_turn().with_content(None)).await;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender does not panic");
    }
    let filter = InboundFilter { event_type: Some("wanted".to_owned()), ..InboundFilter::default() };
    for filter in [filter.clone(), InboundFilter { source: Some(source), ..filter }] {
        let page = ok(store.inbound_list(world.space, filter.clone(), first(10), 0).await);
        assert_eq!(page.items, [], "it lies too far back");
        let next = PageRequest { limit: 10, after: page.next };
        assert!(next.after.is_some(), "there is more to look at");
        let page = ok(store.inbound_list(world.space, filter, next, 0).await);
        let found: Vec<_> = page.items.iter().map(|delivery| delivery.id).collect();
        assert_eq!((found, page.next), (vec![wanted.id()], None), "from there it is found");
    }
    let skip = (SCAN_ROWS_MAX / 50 + 1) * 50;
    let page = ok(store.inbound_list(world.space, InboundFilter::default(), first(10), skip).await);
    let found: Vec<_> = page.items.iter().map(|delivery| delivery.id).collect();
    assert_eq!((found, page.next), (vec![wanted.id()], None), "a long skip arrives");
}

/// Nothing that has arrived is visible from another tenant or from the other environment.
pub async fn spaces_do_not_see_each_others_inbound(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let parcel = world.parcel(source, at(1)).in_session("s");
    let number = world.take_in(&parcel).await;
    for other in [world.test_space(), World::new(&store).await] {
        other.source().await;
        for name in [InboundRef::Id(parcel.id()), InboundRef::Number(number)] {
            assert_eq!(ok(store.inbound(other.space, name).await), None, "by {name}");
        }
        assert_eq!(ok(store.inbound_content(other.space, parcel.id()).await), None, "its body");
        assert_eq!(ok(store.actions(other.space, parcel.id()).await), [], "its actions");
        let none = InboundFilter::default;
        for filter in [
            none(),
            InboundFilter { source: Some(source), ..none() },
            InboundFilter { session: Some(text("s")), ..none() },
            InboundFilter { status: Some(InboundStatus::Received), ..none() },
        ] {
            let listed = ok(store.inbound_list(other.space, filter.clone(), first(10), 0).await);
            assert_eq!(listed.items, [], "{filter:?}");
        }
        let rerun = crate::Change::Rerun {
            delivery: parcel.id(),
            turn: posthouse_types::TurnId::MAX,
            at: Timestamp::from_millis(0),
        };
        assert_eq!(other.try_change(vec![rerun]).await, crate::Acceptance::Stale);
        // The same id may be there as well.
        let mut same = other.parcel(other.source().await, at(1)).with_content(Some(content(2)));
        same.delivery().id = parcel.id();
        other.take_in(&same).await;
        assert_eq!(other.arrived(parcel.id()).await.space, other.space);
    }
    assert_eq!(world.arrived(parcel.id()).await.number, number);
    let read = ok(store.inbound_content(world.space, parcel.id()).await).expect("it is kept");
    assert_eq!(read.body.len(), 8);
}
