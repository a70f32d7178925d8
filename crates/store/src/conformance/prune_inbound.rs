//! Removing what arrived: by age, by bytes, with sources; what is spared; and old messages and sessions.

use std::sync::Arc;

use posthouse_types::{InboundId, SourceId, Turn, TurnId, Work};

use super::build::{DAY_S, World, at, message, ok, session, text, ulid, vote};
use super::parcels::{Parcel, action, content, prune_nothing, snapshot};
use crate::{Acceptance, Change, InboundContent, PruneInbound, PrunedInbound, SessionRecord, Store, TurnEnd};

/// A month for deliveries, a week for bodies.
fn usual() -> PruneInbound {
    PruneInbound { before: at(-30 * DAY_S), bodies_before: at(-7 * DAY_S), ..prune_nothing() }
}

/// A request of that day that is over, with a body of so many bytes.
async fn of_day(world: &World, source: SourceId, day: i64, bytes: usize) -> InboundId {
    let parcel = world.parcel(source, at(day * DAY_S)).without_turn().with_content(Some(content(bytes)));
    world.take_in(&parcel).await;
    parcel.id()
}

async fn has_body(world: &World, id: InboundId) -> bool {
    ok(world.store.inbound_content(world.space, id).await).is_some()
}

/// Which of these are there, and which have a body.
async fn left(world: &World, ids: &[InboundId]) -> (Vec<bool>, Vec<bool>) {
    let (mut there, mut bodies) = (Vec::new(), Vec::new());
    for id in ids {
        there.push(ok(world.store.inbound(world.space, (*id).into()).await).is_some());
        bodies.push(has_body(world, *id).await);
    }
    (there, bodies)
}

/// Deliveries go when they are too old, with their actions; bodies before them.
pub async fn prune_removes_what_is_old_of_inbound(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let mut ids = Vec::new();
    for day in [-40, -31, -29, -8, -6, -1] {
        ids.push(of_day(&world, source, day, 8).await);
    }
    let acted = action(world.space, ids[0], at(0));
    let kept = action(world.space, ids[2], at(0));
    world.change(vec![Change::Action(Box::new(acted.clone())), Change::Action(Box::new(kept.clone()))]).await;
    let pruned = world.prune_inbound(usual()).await;
    assert_eq!((pruned.deliveries, pruned.bodies), (2, 2));
    let there = vec![false, false, true, true, true, true];
    let bodies = vec![false, false, false, false, true, true];
    assert_eq!(left(&world, &ids).await, (there, bodies));
    assert_eq!(ok(store.action(world.space, acted.id).await), None, "its actions go with it");
    assert_eq!(ok(store.action(world.space, kept.id).await), Some(kept));
    assert_eq!(world.prune_inbound(usual()).await, PrunedInbound::default(), "that was all");
    let rerun = Change::Rerun { delivery: ids[3], turn: TurnId::MAX, at: at(0) };
    assert_eq!(world.try_change(vec![rerun]).await, Acceptance::Stale, "nor is it run again without a body");
}

/// Pruned deliveries give up their keys; those that stay keep them.
pub async fn keys_go_with_their_deliveries(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    for (key, day) in [("old", -31), ("new", -29)] {
        world.take_in(&world.parcel(source, at(day * DAY_S)).keyed(key, None).without_turn()).await;
    }
    world.prune_inbound(usual()).await;
    assert_eq!(ok(store.holder_of(source, "old", at(0)).await), None);
    assert!(ok(store.holder_of(source, "new", at(0)).await).is_some(), "the body is gone, the key is not");
    world.take_in(&world.parcel(source, at(0)).keyed("old", None)).await;
}

/// What a turn that has not ended is about stays, and its body; also when that turn is to carry out an action.
pub async fn prune_spares_what_has_a_turn(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let parcel = |name: &str| world.parcel(source, at(-40 * DAY_S)).in_session(name);
    let parcels: Vec<Parcel> = ["due", "due", "claimed", "later", "acts", "over"].map(parcel).into();
    for parcel in &parcels {
        world.take_in(parcel).await;
    }
    let turns = world.claim_turns(at(0)).await;
    let of = |index: usize| {
        let id = parcels[index].id();
        turns.iter().find(|turn| turn.work == Work::Delivery(id)).expect("it was claimed")
    };
    ok(store.release_turns(vec![of(0).id]).await);
    world.end(of(3), at(0), TurnEnd::RetryAt(at(100), "busy".to_owned())).await;
    world.end(of(4), at(0), TurnEnd::Done).await;
    world.end(of(5), at(0), TurnEnd::Done).await;
    let acted = action(world.space, parcels[4].id(), at(0));
    let carried_out =
        Turn { id: TurnId::from_u128(ulid(at(0))), work: Work::Action(acted.id), ..of(4).clone() };
    world.change(vec![Change::Action(Box::new(acted)), Change::Turn(carried_out.clone())]).await;
    let ids: Vec<_> = parcels.iter().map(Parcel::id).collect();
    let everything =
        PruneInbound { before: at(1), bodies_before: at(1), tenant_bytes_max: 0, limit: 2, ..usual() };
    assert_eq!(world.prune_inbound(everything).await.deliveries, 1, "one is over");
    let spared = vec![true, true, true, true, true, false];
    assert_eq!(left(&world, &ids).await, (spared.clone(), spared), "the others are whole");
    let claimed = world.claim_turns(at(1)).await;
    assert!(claimed.contains(&carried_out), "it is due");
    world.end(&carried_out, at(1), TurnEnd::Done).await;
    assert_eq!(world.prune_inbound(everything).await.deliveries, 1, "now another");
    assert_eq!(ok(store.turns_waiting().await), 4);
}

/// A tenant that keeps too much loses its oldest bodies, from both environments; others lose nothing.
pub async fn prune_keeps_a_tenant_to_its_room_for_bodies(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (test, frugal) = (world.test_space(), World::new(&store).await);
    let sources = [world.source().await, test.source().await, frugal.source().await];
    let modest = of_day(&frugal, sources[2], -5, 1000).await;
    let (mut mine, mut tests) = (Vec::new(), Vec::new());
    for day in [-6, -5, -4, -3, -2] {
        mine.push(of_day(&world, sources[0], day, 1000).await);
        tests.push(of_day(&test, sources[1], day, 1000).await);
    }
    let newest = of_day(&world, sources[0], -1, 1000).await;
    let slice = PruneInbound { tenant_bytes_max: 3500, limit: 4, ..usual() };
    let pruned = world.prune_inbound(slice).await;
    assert_eq!((pruned.deliveries, pruned.bodies), (0, 8), "of eleven there is room for three");
    let kept = vec![false, false, false, false, true];
    assert_eq!(left(&world, &mine).await, (vec![true; 5], kept.clone()));
    assert_eq!(left(&test, &tests).await, (vec![true; 5], kept));
    assert!(
        has_body(&world, newest).await && has_body(&frugal, modest).await,
        "a tenant with room loses nothing"
    );
    assert_eq!(world.prune_inbound(slice).await, PrunedInbound::default(), "now it fits");
    assert!(ok(store.delete_source(test.space, sources[1]).await), "it existed");
    assert_eq!(world.prune_inbound(slice).await.deliveries, 5);
    of_day(&world, sources[0], 0, 1500).await;
    assert_eq!(world.prune_inbound(slice).await.bodies, 0, "what is gone does not count any more");
    of_day(&world, sources[0], 0, 1).await;
    assert_eq!(world.prune_inbound(slice).await.bodies, 1);
}

/// Small slices get past what must stay, and to the end.
pub async fn prune_of_inbound_goes_on_where_it_ended(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    for day in -60..-50 {
        world.arrive_in(source, &format!("s{day}"), at(day * DAY_S)).await;
        of_day(&world, source, day, 8).await;
    }
    for day in -50..-40 {
        world.arrive_in(source, &format!("s{day}"), at(day * DAY_S)).await;
    }
    for day in -40..-31 {
        of_day(&world, source, day, 8).await;
    }
    for day in -20..-10 {
        of_day(&world, source, day, 8).await;
    }
    of_day(&world, source, -1, 8).await;
    let slice = PruneInbound { limit: 3, ..usual() };
    let first = ok(store.prune_inbound(slice).await);
    assert!(first.next.is_some(), "one slice is not enough");
    let second = ok(store.prune_inbound(PruneInbound { after: first.next, ..slice }).await);
    assert!(second.next > first.next, "it goes on");
    // A cursor that nobody remembers begins anew, at the worst.
    let pruned = world.prune_inbound(PruneInbound { after: Some(InboundId::MIN), ..slice }).await;
    let deliveries = first.deliveries + second.deliveries + pruned.deliveries;
    assert_eq!((deliveries, first.bodies + second.bodies + pruned.bodies), (19, 10));
    assert_eq!(world.inbound_ids().await.len(), 31, "twenty have turns, eleven are new");
}

/// What a deleted source has left goes in slices, whatever its age.
pub async fn prune_removes_what_sources_have_left(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (source, other) = (world.source().await, world.source().await);
    let mut acted = Vec::new();
    for second in 0..10 {
        let id = world.arrive_in(source, "s", at(second)).await;
        acted.push(action(world.space, id, at(second)));
        world.arrive_in(other, "t", at(second)).await;
    }
    world.change(acted.iter().map(|action| Change::Action(Box::new(action.clone()))).collect()).await;
    let empty = world.source().await;
    for id in [source, empty] {
        assert!(ok(store.delete_source(world.space, id).await), "it existed");
    }
    let slice = PruneInbound { limit: 4, ..prune_nothing() };
    let pruned = ok(store.prune_inbound(slice).await);
    assert!(pruned.more && pruned.deliveries <= 4, "one slice is not enough: {pruned:?}");
    let pruned = pruned.deliveries + world.prune_inbound(slice).await.deliveries;
    assert_eq!(pruned, 10);
    assert_eq!(world.prune_inbound(slice).await, PrunedInbound::default(), "that was all");
    assert_eq!(world.inbound_ids().await.len(), 10, "the other source keeps its own");
    assert_eq!(ok(store.turns_waiting().await), 10);
}

/// Bodies share configurations: one goes when nothing has it any more, and comes again when it is needed.
pub async fn configurations_stay_as_long_as_they_are_needed(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let put = async |day: i64, number| {
        let content = InboundContent { body: "b".into(), snapshot: snapshot(number) };
        let parcel = world.parcel(source, at(day * DAY_S)).without_turn().with_content(Some(content.clone()));
        world.take_in(&parcel).await;
        (parcel.id(), content)
    };
    for round in 0..3 {
        let mut kept = Vec::new();
        for (day, number) in [(-40, 1), (-8, 2), (-40, 3), (-1, 3)] {
            let (id, content) = put(day, number).await;
            if day == -1 {
                kept.push((id, content));
            }
        }
        let pruned = world.prune_inbound(usual()).await;
        assert_eq!((pruned.deliveries, pruned.bodies), (2, 1), "in round {round}");
        for (id, content) in kept {
            assert_eq!(ok(store.inbound_content(world.space, id).await), Some(content));
        }
    }
}

/// Old messages go, with their votes; and then sessions that sources made and in which nothing is left.
pub async fn prune_removes_old_messages_and_sessions(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.source().await;
    let source = Some(id);
    let old = |name, source| SessionRecord {
        source,
        created_at: at(-50),
        updated_at: at(-50),
        ..session(world.space, name)
    };
    for name in ["emptied", "empty", "busy", "alive"] {
        ok(store.insert_session(old(name, source)).await);
    }
    ok(store.insert_session(old("own", None)).await);
    ok(store.insert_session(SessionRecord { updated_at: at(5), ..old("fresh", source) }).await);
    let said = |name, second| message(world.space, name, at(second));
    let asked = posthouse_types::Message {
        poll: posthouse_types::Poll::new("?", vec!["a".to_owned(), "b".to_owned()], false).ok(),
        ..said("own", -20)
    };
    let gone = vec![said("emptied", -30), said("emptied", -10), said("alive", -10), asked.clone()];
    let kept = vec![said("alive", 0), said("own", 1)];
    let changes = gone.iter().chain(&kept).cloned().map(Change::Message).collect();
    world.change(changes).await;
    world.change(vec![vote(asked.id, "me", &["b"], None)]).await;
    world.arrive_in(id, "busy", at(1)).await;

    let slice = PruneInbound { sessions_before: at(0), limit: 2, ..prune_nothing() };
    let pruned = world.prune_inbound(slice).await;
    assert_eq!((pruned.messages, pruned.sessions, pruned.deliveries), (4, 2, 0));
    for (name, stays) in [
        ("emptied", false),
        ("empty", false),
        ("busy", true),
        ("alive", true),
        ("own", true),
        ("fresh", true),
    ] {
        assert_eq!(ok(store.session(world.space, &text(name)).await).is_some(), stays, "{name}");
    }
    for (messages, stays) in [(gone, false), (kept, true)] {
        for message in messages {
            let read = ok(store.message(world.space, &message.session, message.id).await);
            assert_eq!(read.is_some(), stays, "{message:?}");
        }
    }
    assert_eq!(ok(store.votes(world.space, asked.id).await), []);
    assert_eq!(world.prune_inbound(slice).await, PrunedInbound::default(), "that was all");
    world.work_off(at(1), TurnEnd::Done).await;
    assert_eq!(world.prune_inbound(slice).await.sessions, 1, "it is busy no more");
}

/// A message stays as long as its answer is waited for, and holds up no other.
pub async fn prune_spares_messages_with_a_turn(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let mut asked = Vec::new();
    for second in -9..-4 {
        let said = message(world.space, "s", at(second));
        let turn = Turn {
            id: TurnId::from_u128(ulid(at(second))),
            space: world.space,
            session: text("s"),
            work: Work::Message(said.id),
            starts: 0,
            queued_at: at(second),
        };
        asked.push(said.id);
        world.change(vec![Change::Message(said), Change::Turn(turn)]).await;
    }
    let said = message(world.space, "s", at(-1));
    world.change(vec![Change::Message(said)]).await;
    let slice = PruneInbound { sessions_before: at(0), limit: 2, ..prune_nothing() };
    assert_eq!(world.prune_inbound(slice).await.messages, 1, "that which nobody waits for");
    world.work_off(at(0), TurnEnd::Done).await;
    assert_eq!(world.prune_inbound(slice).await.messages, 1, "that which was answered");
    for (index, id) in asked.into_iter().enumerate() {
        assert_eq!(ok(store.message(world.space, &text("s"), id).await).is_some(), index > 0);
    }
}

/// Pruning an empty store is done at once.
pub async fn prune_of_nothing(store: Arc<dyn Store>) {
    for slice in [usual(), PruneInbound { limit: 0, tenant_bytes_max: 0, sessions_before: at(0), ..usual() }]
    {
        assert_eq!(ok(store.prune_inbound(slice).await), PrunedInbound::default());
    }
}
