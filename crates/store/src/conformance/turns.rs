//! Turns of agents: one at a time and in order within a session, beside each other otherwise; and what begins and
//! ends with them.

use std::collections::HashSet;
use std::sync::Arc;

use posthouse_types::{EventRef, InboundId, InboundStatus, MessageId, Tokens, Turn, TurnId, Work};

use super::build::{World, at, message, ok, session, text, ulid, woken};
use super::parcels::{ended, prune_nothing};
use crate::{Acceptance, Change, PruneInbound, SessionRecord, Store, TurnEnd, TurnEnded};

fn ids(turns: &[Turn]) -> Vec<TurnId> {
    turns.iter().map(|turn| turn.id).collect()
}

fn of(delivery: InboundId) -> TurnId {
    TurnId::from_u128(delivery.as_u128())
}

/// A turn that answers a person.
fn answer(world: &World, session: &str, second: i64) -> Turn {
    let id = ulid(at(second));
    Turn {
        id: TurnId::from_u128(id),
        space: world.space,
        session: text(session),
        work: Work::Message(MessageId::from_u128(id)),
        starts: 0,
        queued_at: at(second),
    }
}

fn rerun(delivery: InboundId, second: i64) -> (TurnId, Change) {
    let turn = TurnId::from_u128(ulid(at(second)));
    (turn, Change::Rerun { delivery, turn, at: at(second) })
}

fn failed(why: &str) -> TurnEnd {
    TurnEnd::Failed(why.to_owned())
}

fn retry(second: i64) -> TurnEnd {
    TurnEnd::RetryAt(at(second), "busy".to_owned())
}

/// Turns are due when they were queued, and claimed oldest first, no more than asked for; the answer says when to look
/// again.
pub async fn a_claim_takes_turns_that_are_due(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let nothing = world.claim_some(at(0), 10).await;
    assert_eq!((nothing.turns, nothing.next_due), (vec![], None), "nothing waits");
    let source = world.source().await;
    let mut deliveries = Vec::new();
    for second in [30, 10, 20] {
        deliveries.push(world.arrive_in(source, &format!("s{second}"), at(second)).await);
    }
    let [late, early, middle] = deliveries[..] else { unreachable!("there are three") };
    let claimed = world.claim_some(at(9), 10).await;
    assert_eq!((claimed.turns, claimed.next_due), (vec![], Some(at(10))), "none is due yet");
    let claimed = world.claim_some(at(20), 1).await;
    assert_eq!(ids(&claimed.turns), [of(early)], "the oldest, and no more than one");
    assert!(claimed.next_due.is_some_and(|next| next <= at(20)), "another one is due");
    let claimed = world.claim_some(at(20), 10).await;
    assert_eq!((ids(&claimed.turns), claimed.next_due), (vec![of(middle)], Some(at(30))));
    let claimed = world.claim_some(at(30), 1).await;
    assert_eq!((ids(&claimed.turns), claimed.next_due), (vec![of(late)], None), "that was all");
    for id in [early, middle, late] {
        assert_eq!(world.status(id).await, InboundStatus::Queued);
    }
}

/// What is claimed is nobody else's, until it is released.
pub async fn a_claimed_turn_belongs_to_its_claimer(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let first = of(world.arrive_in(source, "a", at(1)).await);
    let second = of(world.arrive_in(source, "b", at(2)).await);
    assert_eq!(ids(&world.claim_turns(at(2)).await), [first, second]);
    let again = world.claim_some(at(1_000_000), 10).await;
    assert_eq!((again.turns, again.next_due), (vec![], None), "both are taken");
    let mut turns = store.wakes().turns();
    turns.borrow_and_update();
    ok(store.release_turns(vec![first, TurnId::MAX]).await);
    woken(&mut turns, "a turn was given back").await;
    let turn = world.claim_turn(at(2)).await;
    assert_eq!((turn.id, turn.starts), (first, 0), "it is due again at once");
    ok(store.release_turns(vec![]).await);
}

/// When more is due than is asked for, no space has to wait for another one's backlog; what nobody else wants goes to
/// whoever wants it.
pub async fn claims_of_turns_are_fair(store: Arc<dyn Store>) {
    let [busy, other, third] = [World::new(&store).await, World::new(&store).await, World::new(&store).await];
    let queue = async |world: &World, name: &str, second| {
        let source = world.source().await;
        let mut queued = Vec::new();
        for index in 0..10 {
            queued.push(of(world.arrive_in(source, &format!("{name}{index}"), at(second)).await));
        }
        queued
    };
    let long = queue(&busy, "a", 1).await;
    let alone = busy.claim_some(at(9), 4).await;
    assert_eq!(ids(&alone.turns), long[..4], "nobody else wants anything");
    let late = queue(&other, "b", 2).await;
    let claim = async |limit| {
        let mut claimed = [Vec::new(), Vec::new(), Vec::new()];
        for turn in busy.claim_some(at(9), limit).await.turns {
            let index = [&busy, &other, &third].iter().position(|world| world.space == turn.space);
            claimed[index.expect("there is no other space")].push(turn.id);
        }
        claimed
    };
    let made_up = claim(4).await;
    assert_eq!(made_up, [vec![], late[..4].to_vec(), vec![]], "the other one has half now");
    let shared = claim(4).await;
    assert_eq!(shared, [long[4..6].to_vec(), late[4..6].to_vec(), vec![]], "each half, its oldest first");

    let latest = queue(&third, "c", 3).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.extend(claim(1).await.into_iter().flatten());
    }
    for first in [long[6], late[6], latest[0]] {
        assert!(taken.contains(&first), "one after the other has its turn, also one by one");
    }
    let rest = claim(1000).await;
    assert_eq!(rest, [long[7..].to_vec(), late[7..].to_vec(), latest[1..].to_vec()], "and in the end all");
}

/// Many who claim at once share the work.
pub async fn concurrent_claimers_share_the_turns(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let mut sent = HashSet::new();
    for index in 0..60 {
        sent.insert(of(world.arrive_in(source, &format!("s{index}"), at(1)).await));
    }
    let claimers: Vec<_> = (0..12)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { ids(&world.claim_some(at(1), 7).await.turns) })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.expect("a claimer does not panic"));
    }
    assert_eq!(claimed.len(), 60, "each is claimed once");
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), sent);
}

/// Of one session the next turn waits until the one before it has ended, however it ends; other sessions do not.
pub async fn a_session_has_one_turn_at_a_time(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (source, other) = (world.source().await, world.source().await);
    let mut sent = Vec::new();
    for second in 1..5 {
        let source = if second % 2 == 0 { source } else { other };
        sent.push(of(world.arrive_in(source, "s", at(second)).await));
    }
    let beside = of(world.arrive_in(source, "t", at(9)).await);
    let elsewhere = world.test_space();
    let abroad = of(elsewhere.arrive_in(elsewhere.source().await, "s", at(10)).await);
    assert_eq!(ids(&world.claim_turns(at(10)).await), [sent[0], beside, abroad], "one of each session");
    for (index, end) in [TurnEnd::Done, failed("no"), TurnEnd::Done].into_iter().enumerate() {
        let again = world.claim_some(at(20), 10).await;
        assert_eq!((again.turns, again.next_due), (vec![], None), "the others wait, without a time");
        let ended = TurnEnded { id: sent[index], at: at(20), end, tokens: None };
        world.change(vec![Change::TurnEnded(ended)]).await;
        assert_eq!(ids(&world.claim_turns(at(20)).await), [sent[index + 1]], "the next is due at once");
    }
}

/// A turn that is tried again keeps its place, and its session waits; a released one does so too.
pub async fn a_retry_keeps_the_session_waiting(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let first = world.arrive_in(source, "s", at(1)).await;
    let second = world.arrive_in(source, "s", at(2)).await;
    let beside = world.arrive_in(source, "t", at(3)).await;
    let mut claimed = world.claim_turns(at(3)).await;
    assert_eq!(ids(&claimed), [of(first), of(beside)]);
    world.start(&claimed[0], at(3)).await;
    let early = TurnEnded { id: of(second), at: at(3), end: retry(3), tokens: None };
    world.change(vec![Change::TurnEnded(early)]).await;
    assert_eq!(world.claim_turns(at(4)).await, [], "one that waits its turn can not be put off out of it");
    let mut turns = store.wakes().turns();
    turns.borrow_and_update();
    world.end(&claimed[0], at(4), retry(60)).await;
    woken(&mut turns, "a turn has a new time").await;
    let claim = world.claim_some(at(59), 10).await;
    assert_eq!((claim.turns, claim.next_due), (vec![], Some(at(60))), "nothing overtakes it");
    let third = world.arrive_in(source, "s", at(59)).await;
    for starts in [1, 2, 3] {
        let turn = world.claim_turn(at(60)).await;
        assert_eq!((turn.id, turn.starts), (of(first), starts), "its starts are counted");
        ok(store.release_turns(vec![turn.id]).await);
        let turn = world.claim_turn(at(60)).await;
        assert_eq!((turn.id, turn.starts), (of(first), starts), "being claimed is no start");
        world.start(&turn, at(60)).await;
        world.end(&turn, at(60), retry(60)).await;
    }
    world.work_off(at(60), TurnEnd::Done).await;
    assert_eq!(world.work_off(at(60), TurnEnd::Done).await.id, of(second));
    assert_eq!(world.work_off(at(60), TurnEnd::Done).await.id, of(third));
    world.end(&claimed.remove(1), at(60), TurnEnd::Done).await;
    assert_eq!(ok(store.turns_waiting().await), 0);
}

/// A delivery tells how the last run began and ended, and what it cost.
pub async fn a_delivery_follows_its_turn(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let id = world.arrive_in(source, "s", at(1)).await;
    let told = async || {
        let read = world.arrived(id).await;
        (read.status, read.runs, read.started_at, read.finished_at, read.error, read.tokens)
    };
    assert_eq!(told().await, (InboundStatus::Received, 0, None, None, None, None));
    let turn = world.claim_turn(at(2)).await;
    assert_eq!(told().await, (InboundStatus::Queued, 0, None, None, None, None));
    world.start(&turn, at(3)).await;
    assert_eq!(told().await, (InboundStatus::Processing, 1, Some(at(3)), None, None, None));
    let tokens = Some(Tokens { input: 1 << 33, output: 7 });
    let end = TurnEnded { id: turn.id, at: at(4), end: retry(9), tokens };
    world.change(vec![Change::TurnEnded(end)]).await;
    let busy = Some("busy".to_owned());
    assert_eq!(told().await, (InboundStatus::Queued, 1, Some(at(3)), Some(at(4)), busy, tokens));
    assert_eq!(world.arrived(id).await.duration_ms(), Some(1000));
    let turn = world.claim_turn(at(9)).await;
    world.start(&turn, at(10)).await;
    assert_eq!(told().await, (InboundStatus::Processing, 2, Some(at(10)), None, None, None));
    world.end(&turn, at(12), failed("no")).await;
    let no = Some("no".to_owned());
    assert_eq!(told().await, (InboundStatus::Failed, 2, Some(at(10)), Some(at(12)), no, None));

    let (again, change) = rerun(id, 20);
    world.change(vec![change]).await;
    assert_eq!(told().await, (InboundStatus::Received, 2, None, None, None, None));
    let turn = world.claim_turn(at(20)).await;
    assert_eq!((turn.id, turn.work, turn.starts), (again, Work::Delivery(id), 0));
    assert_eq!((turn.session, turn.queued_at), (text("s"), at(20)));
    let end = TurnEnded { id: again, at: at(22), end: TurnEnd::Done, tokens };
    world.change(vec![Change::TurnStarted(again, at(21)), Change::TurnEnded(end)]).await;
    assert_eq!(told().await, (InboundStatus::Completed, 3, Some(at(21)), Some(at(22)), None, tokens));
}

/// A turn that is not claimed does not begin, and nothing that was to be written with it is written.
pub async fn what_is_not_claimed_does_not_begin(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let first = world.arrive_in(source, "s", at(1)).await;
    let waiting = world.arrive_in(source, "s", at(2)).await;
    let refused = async |id: TurnId| {
        let draft = world.draft("t").of_session("s");
        let event = draft.event.id;
        let changes = vec![
            Change::Session(session(world.space, "new")),
            Change::Message(message(world.space, "new", at(3))),
            Change::TurnStarted(id, at(3)),
        ];
        assert_eq!(world.publish_with(vec![draft], changes, None).await, Acceptance::Stale);
        assert_eq!(ok(store.session(world.space, &text("new")).await), None, "no session");
        assert_eq!(ok(store.event(world.space, &EventRef::Internal(event)).await), None, "no event");
    };
    for id in [of(first), of(waiting), TurnId::MAX] {
        refused(id).await;
    }
    assert_eq!(
        world.test_space().try_change(vec![Change::TurnStarted(of(first), at(3))]).await,
        Acceptance::Stale
    );
    let turn = world.claim_turn(at(2)).await;
    let abroad = world.test_space().try_change(vec![Change::TurnStarted(turn.id, at(3))]).await;
    assert_eq!(abroad, Acceptance::Stale, "it is another space's");
    world.end(&turn, at(3), TurnEnd::Done).await;
    refused(turn.id).await;
    assert_eq!(world.arrived(first).await.runs, 0, "it never began");
}

/// The beginning and the end of a turn, what was said, the session and the events are one commit.
pub async fn a_turn_and_what_it_says_are_one_commit(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let id = world.arrive_in(source, "s", at(1)).await;
    let turn = world.claim_turn(at(1)).await;
    let made = SessionRecord { label: "made".to_owned(), source: Some(source), ..session(world.space, "s") };
    let said = message(world.space, "s", at(1));
    let draft = world.draft("message.created").of_session("s").to(world.endpoint().await);
    let event = draft.event.id;
    let changes = vec![
        Change::Session(made.clone()),
        Change::TurnStarted(turn.id, at(1)),
        Change::Message(said.clone()),
        ended(&turn, at(2), TurnEnd::Done),
    ];
    assert_eq!(world.publish_with(vec![draft], changes, None).await, Acceptance::New);
    let read = ok(store.session(world.space, &text("s")).await);
    assert_eq!(read, Some(made), "the event finds the session registered");
    assert_eq!(ok(store.message(world.space, &text("s"), said.id).await), Some(said));
    assert!(ok(store.event(world.space, &EventRef::Internal(event)).await).is_some());
    assert_eq!(world.claim_ids(at(1)).await.len(), 1, "and its delivery is due");
    assert_eq!(world.status(id).await, InboundStatus::Completed);

    let other = SessionRecord { label: "other".to_owned(), ..session(world.space, "s") };
    world.change(vec![Change::Session(other)]).await;
    let read = ok(store.session(world.space, &text("s")).await).expect("it is registered");
    assert_eq!(read.label, "made", "one that is registered is left as it is");
}

/// The end of what is gone is passed over, and the rest is written.
pub async fn the_end_of_what_is_gone_is_passed_over(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let id = world.arrive_in(source, "s", at(1)).await;
    let turn = world.work_off(at(1), TurnEnd::Done).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let said = message(world.space, "s", at(5));
    let changes = vec![
        ended(&turn, at(5), failed("late")),
        Change::Message(said.clone()),
        ended(&turn, at(5), retry(9)),
    ];
    world.change(changes).await;
    assert_eq!(world.status(id).await, InboundStatus::Completed, "it stays as it ended");
    assert!(ok(store.message(world.space, &text("s"), said.id).await).is_some());
    assert_eq!(world.claim_turns(at(9)).await, []);
    let next = world.arrive_in(source, "s", at(6)).await;
    let abroad = TurnEnded { id: of(next), at: at(7), end: TurnEnd::Done, tokens: None };
    world.test_space().change(vec![Change::TurnEnded(abroad)]).await;
    assert_eq!(world.claim_turn(at(7)).await.id, of(next), "another space ends nothing here");
}

/// What a person says waits behind what is under way in the session, like any turn.
pub async fn turns_of_messages_wait_with_the_others(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    ok(store.insert_session(session(world.space, "s")).await);
    let first = world.arrive_in(source, "s", at(1)).await;
    let asked = answer(&world, "s", 2);
    let mut turns = store.wakes().turns();
    let said = Change::Message(posthouse_types::Message {
        id: MessageId::from_u128(asked.id.as_u128()),
        ..message(world.space, "s", at(2))
    });
    world.change(vec![said, Change::Turn(asked.clone())]).await;
    let last = world.arrive_in(source, "s", at(3)).await;
    assert_eq!(world.work_off(at(3), TurnEnd::Done).await.id, of(first));
    let turn = world.claim_turn(at(3)).await;
    assert_eq!(turn, asked, "it reads back");
    world.start(&turn, at(3)).await;
    world.end(&turn, at(4), retry(5)).await;
    assert_eq!(world.work_off(at(5), failed("no")).await, Turn { starts: 1, ..asked });
    assert_eq!(world.work_off(at(5), TurnEnd::Done).await.id, of(last));
    turns.borrow_and_update();
    world.change(vec![Change::Turn(answer(&world, "s", 6))]).await;
    woken(&mut turns, "a turn is due").await;
    assert_eq!(world.claim_some(at(5), 10).await.next_due, Some(at(6)), "due when it was queued");
}

/// A delivery is worked on again when it is over and its body is kept; else not.
pub async fn only_what_is_over_is_run_again(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    let id = world.arrive_in(source, "s", at(1)).await;
    let bare = world.parcel(source, at(1)).in_session("t").with_content(None);
    world.take_in(&bare).await;
    let idle = world.parcel(source, at(1)).without_turn();
    world.take_in(&idle).await;
    let refused = async |id| {
        assert_eq!(world.try_change(vec![rerun(id, 5).1]).await, Acceptance::Stale, "{id}");
    };
    for id in [id, bare.id(), idle.id(), InboundId::MAX] {
        refused(id).await;
    }
    let turns = world.claim_turns(at(1)).await;
    refused(id).await;
    for turn in &turns {
        world.start(turn, at(1)).await;
    }
    refused(id).await;
    for turn in &turns {
        world.end(turn, at(2), TurnEnd::Done).await;
    }
    refused(bare.id()).await;
    let twice = vec![rerun(id, 5).1, rerun(id, 5).1];
    assert_eq!(world.try_change(twice).await, Acceptance::Stale, "the second sees what the first has done");
    assert_eq!(world.status(id).await, InboundStatus::Completed, "and neither is made");
    let behind = world.arrive_in(source, "s", at(3)).await;
    let (again, change) = rerun(id, 5);
    world.change(vec![change]).await;
    refused(id).await;
    assert_eq!(world.work_off(at(5), TurnEnd::Done).await.id, of(behind), "it waits behind the others");
    assert_eq!(world.work_off(at(5), failed("no")).await.id, again);
    world.change(vec![rerun(id, 6).1]).await;
}

/// Turns of a deleted source are not claimed, not begun and not counted; and others do not wait for them.
pub async fn turns_go_with_their_source(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (source, other) = (world.source().await, world.source().await);
    for index in 0..1200 {
        world.arrive_in(source, &format!("s{index}"), at(1)).await;
    }
    let running = world.claim_some(at(1), 1).await.turns.remove(0);
    world.start(&running, at(1)).await;
    let taken = world.claim_some(at(1), 1).await.turns.remove(0);
    let later = world.claim_some(at(1), 1).await.turns.remove(0);
    world.end(&later, at(1), retry(500)).await;
    let mut behind = Vec::new();
    for turn in [&running, &taken, &later] {
        behind.push(of(world.arrive_in(other, turn.session.as_str(), at(2)).await));
    }
    let behind_due = of(world.arrive_in(other, "s1000", at(2)).await);
    assert_eq!(ok(store.turns_waiting().await), 1204);
    assert!(ok(store.delete_source(world.space, source).await), "it existed");
    assert_eq!(ok(store.turns_waiting().await), 4, "those of the other source");
    assert_eq!(world.try_change(vec![Change::TurnStarted(taken.id, at(2))]).await, Acceptance::Stale);
    world.end(&running, at(2), TurnEnd::Done).await;

    let mut claimed = Vec::new();
    loop {
        let claim = world.claim_some(at(3), 1000).await;
        claimed.extend(ids(&claim.turns));
        if claim.next_due.is_none() {
            break;
        }
        assert!(
            claim.next_due.is_some_and(|next| next <= at(3)),
            "what is due later is not claimed any more"
        );
    }
    let [behind_running, behind @ ..] = &*behind else { unreachable!("three waited") };
    assert_eq!(
        claimed,
        [*behind_running, behind_due],
        "what waited behind a due one, or one that ended, is due"
    );
    let mut turns = store.wakes().turns();
    turns.borrow_and_update();
    world.prune_inbound(prune_nothing()).await;
    woken(&mut turns, "what waited behind the others is due").await;
    assert_eq!(ids(&world.claim_turns(at(3)).await), behind, "in order");
    assert_eq!(ok(store.turns_waiting().await), 4);
}

/// The turns of a session go with it, and their deliveries have failed; those of others stay.
pub async fn turns_go_with_their_session(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    ok(store.insert_session(session(world.space, "s")).await);
    let mut gone = Vec::new();
    for second in 1..4 {
        gone.push(world.arrive_in(source, "s", at(second)).await);
    }
    world.change(vec![Change::Turn(answer(&world, "s", 4))]).await;
    let elsewhere = world.test_space();
    let kept = [
        of(world.arrive_in(source, "S", at(5)).await),
        of(elsewhere.arrive_in(elsewhere.source().await, "s", at(6)).await),
    ];
    let running = world.claim_some(at(4), 1).await.turns.remove(0);
    world.start(&running, at(4)).await;
    assert!(ok(store.delete_session(world.space, &text("s")).await), "it existed");
    for id in &gone {
        let read = world.arrived(*id).await;
        assert_eq!((read.status, read.error.is_some()), (InboundStatus::Failed, true));
    }
    assert_eq!(world.try_change(vec![Change::TurnStarted(running.id, at(5))]).await, Acceptance::Stale);
    world.end(&running, at(5), TurnEnd::Done).await;
    assert_eq!(world.status(gone[0]).await, InboundStatus::Failed, "its end comes too late");
    assert_eq!(ids(&world.claim_turns(at(9)).await), kept);
    let next = world.arrive_in(source, "s", at(10)).await;
    assert_eq!(world.claim_turn(at(10)).await.id, of(next), "a new one waits for nobody");
    world.change(vec![rerun(gone[1], 11).1]).await;
}

/// How many turns have not ended, whatever they wait for.
pub async fn turns_are_counted(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let source = world.source().await;
    assert_eq!(ok(store.turns_waiting().await), 0);
    for second in [1, 2, 1000] {
        world.arrive_in(source, "s", at(second)).await;
    }
    let elsewhere = World::new(&store).await;
    elsewhere.arrive_in(elsewhere.source().await, "s", at(5)).await;
    assert_eq!(ok(store.turns_waiting().await), 4, "of all spaces");
    let turn = world.claim_some(at(1), 1).await.turns.remove(0);
    world.start(&turn, at(1)).await;
    assert_eq!(ok(store.turns_waiting().await), 4, "a claimed one has not ended");
    world.end(&turn, at(1), retry(9)).await;
    assert_eq!(ok(store.turns_waiting().await), 4, "nor one that is tried again");
    world.end(&turn, at(1), TurnEnd::Done).await;
    assert_eq!(ok(store.turns_waiting().await), 4, "whose end only its claimer tells");
    assert!(ids(&world.claim_turns(at(9)).await).contains(&turn.id));
    world.end(&turn, at(9), TurnEnd::Done).await;
    assert_eq!(ok(store.turns_waiting().await), 3);
    world.prune_inbound(PruneInbound { before: at(2000), ..prune_nothing() }).await;
    assert_eq!(ok(store.turns_waiting().await), 3, "pruning ends none");
}
