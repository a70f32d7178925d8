//! Switching off, throttling, circuits.

use std::time::Duration;

use posthouse_engine::UpdateEndpoint;
use posthouse_testkit::answer;
use posthouse_types::retry::{Schedule, Steps};
use posthouse_types::{
    DeliveryState, DisabledReason, HealthState, Outcome, RateLimit, RetryPolicy, Settings,
};

use crate::world::World;

#[tokio::test]
async fn gone_switches_an_endpoint_off_for_good() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    world.sender.script([answer(Outcome::Refused { status: 410 })]);
    let first = world.publish("a").await;
    world.drain().await;
    let now = world.now_of(endpoint.id).await;
    assert_eq!(now.disabled_reason, Some(DisabledReason::Gone));
    assert!(!now.settings.enabled);
    assert_eq!(world.delivery_of(&first).await.state, DeliveryState::Dead);
    assert_eq!(world.publish("a").await.deliveries, 0, "new events are not matched");
    let world = world.restart().await;
    assert_eq!(world.now_of(endpoint.id).await.health_state(), HealthState::Disabled);
}

#[tokio::test]
async fn what_waits_for_a_disabled_endpoint_goes_out_when_it_is_enabled() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|_| ()).await;
    let set = |enabled| move |settings: &mut Settings| settings.enabled = enabled;
    world.publish("a").await;
    let off = set(false);
    world.engine.update_endpoint(&world.caller, endpoint.id, UpdateEndpoint::settings(&off)).await.unwrap();
    assert!(world.drain().await.is_empty());
    let on = set(true);
    world.engine.update_endpoint(&world.caller, endpoint.id, UpdateEndpoint::settings(&on)).await.unwrap();
    assert_eq!(world.drain().await.len(), 1);
}

#[tokio::test]
async fn a_throttle_delays_and_drops_nothing() {
    let mut world = World::new().await;
    world.endpoint(|settings| settings.rate_limit = Some(RateLimit::new(2, Some(3)).unwrap())).await;
    for _ in 0..10 {
        world.publish("a").await;
    }
    let (sent, next) = world.drain_to().await;
    assert_eq!(sent.len(), 3, "the burst");
    assert_eq!(next, Some(world.engine.now().plus(Duration::from_millis(500))));
    let mut total = 3;
    for _ in 0..7 {
        world.clock.advance(Duration::from_millis(500));
        total += world.drain().await.len();
    }
    assert_eq!(total, 10);
}

#[tokio::test]
async fn a_throttle_counts_from_the_first_delivery_of_a_new_endpoint() {
    let mut world = World::new().await;
    world.drain().await;
    world.endpoint(|settings| settings.rate_limit = Some(RateLimit::new(1, Some(1)).unwrap())).await;
    for _ in 0..5 {
        world.publish("a").await;
    }
    assert_eq!(world.drain().await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_gets_nothing_more_while_others_change() {
    let mut world = World::new().await;
    let endpoint = world.endpoint(|settings| settings.ordering = posthouse_types::Ordering::Endpoint).await;
    for _ in 0..3 {
        world.publish("a").await;
    }
    world.sender.script([answer(Outcome::Refused { status: 410 })]);
    world.deliver.step().await.unwrap();
    world.endpoint(|settings| settings.events = posthouse_types::EventFilter::all()).await;
    assert_eq!(world.drain().await.len(), 1, "what waited goes on waiting");
    assert!(!world.now_of(endpoint.id).await.settings.enabled);
}

#[tokio::test]
async fn an_open_circuit_probes_with_one_delivery_and_closes_on_success() {
    let mut world = World::new().await;
    let policy =
        RetryPolicy::new(Schedule::Constant(Steps { delay_s: 5, attempts: 50, cap_s: 60 }), Some(0.0));
    let endpoint = world.endpoint_with_policy(policy.unwrap()).await;
    world.sender.script(vec![answer(Outcome::Timeout); 500]);
    while world.now_of(endpoint.id).await.health.open_until.is_none() {
        world.publish("a").await;
        world.clock.advance(Duration::from_secs(5));
        assert!(!world.drain().await.is_empty());
    }
    let health = world.now_of(endpoint.id).await.health;
    assert!(health.consecutive_failures >= 20 && health.failing_since.is_some(), "{health:?}");
    world.clock.advance(Duration::from_secs(10));
    assert!(world.drain().await.is_empty(), "retries are due, but the circuit is open");
    world.clock.set(health.open_until.unwrap());
    assert_eq!(world.drain().await.len(), 1, "one probe, which fails");
    world.sender.forget_script();
    world.clock.set(world.now_of(endpoint.id).await.health.open_until.expect("still open"));
    assert!(world.drain().await.len() > 1, "the probe succeeds, and what waited follows");
    assert_eq!(world.now_of(endpoint.id).await.health_state(), HealthState::Healthy);
}

#[tokio::test]
async fn a_sick_endpoint_costs_the_others_nothing() {
    let mut world = World::new().await;
    let limit = Some(RateLimit::new(1, Some(1)).unwrap());
    world.endpoint(|settings| settings.rate_limit = limit).await;
    for _ in 0..200 {
        world.publish("a").await;
    }
    assert_eq!(world.drain().await.len(), 1);
    world.endpoint(|_| ()).await;
    world.publish("a").await;
    assert_eq!(world.drain().await.len(), 1, "behind 199 that wait for the throttled one");
}
