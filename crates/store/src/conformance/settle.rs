//! Settling: what an attempt does to its delivery and endpoint, how it reads back, and trying again.

use std::sync::Arc;

use bytes::Bytes;
use posthouse_types::{
    Attempt, DeliveryId, DeliveryState, DisabledReason, EndpointId, Health, Outcome, Stage, Timestamp, Wire,
};

use super::build::{World, at, attempt, ok, settlement};
use crate::{Claimed, HealthChange, Next, Settle, Settlement, Store};

/// What each end does to a delivery.
pub async fn settling_ends_a_delivery(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let ends = [
        (Next::Succeeded, DeliveryState::Succeeded),
        (Next::Dead, DeliveryState::Dead),
        (Next::Cancelled, DeliveryState::Cancelled),
    ];
    for (next, state) in ends {
        let id = world.send(endpoint).await;
        world.finish_due(at(9), next).await;
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.state, state, "{next:?}");
        assert_eq!(delivery.attempts, 1, "{next:?}: one attempt was made");
        assert_eq!(delivery.next_attempt_at, None, "{next:?}: there is no next attempt");
        assert_eq!(delivery.finished_at, Some(at(9)), "{next:?}: it ended then");
        let claim = world.claim(at(99)).await;
        assert!(claim.deliveries.is_empty(), "{next:?}: it is not due any more");
    }
}

/// A retry waits for its time, and is then the next attempt.
pub async fn a_retry_waits_for_its_time(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    for number in 1..=3 {
        let minute = i64::from(number) * 60;
        let claimed = world.claim_one(at(minute)).await;
        assert_eq!((claimed.id, claimed.attempt, claimed.attempt_of_policy), (id, number, number));
        world.settle(&claimed, at(minute + 1), Next::RetryAt(at(minute + 60))).await;
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.state, DeliveryState::Pending, "it is still pending");
        assert_eq!(delivery.attempts, number, "attempts are counted");
        assert_eq!(delivery.next_attempt_at, Some(at(minute + 60)), "the next attempt has its time");
        assert_eq!(delivery.finished_at, None, "it has not ended");
        assert_eq!(world.claim_ids(at(minute + 59)).await, [], "it is not due before its time");
    }
    let numbers: Vec<_> = world.attempts(id).await.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3], "attempts are listed first to last");
}

/// A settlement without an attempt records none, and counts none.
pub async fn settling_without_an_attempt(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    let untried = |claimed: &Claimed, next| Settlement { attempt: None, ..settlement(claimed, at(2), next) };
    let claimed = world.claim_one(at(1)).await;
    world.settle_all(vec![untried(&claimed, Next::RetryAt(at(60)))]).await;
    let claimed = world.claim_one(at(60)).await;
    assert_eq!((claimed.attempt, claimed.attempt_of_policy), (1, 1), "no attempt was made yet");
    world.settle_all(vec![untried(&claimed, Next::Cancelled)]).await;
    let delivery = world.delivery(id).await;
    assert_eq!(delivery.state, DeliveryState::Cancelled, "it ended all the same");
    assert_eq!((delivery.attempts, delivery.finished_at), (0, Some(at(2))), "untried");
    assert_eq!(world.attempts(id).await, [], "nothing was recorded");
}

/// One commit settles many deliveries, each in its own way; an empty one does nothing.
pub async fn settling_many_at_once(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    for _ in 0..9 {
        world.send(endpoint).await;
    }
    ok(store.settle(Settle::default()).await);
    let claim = world.claim(at(1)).await;
    let nexts = [Next::Succeeded, Next::Dead, Next::RetryAt(at(60))];
    let settlements: Vec<_> = claim
        .deliveries
        .iter()
        .zip(nexts.iter().cycle())
        .map(|(it, next)| settlement(it, at(2), *next))
        .collect();
    world.settle_all(settlements.clone()).await;
    for settled in settlements {
        let expected = match settled.next {
            Next::Succeeded => (DeliveryState::Succeeded, Some(at(2)), None),
            Next::Dead => (DeliveryState::Dead, Some(at(2)), None),
            Next::RetryAt(_) | Next::Cancelled => (DeliveryState::Pending, None, Some(at(60))),
        };
        let read = world.delivery(settled.delivery).await;
        assert_eq!((read.state, read.finished_at, read.next_attempt_at), expected, "{:?}", settled.next);
        assert_eq!(
            world.attempts(settled.delivery).await.as_slice(),
            settled.attempt.as_slice(),
            "its own attempt"
        );
    }
}

/// A delivery that was cancelled while in flight stays cancelled; the attempt is kept.
pub async fn settling_what_was_cancelled_meanwhile(store: Arc<dyn Store>) {
    for next in [Next::Succeeded, Next::RetryAt(at(60)), Next::Dead] {
        let world = World::new(&store).await;
        let endpoint = world.endpoint().await;
        let id = world.send(endpoint).await;
        let claimed = world.claim_one(at(1)).await;
        assert!(ok(store.delete_endpoint(world.space, endpoint).await), "the endpoint existed");
        assert_eq!(ok(store.cancel_orphans(at(2), 10).await), 1, "it is cancelled in flight");
        world.settle(&claimed, at(3), next).await;
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.state, DeliveryState::Cancelled, "{next:?}: it keeps its end");
        assert_eq!(delivery.finished_at, Some(at(2)), "{next:?}: and its time");
        assert_eq!(delivery.next_attempt_at, None, "{next:?}: it is not tried again");
        assert_eq!(delivery.attempts, 1, "{next:?}: the attempt counts");
        assert_eq!(world.attempts(id).await.len(), 1, "{next:?}: the attempt is recorded");
        assert_eq!(world.claim_ids(at(99)).await, [], "{next:?}: it is not due any more");
    }
}

/// What is settled late, after delivery and endpoint are gone, is passed over and spoils nothing else.
pub async fn settling_what_is_gone(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    let claimed = world.claim_one(at(1)).await;
    let gone = Claimed {
        id: DeliveryId::from_u128(super::build::ulid(at(0))),
        endpoint: EndpointId::from_u128(super::build::ulid(at(0))),
        ..claimed.clone()
    };
    let health =
        HealthChange { endpoint: gone.endpoint, health: failing(), disable: Some(DisabledReason::Gone) };
    let settlements =
        vec![settlement(&gone, at(2), Next::Dead), settlement(&claimed, at(2), Next::Succeeded)];
    ok(store.settle(Settle { settlements, health: vec![health] }).await);
    assert_eq!(world.delivery(id).await.state, DeliveryState::Succeeded, "the other one is settled");
    assert_eq!(ok(store.delivery(world.space, gone.id).await), None, "nothing was made up");
    assert_eq!(ok(store.attempts(world.space, gone.id).await), None, "nothing was made up");
}

/// Every kind of outcome.
const OUTCOMES: [Outcome; 9] = [
    Outcome::Delivered { status: 200 },
    Outcome::Delivered { status: 299 },
    Outcome::Refused { status: 599 },
    Outcome::Timeout,
    Outcome::Unreachable { stage: Stage::Dns },
    Outcome::Unreachable { stage: Stage::Connect },
    Outcome::Unreachable { stage: Stage::Tls },
    Outcome::Blocked,
    Outcome::Cancelled,
];

fn detailed_attempt(number: u16, outcome: Outcome) -> Attempt {
    let headers = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Attempt {
        duration_ms: 29_999,
        request_headers: headers(&[("z", "1"), ("a", "2"), ("z", "0"), ("A", ""), ("x-é", "\t\"'\\ 🐎")]),
        response_headers: headers(&[("set-cookie", "b=2"), ("set-cookie", "a=1"), ("date", "now")]),
        response_body: (0..=255).rev().cycle().take(16 * 1024).collect(),
        error: Some("connection reset\nby \"peer\" é".to_owned()),
        ..attempt(number, Timestamp::from_millis(at(60).as_millis() + 123), outcome)
    }
}

/// Attempts read back exactly: every outcome, order of headers, bytes of the body, the error's text.
pub async fn attempts_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    let mut made = Vec::new();
    for outcome in OUTCOMES {
        let claimed = world.claim_one(at(60)).await;
        made.push(detailed_attempt(claimed.attempt, outcome));
        let attempt = made.last().cloned();
        world
            .settle_all(vec![Settlement { attempt, ..settlement(&claimed, at(60), Next::RetryAt(at(60))) }])
            .await;
    }
    let claimed = world.claim_one(at(60)).await;
    let empty = attempt(claimed.attempt, at(61), Outcome::Timeout);
    assert_eq!((&empty.response_body, &empty.error), (&Bytes::new(), &None), "the last one has no details");
    made.push(empty.clone());
    world
        .settle_all(vec![Settlement { attempt: Some(empty), ..settlement(&claimed, at(62), Next::Dead) }])
        .await;
    let read = world.attempts(id).await;
    assert_eq!(read.len(), made.len(), "every attempt is kept");
    for (read, made) in read.iter().zip(&made) {
        assert_eq!(read, made, "attempt {} ({})", made.number, made.outcome);
    }
    let unknown = DeliveryId::from_u128(super::build::ulid(at(0)));
    assert_eq!(ok(store.attempts(world.space, unknown).await), None, "no delivery, no list");
}

/// Each attempt keeps the wire format and the URL that it was made with.
pub async fn attempts_keep_wire_and_url(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    let long = format!("https://xn--bcher-kva.example/{}?a='é'", "x".repeat(2000));
    let mut made = Vec::new();
    for (wire, url) in
        Wire::ALL.into_iter().zip(["https://a.example/", &long, "", "http://[::1]:8080/é 🐎", "x"])
    {
        let claimed = world.claim_one(at(60)).await;
        let plain = attempt(claimed.attempt, at(60), Outcome::Timeout);
        made.push(Attempt { wire, url: Arc::from(url), ..plain });
        let settled = settlement(&claimed, at(60), Next::RetryAt(at(60)));
        world.settle_all(vec![Settlement { attempt: made.last().cloned(), ..settled }]).await;
    }
    assert_eq!(world.attempts(id).await, made);
}

/// A delivery that has ended is tried again with a fresh budget; its attempts go on counting.
pub async fn requeue_of_what_has_ended(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    for end in [Next::Dead, Next::Succeeded] {
        let id = world.send(endpoint).await;
        world.finish_due(at(1), Next::RetryAt(at(2))).await;
        world.finish_due(at(2), end).await;

        let delivery = ok(store.requeue(world.space, id, at(60)).await).expect("the delivery exists");
        assert_eq!(delivery.state, DeliveryState::Pending, "{end:?}: it is pending again");
        assert_eq!(delivery.next_attempt_at, Some(at(60)), "{end:?}: it is due now");
        assert_eq!((delivery.attempts, delivery.finished_at), (2, None), "{end:?}: it goes on");
        assert_eq!(world.delivery(id).await, delivery, "{end:?}: the answer is what is stored");

        let claimed = world.claim_one(at(60)).await;
        assert_eq!(
            (claimed.id, claimed.attempt, claimed.attempt_of_policy),
            (id, 3, 1),
            "{end:?}: fresh budget"
        );
        world.settle(&claimed, at(61), Next::RetryAt(at(62))).await;
        let claimed = world.claim_one(at(62)).await;
        assert_eq!((claimed.attempt, claimed.attempt_of_policy), (4, 2), "{end:?}: and on from there");
        world.settle(&claimed, at(63), Next::Succeeded).await;
        let delivery = world.delivery(id).await;
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Succeeded, 4),
            "{end:?}: it ends anew"
        );
        assert_eq!(delivery.finished_at, Some(at(63)), "{end:?}: at its new time");
        assert_eq!(world.attempts(id).await.len(), 4, "{end:?}: the old attempts are kept");
    }
}

/// A retry that waits can be made due now; what the space does not have can not.
pub async fn requeue_of_what_waits(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    world.finish_due(at(1), Next::RetryAt(at(3600))).await;
    let unknown = DeliveryId::from_u128(super::build::ulid(at(0)));
    assert_eq!(ok(store.requeue(world.space, unknown, at(2)).await), None, "there is no such delivery");
    assert_eq!(ok(store.requeue(world.test_space().space, id, at(2)).await), None, "it is not of that space");
    assert_eq!(world.claim_ids(at(3)).await, [], "a stranger does not make it due");
    let delivery = ok(store.requeue(world.space, id, at(5)).await).expect("the delivery exists");
    assert_eq!(delivery.next_attempt_at, Some(at(5)), "it is due now");
    let claimed = world.claim_one(at(5)).await;
    assert_eq!((claimed.id, claimed.attempt), (id, 2), "its attempts go on counting");
}

fn failing() -> Health {
    Health {
        consecutive_failures: 70_000,
        probes_failed: 7,
        failing_since: Some(at(-60)),
        last_success_at: Some(at(-61)),
        open_until: Some(at(60)),
    }
}

/// Health is stored with the attempts that changed it, and reads back in full.
pub async fn health_reads_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (endpoint, other) = (world.endpoint().await, world.endpoint().await);
    world.send(endpoint).await;
    let well = Health { last_success_at: Some(at(3)), ..Health::default() };
    for health in [failing(), well, Health::default()] {
        let claimed = world.claim_one(at(60)).await;
        let settlements = vec![settlement(&claimed, at(60), Next::RetryAt(at(60)))];
        let health_change = HealthChange { endpoint, health, disable: None };
        ok(store.settle(Settle { settlements, health: vec![health_change] }).await);
        assert_eq!(world.read_endpoint(endpoint).await.endpoint.health, health, "read by id");
        let all = ok(store.all_endpoints().await);
        let loaded = all.iter().find(|record| record.endpoint.id == endpoint).expect("it is among all");
        assert_eq!(loaded.endpoint.health, health, "read with all");
        assert!(loaded.endpoint.settings.enabled, "it is not switched off");
        let attempts = world.attempts(claimed.id).await.len();
        assert_eq!(attempts, usize::from(claimed.attempt), "the attempt was settled in the same commit");
    }
    assert_eq!(world.read_endpoint(other).await.endpoint.health, Health::default(), "others are untouched");
}

/// An endpoint can be switched off with the attempt that was too many.
pub async fn settling_switches_an_endpoint_off(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for reason in [DisabledReason::Gone, DisabledReason::Failing] {
        let endpoint = world.endpoint().await;
        let change = HealthChange { endpoint, health: failing(), disable: Some(reason) };
        ok(store.settle(Settle { settlements: vec![], health: vec![change] }).await);
        let read = world.read_endpoint(endpoint).await.endpoint;
        assert!(!read.settings.enabled, "{reason:?} switches it off");
        assert_eq!(read.disabled_reason, Some(reason), "and says why");
        assert_eq!(read.health, failing(), "with its health");
    }
}

/// A delivery that is requeued while it is attempted gets its fresh budget when that attempt fails, even if the
/// claimer took it for the last; when it succeeds there is nothing left to do.
pub async fn requeue_of_what_is_claimed(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    for next in [Next::Dead, Next::RetryAt(at(3600)), Next::Succeeded] {
        let id = world.send(endpoint).await;
        world.finish_due(at(1), Next::RetryAt(at(1))).await;
        let claimed = world.claim_one(at(1)).await;
        ok(store.requeue(world.space, id, at(2)).await).expect("the delivery exists");
        assert_eq!(world.claim_ids(at(2)).await, [], "{next:?}: it has a claimer");
        world.settle(&claimed, at(3), next).await;
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.attempts, 2, "{next:?}: the attempt counts");
        if next == Next::Succeeded {
            assert_eq!(delivery.state, DeliveryState::Succeeded, "it is done");
            assert_eq!(world.claim_ids(at(9999)).await, [], "nothing is left to do");
            continue;
        }
        assert_eq!(delivery.state, DeliveryState::Pending, "{next:?}: it is tried again");
        assert_eq!(delivery.next_attempt_at, Some(at(3)), "{next:?}: at once");
        let claimed = world.claim_one(at(3)).await;
        assert_eq!((claimed.attempt, claimed.attempt_of_policy), (3, 1), "{next:?}: fresh budget");
        world.settle(&claimed, at(4), Next::Dead).await;
        assert_eq!(world.delivery(id).await.state, DeliveryState::Dead, "{next:?}: once");
    }
}

/// A requeue that the claimer knows of, because it came before the claim, changes nothing about the end.
pub async fn requeue_before_a_claim_changes_no_end(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.send(world.endpoint().await).await;
    ok(store.requeue(world.space, id, at(1)).await).expect("the delivery exists");
    let claimed = world.claim_one(at(1)).await;
    ok(store.release(vec![id]).await);
    ok(store.requeue(world.space, id, at(1)).await).expect("the delivery exists");
    assert_eq!(world.claim_one(at(1)).await.id, claimed.id);
    world.settle(&claimed, at(2), Next::Dead).await;
    assert_eq!(world.delivery(id).await.state, DeliveryState::Dead);
}
