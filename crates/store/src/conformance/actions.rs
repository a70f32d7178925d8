//! Actions: adding, replacing, deciding; the turns that carry them out.

use std::sync::Arc;

use posthouse_types::{Action, ActionId, ActionStatus, InboundId, InboundStatus, Turn, TurnId, Work};

use super::build::{World, at, ok, session, text, ulid};
use super::parcels::{action, prune_nothing};
use crate::{Acceptance, Change, Store, TurnEnd};

fn put(action: &Action) -> Change {
    Change::Action(Box::new(action.clone()))
}

fn decide(action: ActionId, from: ActionStatus, to: ActionStatus, second: i64) -> Change {
    Change::Decide { action, from, to, at: at(second) }
}

/// A turn that carries out an action.
fn carry_out(world: &World, action: ActionId, second: i64) -> Turn {
    Turn {
        id: TurnId::from_u128(ulid(at(second))),
        space: world.space,
        session: text("s"),
        work: Work::Action(action),
        starts: 0,
        queued_at: at(second),
    }
}

/// A space with a source and a delivery that is over.
async fn done(store: &Arc<dyn Store>) -> (World, InboundId) {
    let world = World::new(store).await;
    let delivery = world.arrive_in(world.source().await, "s", at(1)).await;
    world.work_off(at(1), TurnEnd::Done).await;
    (world, delivery)
}

/// Actions read back exactly, are replaced by id, and are listed oldest first.
pub async fn actions_read_back(store: Arc<dyn Store>) {
    let (world, delivery) = done(&store).await;
    let other = world.arrive_in(world.source().await, "t", at(1)).await;
    let mut made = Vec::new();
    for (second, &status) in (2..).zip(ActionStatus::ALL) {
        made.push(Action {
            status,
            input: "{\"body\": \"„Käse“\"}".to_owned(),
            output: (second % 2 == 0).then(|| "x".repeat(64 * 1024)),
            error: (second % 3 == 0).then(|| "'; --".to_owned()),
            object: (second % 2 == 1).then(|| "comment:1".to_owned()),
            updated_at: at(second + 1),
            ..action(world.space, delivery, at(second))
        });
    }
    let foreign = action(world.space, other, at(3));
    world.change(made.iter().rev().chain([&foreign]).map(put).collect()).await;
    assert_eq!(ok(store.actions(world.space, delivery).await), made, "oldest first");
    assert_eq!(ok(store.actions(world.space, other).await), [foreign]);
    assert_eq!(ok(store.actions(world.space, InboundId::MAX).await), []);
    made[0] = Action {
        status: ActionStatus::Error,
        output: Some("no".to_owned()),
        error: Some("no".to_owned()),
        object: Some("comment:2".to_owned()),
        updated_at: at(99),
        ..made[0].clone()
    };
    world.change(vec![put(&made[0])]).await;
    for action in &made {
        assert_eq!(ok(store.action(world.space, action.id).await).as_ref(), Some(action));
    }
    assert_eq!(ok(store.actions(world.space, delivery).await), made, "it took the place of the former");
    assert_eq!(ok(store.action(world.space, ActionId::MAX).await), None);
}

/// An action needs its delivery; without it nothing of the accept is written.
pub async fn an_action_needs_its_delivery(store: Arc<dyn Store>) {
    let (world, delivery) = done(&store).await;
    let (stranger, foreign) = done(&store).await;
    for (world, delivery) in
        [(&world, InboundId::MAX), (&world, foreign), (&stranger, delivery), (&world.test_space(), delivery)]
    {
        let action = action(world.space, delivery, at(2));
        let answer = world.publish_with(vec![world.draft("t")], vec![put(&action)], None).await;
        assert_eq!(answer, Acceptance::Stale);
        assert_eq!(ok(store.action(world.space, action.id).await), None);
        assert_eq!(world.event_ids().await, []);
    }
    let source = world.arrived(delivery).await.source;
    let made = action(world.space, delivery, at(2));
    world.change(vec![put(&made)]).await;
    for other in [&stranger, &world.test_space()] {
        assert_eq!(ok(store.action(other.space, made.id).await), None, "another space does not see it");
        assert_eq!(ok(store.actions(other.space, delivery).await), []);
        let change = decide(made.id, ActionStatus::Running, ActionStatus::Error, 3);
        assert_eq!(other.try_change(vec![change]).await, Acceptance::Stale);
    }
    assert!(ok(store.delete_source(world.space, source).await), "it existed");
    for _ in 0..2 {
        assert_eq!(world.try_change(vec![put(&made)]).await, Acceptance::Stale, "it is gone with its source");
        assert_eq!(ok(store.action(world.space, made.id).await), None);
        assert_eq!(ok(store.actions(world.space, delivery).await), []);
        let change = decide(made.id, ActionStatus::Running, ActionStatus::Error, 3);
        assert_eq!(world.try_change(vec![change]).await, Acceptance::Stale);
        let turn = carry_out(&world, made.id, 4);
        assert_eq!(world.try_change(vec![Change::Turn(turn)]).await, Acceptance::Stale);
        world.prune_inbound(prune_nothing()).await;
    }
}

/// An action is decided once: from what it is said to be, or not at all.
pub async fn an_action_is_decided_once(store: Arc<dyn Store>) {
    use ActionStatus::{Approved, Denied, Running, Waiting};
    let (world, delivery) = done(&store).await;
    let made = Action { status: Waiting, ..action(world.space, delivery, at(2)) };
    let unknown = decide(made.id, Waiting, Denied, 2);
    assert_eq!(world.try_change(vec![unknown]).await, Acceptance::Stale, "there is no such action");
    let changes = vec![put(&made), decide(made.id, Running, Denied, 3)];
    assert_eq!(world.try_change(changes).await, Acceptance::Stale, "it is not what it was said to be");
    assert_eq!(ok(store.action(world.space, made.id).await), None, "so it was not added either");
    world.change(vec![put(&made)]).await;
    let racers: Vec<_> = (0..12)
        .map(|index| {
            let world = world.clone();
            let to = if index % 2 == 0 { Approved } else { Denied };
            let change = decide(made.id, Waiting, to, 10 + index);
            tokio::spawn(async move {
                let answer = world.publish_with(vec![world.draft("t")], vec![change], None).await;
                (answer, to, at(10 + index))
            })
        })
        .collect();
    let mut won = Vec::new();
    for racer in racers {
        let (answer, to, when) = racer.await.expect("nobody panics");
        match answer {
            Acceptance::New => won.push((to, when)),
            other => assert_eq!(other, Acceptance::Stale, "the others are told"),
        }
    }
    let read = ok(store.action(world.space, made.id).await).expect("it is there");
    assert_eq!(won, [(read.status, read.updated_at)], "one decision counts");
    assert_eq!(read, Action { status: read.status, updated_at: read.updated_at, ..made });
    assert_eq!(world.event_ids().await.len(), 1, "and has its event");
}

/// An approved action is carried out in a turn of its session, which leaves its delivery as it is.
pub async fn actions_have_turns(store: Arc<dyn Store>) {
    use ActionStatus::{Approved, Waiting};
    let (world, delivery) = done(&store).await;
    let before = world.arrived(delivery).await;
    let made = Action { status: Waiting, ..action(world.space, delivery, at(2)) };
    let next = world.arrive_in(world.source().await, "s", at(2)).await;
    let wanted = carry_out(&world, made.id, 3);
    let stranger = Turn { work: Work::Action(ActionId::MAX), ..carry_out(&world, made.id, 3) };
    assert_eq!(world.try_change(vec![Change::Turn(stranger)]).await, Acceptance::Stale, "no such action");
    let changes = vec![put(&made), decide(made.id, Waiting, Approved, 3), Change::Turn(wanted.clone())];
    world.change(changes).await;
    assert_eq!(world.work_off(at(3), TurnEnd::Done).await.work, Work::Delivery(next), "it waits its turn");
    let turn = world.claim_turn(at(3)).await;
    assert_eq!(turn, wanted, "it reads back");
    world.start(&turn, at(4)).await;
    world.end(&turn, at(5), TurnEnd::RetryAt(at(6), "busy".to_owned())).await;
    let again = world.work_off(at(6), TurnEnd::Failed("no".to_owned())).await;
    assert_eq!(again, Turn { starts: 1, ..wanted });
    assert_eq!(world.arrived(delivery).await, before, "its delivery stays as it is");

    let last = carry_out(&world, made.id, 7);
    world.change(vec![Change::Turn(last)]).await;
    assert!(ok(store.delete_source(world.space, before.source).await), "it existed");
    assert_eq!(world.claim_turns(at(9)).await, [], "it goes with the source");
}

/// An approved action that waits to be carried out fails with its session; one that is not approved stays as it is.
pub async fn approved_actions_fail_with_their_session(store: Arc<dyn Store>) {
    use ActionStatus::{Approved, Error, Success};
    let (world, delivery) = done(&store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let made = async |status, name: &str, second| {
        let made = Action { status, ..action(world.space, delivery, at(second)) };
        let turn = Turn { session: text(name), ..carry_out(&world, made.id, second) };
        world.change(vec![put(&made), Change::Turn(turn)]).await;
        made
    };
    let approved = [made(Approved, "s", 2).await, made(Approved, "s", 3).await];
    let others = [made(Success, "s", 4).await, made(Approved, "t", 5).await];
    assert!(ok(store.delete_session(world.space, &text("s")).await), "it existed");
    for action in approved {
        let read = ok(store.action(world.space, action.id).await).expect("it is there");
        assert_eq!((read.status, read.error.as_deref()), (Error, Some("the session was deleted")));
    }
    for action in others {
        assert_eq!(ok(store.action(world.space, action.id).await), Some(action));
    }
    assert_eq!(world.status(delivery).await, InboundStatus::Completed, "their delivery stays as it is");
}

/// A turn may be about a delivery that is there, and about no other.
pub async fn turns_need_their_delivery(store: Arc<dyn Store>) {
    let (world, delivery) = done(&store).await;
    let turn = |work, second| Change::Turn(Turn { work, ..carry_out(&world, ActionId::MAX, second) });
    let gone = turn(Work::Delivery(InboundId::MAX), 2);
    assert_eq!(world.try_change(vec![gone]).await, Acceptance::Stale);
    world.change(vec![turn(Work::Delivery(delivery), 3)]).await;
    world.work_off(at(3), TurnEnd::Failed("no".to_owned())).await;
    assert_eq!(world.status(delivery).await, InboundStatus::Failed, "it is the delivery's turn");
}
