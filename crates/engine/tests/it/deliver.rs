//! Attempts, retries, dead letters, replay.

use std::time::Duration;

use http::HeaderValue;
use posthouse_engine::{Rotate, UpdateEndpoint};
use posthouse_sign::standard::{StandardRequest, StandardVerifier, verify};
use posthouse_testkit::answer;
use posthouse_types::retry::{Schedule, Steps};
use posthouse_types::{DeliveryState, EndpointUrl, Outcome, RetryPolicy, Settings, Stage};

use crate::world::World;

const REFUSED: Outcome = Outcome::Refused { status: 500 };

fn constant(delay_s: u64, attempts: u16) -> RetryPolicy {
    RetryPolicy::new(Schedule::Constant(Steps { delay_s, attempts, cap_s: 3600 }), Some(0.0)).unwrap()
}

#[tokio::test]
async fn a_delivery_is_signed_and_recorded() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    let event = world.publish_with("message.created", r#"{ "a" : 1 }"#, |_| ()).await;
    let sent = world.drain().await;
    assert_eq!(sent.len(), 1);
    assert_eq!(&sent[0].body[..], br#"{ "a" : 1 }"#, "the payload's own bytes");
    let header = |name: &str| sent[0].headers[name].to_str().unwrap();
    assert_eq!(header("webhook-id"), event.id);
    let secret = world.engine.endpoint_secret(&world.caller, endpoint.id).await.unwrap();
    let verifier = StandardVerifier::parse(secret.expose()).unwrap();
    let request = StandardRequest {
        message_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &sent[0].body,
    };
    verify(&[&verifier], &request, world.engine.now().as_seconds(), 300).unwrap();
    let delivery = world.delivery_of(&event).await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Succeeded, 1));
    let attempts = world.attempts(&delivery).await;
    assert_eq!(attempts[0].outcome, Outcome::Delivered { status: 204 });
    assert!(attempts[0].request_headers.iter().any(|(name, _)| name == "webhook-signature"));
}

#[tokio::test]
async fn failures_are_retried_on_schedule_and_then_dead_lettered() {
    let mut world = World::new().await;
    world.endpoint_with_policy(constant(60, 3)).await;
    let outcomes = [REFUSED, Outcome::Timeout, Outcome::Unreachable { stage: Stage::Dns }];
    world.sender.script(outcomes.map(answer));
    let event = world.publish("a").await;
    for attempt in 1..=3 {
        let (sent, next) = world.drain_to().await;
        assert_eq!(sent.len(), 1, "attempt {attempt}");
        if attempt < 3 {
            assert_eq!(next, Some(world.engine.now().plus(Duration::from_secs(60))));
            world.clock.advance(Duration::from_millis(59_999));
            assert!(world.drain().await.is_empty(), "not a moment too soon");
            world.clock.advance(Duration::from_millis(1));
        }
    }
    let delivery = world.delivery_of(&event).await;
    assert_eq!((delivery.state, delivery.attempts, delivery.next_attempt_at), (DeliveryState::Dead, 3, None));
    let recorded: Vec<_> = world.attempts(&delivery).await.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(recorded, outcomes);
    world.clock.advance(Duration::from_secs(3600));
    assert!(world.drain().await.is_empty(), "dead is dead");
}

#[tokio::test]
async fn bodies_stay_and_signatures_are_fresh() {
    let mut world = World::new().await;
    world.endpoint_with_policy(constant(60, 3)).await;
    world.sender.script([answer(REFUSED)]);
    world.publish_with("a", r#"{"x":"ü"}"#, |_| ()).await;
    let first = world.drain().await.remove(0);
    world.clock.advance(Duration::from_secs(60));
    let second = world.drain().await.remove(0);
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_ne!(first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]);
    assert_ne!(first.headers["webhook-signature"], second.headers["webhook-signature"]);
}

#[tokio::test]
async fn retry_after_extends_the_wait_in_both_spellings() {
    for (text, wait_s) in [("300", 300), ("Thu, 01 Jan 2026 00:10:00 GMT", 600), ("1", 60), ("soon", 60)] {
        let mut world = World::new().await;
        world.endpoint_with_policy(constant(60, 3)).await;
        let mut report = answer(Outcome::Refused { status: 429 });
        report.response_headers.insert("retry-after", HeaderValue::from_str(text).unwrap());
        world.sender.script([report]);
        world.publish("a").await;
        let (_, next) = world.drain_to().await;
        assert_eq!(next, Some(world.engine.now().plus(Duration::from_secs(wait_s))), "{text}");
    }
}

#[tokio::test]
async fn a_corrected_endpoint_helps_the_retries() {
    let mut world = World::new().await;
    let endpoint = world.endpoint_with_policy(constant(60, 3)).await;
    world.sender.script([answer(REFUSED)]);
    world.publish("a").await;
    world.drain().await;
    let moved =
        |settings: &mut Settings| settings.url = EndpointUrl::parse("https://example.org/new").unwrap();
    let update = UpdateEndpoint::settings(&moved);
    world.engine.update_endpoint(&world.caller, endpoint.id, update).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.drain().await[0].uri.to_string(), "https://example.org/new");
}

#[tokio::test]
async fn a_replayed_delivery_has_a_fresh_budget() {
    let mut world = World::new().await;
    world.endpoint_with_policy(constant(60, 2)).await;
    world.sender.script([REFUSED, REFUSED, REFUSED].map(answer));
    let event = world.publish("a").await;
    world.drain().await;
    world.clock.advance(Duration::from_secs(60));
    world.drain().await;
    let dead = world.delivery_of(&event).await;
    assert_eq!(dead.state, DeliveryState::Dead);
    let again = world.engine.replay_delivery(&world.caller, dead.id).await.unwrap();
    assert_eq!(again.state, DeliveryState::Pending);
    assert_eq!(world.drain().await.len(), 1);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.drain().await.len(), 1, "the second attempt of the new budget");
    let delivered = world.delivery_of(&event).await;
    assert_eq!((delivered.state, delivered.attempts), (DeliveryState::Succeeded, 4));
}

#[tokio::test]
async fn rotation_signs_with_both_secrets_until_the_overlap_ends() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    let rotate = Rotate { secret: None, overlap: Some(Duration::from_secs(3600)) };
    world.engine.rotate_secret(&world.caller, endpoint.id, rotate, None).await.unwrap();
    world.publish("a").await;
    let signatures = |sent: &posthouse_egress::SendRequest| {
        sent.headers["webhook-signature"].to_str().unwrap().split(' ').count()
    };
    assert_eq!(signatures(&world.drain().await[0]), 2);
    world.clock.advance(Duration::from_secs(3600));
    world.publish("a").await;
    assert_eq!(signatures(&world.drain().await[0]), 1);
}

#[tokio::test]
async fn what_waits_survives_a_restart() {
    let mut world = World::new().await;
    world.endpoint_with_policy(constant(60, 3)).await;
    world.sender.script([answer(REFUSED)]);
    let failed = world.publish("a").await;
    world.drain().await;
    let fresh = world.publish("b").await;
    let mut world = world.restart().await;
    assert_eq!(world.drain().await[0].headers["webhook-id"].to_str().unwrap(), fresh.id);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.drain().await[0].headers["webhook-id"].to_str().unwrap(), failed.id);
}

#[tokio::test]
async fn deliveries_of_a_deleted_endpoint_are_cancelled() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    let event = world.publish("a").await;
    world.engine.delete_endpoint(&world.caller, endpoint.id).await.unwrap();
    posthouse_engine::service::Reap::new(world.engine.clone()).step().await.unwrap();
    assert!(world.drain().await.is_empty());
    assert_eq!(world.delivery_of(&event).await.state, DeliveryState::Cancelled);
}
