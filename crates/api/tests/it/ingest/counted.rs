//! What counts against the limits, what does not, and how much is recorded.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::RETRY_AFTER;
use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use posthouse_types::AuthMode;
use serde_json::json;

use super::{Inbox, allowing};
use crate::world::World;

async fn push(world: &World, inbox: &Inbox, key: &str) -> (u16, serde_json::Value) {
    let answer = world.deliver_to(inbox, &[("x-event-type", "push"), ("x-delivery-id", key)], "{}").await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn equal_bodies_of_two_types_are_two_events() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    for (event_type, status) in [("started", 202), ("completed", 202), ("started", 200)] {
        let answer = world.deliver_to(&inbox, &[("x-event-type", event_type)], r#"{"service":"api"}"#).await;
        assert_eq!(answer.status, status, "{event_type}: {}", answer.text());
    }
}

#[tokio::test]
async fn sixty_a_minute_and_then_later() {
    let world = World::new().await;
    let inbox =
        world.inbox_with("generic", AuthMode::Bearer, |settings| settings.events = allowing(&["push"])).await;
    for number in 0..60 {
        // What is filtered, repeated or forged does not count.
        let pull = world.deliver_to(&inbox, &[("x-event-type", "pull")], "{}").await;
        assert_eq!(pull.json(), json!({ "status": "filtered", "eventType": "pull" }));
        assert_eq!(push(&world, &inbox, &format!("d{number}")).await.0, 202, "{number}");
        let first = world.recorded(&inbox).await.iter().map(|one| one.number).min().unwrap() + 1;
        let repeated = json!({ "status": "deduplicated", "existingDeliveryId": first });
        assert_eq!(push(&world, &inbox, "d0").await, (200, repeated));
        let forged = Request::builder().method("POST").uri(&inbox.path).body(Body::from("{}")).unwrap();
        assert_eq!(world.knock(forged).await.status, 401);
    }
    world.clock.advance(Duration::from_millis(10_500));
    let limited =
        world.deliver_to(&inbox, &[("x-event-type", "push"), ("x-delivery-id", "more")], "{}").await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.json(), json!({ "error": "rate limited" }));
    let wait: u64 = limited.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert_eq!(wait, 50, "49.6 s, rounded up");
    assert_eq!(push(&world, &inbox, "d7").await.0, 200, "a repeat is known although there is no room");
    let pull = world.deliver_to(&inbox, &[("x-event-type", "pull")], "{}").await;
    assert_eq!(pull.status, 200);
    world.clock.advance(Duration::from_secs(wait));
    assert_eq!(push(&world, &inbox, "more").await.0, 202);
}

#[tokio::test]
async fn a_wait_is_at_least_a_second() {
    let world = World::new().await;
    let inbox =
        world.inbox_with("generic", AuthMode::None, |settings| settings.rate_limit_per_minute = 1).await;
    assert_eq!(push(&world, &inbox, "a").await.0, 202);
    world.clock.advance(Duration::from_millis(60_000));
    let limited = world.deliver_to(&inbox, &[("x-delivery-id", "b")], "{}").await;
    assert_eq!((limited.status.as_u16(), limited.headers[RETRY_AFTER].to_str().unwrap()), (429, "1"));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(push(&world, &inbox, "b").await.0, 202);
}

#[tokio::test]
async fn all_sources_together_have_a_limit_too() {
    let options = Options { ingest_global_per_minute: 3, ..Options::default() };
    let world = World::with(options, ApiOptions::default()).await;
    let (one, other) = (world.inbox(AuthMode::None).await, world.inbox(AuthMode::None).await);
    assert_eq!(push(&world, &one, "a").await.0, 202);
    assert_eq!(push(&world, &other, "a").await.0, 202, "keys are each source's own");
    assert_eq!(push(&world, &one, "b").await.0, 202);
    assert_eq!(push(&world, &other, "b").await.0, 429);
    assert_eq!(push(&world, &one, "a").await.0, 200);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(push(&world, &other, "b").await.0, 202);
}

#[tokio::test]
async fn a_change_of_the_source_does_not_begin_a_new_minute() {
    let world = World::new().await;
    let inbox =
        world.inbox_with("generic", AuthMode::None, |settings| settings.rate_limit_per_minute = 1).await;
    assert_eq!(push(&world, &inbox, "a").await.0, 202);
    world.change(&inbox, |settings| settings.description = "changed".to_owned()).await;
    assert_eq!(push(&world, &inbox, "b").await.0, 429);
    world.change(&inbox, |settings| settings.rate_limit_per_minute = 2).await;
    assert_eq!(push(&world, &inbox, "b").await.0, 202);
}

#[tokio::test]
async fn a_flood_of_forged_requests_leaves_sixty_lines_a_minute() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::GithubHmacSha256).await;
    for number in 0..500 {
        let request = Request::builder().method("POST").uri(&inbox.path).header("x-delivery-id", number);
        let request = request.header("x-hub-signature-256", format!("sha256={}", "00".repeat(32)));
        assert_eq!(world.knock(request.body(Body::from("{}")).unwrap()).await.status, 401);
    }
    let recorded = world.recorded(&inbox).await;
    assert_eq!(recorded.len(), 60);
    for delivery in &recorded {
        assert_eq!(
            (delivery.status.as_str(), delivery.reason.as_deref()),
            ("rejected", Some("wrong_signature"))
        );
        assert_eq!((&delivery.event_type, &delivery.dedup_key, &delivery.session), (&None, &None, &None));
    }
    // Those who know the secret are not kept out by those who do not.
    assert_eq!(push(&world, &inbox, "good").await.0, 202);
    world.clock.advance(Duration::from_secs(61));
    let forged = Request::builder().method("POST").uri(&inbox.path).body(Body::from("{}")).unwrap();
    assert_eq!(world.knock(forged).await.status, 401);
    assert_eq!(world.recorded(&inbox).await.len(), 62);
}

#[tokio::test]
async fn limited_requests_are_recorded_as_rejected() {
    let world = World::new().await;
    let inbox =
        world.inbox_with("generic", AuthMode::None, |settings| settings.rate_limit_per_minute = 1).await;
    assert_eq!(push(&world, &inbox, "a").await.0, 202);
    assert_eq!(push(&world, &inbox, "b").await.0, 429);
    assert_eq!(push(&world, &inbox, "a").await.0, 200);
    assert_eq!(
        world.told(&inbox).await,
        [
            ("received", String::new()),
            ("rejected", "rate_limited".to_owned()),
            ("deduplicated", "repeated".to_owned())
        ]
    );
}
