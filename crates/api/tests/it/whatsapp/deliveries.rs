//! Deliveries of the format: signature, headers, sessions, retries.

use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use posthouse_testkit::answer;
use posthouse_types::Outcome;
use serde_json::{Value, json};
use sha2::Sha512;

use super::{WEBHOOKS, native_twin, publish, webhook};
use crate::world::World;

/// What the documentation tells receivers to compute, without a line of ours.
fn hmac(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Publishes an event; headers and body of the one request that delivers it, which may take ten seconds.
async fn delivered(world: &mut World) -> (HeaderMap, Bytes) {
    publish(world, "message", None).await;
    world.deliver.drain().await.unwrap();
    let mut sent = world.sender.take_sent();
    assert_eq!(sent.len(), 1);
    let request = sent.remove(0);
    assert_eq!(request.timeout, Duration::from_secs(10));
    (request.headers, request.body)
}

#[tokio::test]
async fn a_secret_signs_and_without_one_nothing_does() {
    let mut world = World::new().await;
    let id = webhook(&world, &json!({})).await;
    let path = format!("{WEBHOOKS}/{id}");
    for (change, secret) in [
        ("{}", None),
        (r#"{"secret": "my-secret-key"}"#, Some("my-secret-key")),
        (r#"{"active": true}"#, Some("my-secret-key")),
        (r#"{"secret": "pässword 2"}"#, Some("pässword 2")),
        (r#"{"secret": null}"#, None),
    ] {
        let changed = world.call("PATCH", &path, change).await;
        assert!(changed.status.is_success() && !changed.text().contains("secret"), "{}", changed.text());
        let (headers, body) = delivered(&mut world).await;
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-webhook-hmac"), secret.map(|secret| hmac(secret, &body)), "{change}");
        assert_eq!(header("x-webhook-hmac-algorithm"), secret.map(|_| "sha512".to_owned()));
        let envelope: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(header("x-webhook-request-id").as_deref(), envelope["id"].as_str());
        assert_eq!(header("x-webhook-timestamp").unwrap(), "1767225600000");
    }
}

#[tokio::test]
async fn null_is_no_secret_from_the_beginning() {
    let mut world = World::new().await;
    let id = webhook(&world, &json!({"secret": null, "events": null, "customHeaders": null})).await;
    assert!(!delivered(&mut world).await.0.contains_key("x-webhook-hmac"));
    let native = format!("/api/v1/endpoints/{}/secret", id.replacen("wh_", "ep_", 1));
    assert_eq!(world.get(&native).await.status, 404);
}

#[tokio::test]
async fn custom_headers_come_last() {
    let mut world = World::new().await;
    let own = json!({
        "X-Tenant": "acme", "content-type": "application/cloudevents+json", "X-Webhook-Request-Id": "mine",
        "X-Webhook-Timestamp": "0", "X-Webhook-Hmac": "none", "X-Webhook-Hmac-Algorithm": "none",
        "User-Agent": "theirs",
    });
    let id = webhook(&world, &json!({"secret": "k", "customHeaders": own})).await;
    assert_eq!(world.get(&format!("{WEBHOOKS}/{id}")).await.json()["customHeaders"], own);
    let (headers, _) = delivered(&mut world).await;
    for (name, value) in own.as_object().unwrap() {
        let sent: Vec<_> = headers.get_all(name.as_str()).iter().collect();
        assert_eq!(sent, [value.as_str().unwrap()], "{name}");
    }
}

#[tokio::test]
async fn sessions_are_the_same_with_and_without_their_prefix() {
    let mut world = World::new().await;
    for url in ["a", "sess_a", "b", ""] {
        let session = Some(url).filter(|url| !url.is_empty());
        webhook(&world, &json!({"url": format!("https://e.com/{url}"), "sessionId": session})).await;
    }
    for (session, expected) in [
        (Some("a"), &["/", "/a", "/sess_a"][..]),
        (Some("sess_a"), &["/", "/a", "/sess_a"]),
        (Some("sess_b"), &["/", "/b"]),
        (Some("c"), &["/"]),
        (None, &["/"]),
    ] {
        publish(&world, "message", session).await;
        world.deliver.drain().await.unwrap();
        let sent = world.sender.take_sent();
        let mut paths: Vec<_> = sent.iter().map(|request| request.uri.path()).collect();
        paths.sort_unstable();
        assert_eq!(paths, expected, "{session:?}");
        for request in &sent {
            let envelope: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(envelope["session"].as_str(), session, "as it was published");
        }
    }
}

#[tokio::test]
async fn a_webhook_moves_to_another_session() {
    let mut world = World::new().await;
    let path = format!("{WEBHOOKS}/{}", webhook(&world, &json!({"sessionId": "a"})).await);
    for (session, a, b) in [(json!("a"), 1, 0), (json!("b"), 0, 1), (Value::Null, 1, 1)] {
        let change = json!({"sessionId": session}).to_string();
        assert_eq!(world.call("PATCH", &path, &change).await.json()["sessionId"], session);
        assert_eq!(world.get(&path).await.json()["sessionId"], session);
        for (name, expected) in [("a", a), ("b", b)] {
            publish(&world, "message", Some(name)).await;
            world.deliver.drain().await.unwrap();
            assert_eq!(world.sender.take_sent().len(), expected, "{session}: {name}");
        }
    }
}

#[tokio::test]
async fn events_are_chosen_by_type_and_an_inactive_webhook_gets_none() {
    let mut world = World::new().await;
    let id = webhook(&world, &json!({"events": ["message", "session.*"]})).await;
    for (event_type, expected) in
        [("message", 1), ("message.received", 0), ("session.connected", 1), ("poll.vote", 0)]
    {
        publish(&world, event_type, None).await;
        world.deliver.drain().await.unwrap();
        assert_eq!(world.sender.take_sent().len(), expected, "{event_type}");
    }
    let path = format!("{WEBHOOKS}/{id}");
    assert_eq!(world.call("PATCH", &path, r#"{"active": false}"#).await.status, 200);
    publish(&world, "message", None).await;
    world.deliver.drain().await.unwrap();
    assert!(world.sender.take_sent().is_empty());
}

/// Status and attempts of the one delivery of an event.
async fn outcome(world: &World, event: &str) -> (String, u64) {
    let deliveries = world.get(&format!("/api/v1/deliveries?event_id={event}")).await.json();
    let delivery = &deliveries["data"][0];
    (delivery["status"].as_str().unwrap().to_owned(), delivery["attempts"].as_u64().unwrap())
}

#[tokio::test]
async fn whatever_is_not_2xx_is_tried_again_until_it_is_dead() {
    let mut world = World::new().await;
    let policy = json!({"retryPolicy": {"policy": "linear", "delaySeconds": 10, "attempts": 5}});
    let id = webhook(&world, &policy).await;
    let refused = [410, 400, 302, 500].map(|status| Outcome::Refused { status });
    world.sender.script(refused.into_iter().chain([Outcome::Timeout]).map(answer));
    let event = publish(&world, "message", None).await;
    for wait_s in [0, 10, 20, 30, 40] {
        world.clock.advance(Duration::from_millis(wait_s * 1000).saturating_sub(Duration::from_millis(1)));
        world.deliver.drain().await.unwrap();
        assert_eq!(world.sender.take_sent().len(), usize::from(wait_s == 0), "not a moment too soon");
        world.clock.advance(Duration::from_millis(u64::from(wait_s > 0)));
        world.deliver.drain().await.unwrap();
        assert_eq!(world.sender.take_sent().len(), usize::from(wait_s > 0), "after {wait_s} s");
    }
    assert_eq!(outcome(&world, &event).await, ("dead".to_owned(), 5));
    assert_eq!(native_twin(&world, &id).await["enabled"], true, "410 switches nothing off here");
}

#[tokio::test]
async fn fifteen_attempts_unless_something_else_is_said() {
    let mut world = World::new().await;
    webhook(&world, &json!({})).await;
    world.sender.script((0..20).map(|_| answer(Outcome::Refused { status: 503 })));
    let event = publish(&world, "message", None).await;
    let mut bodies = Vec::new();
    for attempt in 0..20_u32 {
        world.deliver.drain().await.unwrap();
        bodies.extend(world.sender.take_sent().into_iter().map(|request| request.body));
        // No wait is longer than a fifth more than its base.
        world.clock.advance(Duration::from_secs(2_u64.pow(attempt.min(14) + 1)).mul_f64(1.2));
    }
    assert_eq!(outcome(&world, &event).await, ("dead".to_owned(), 15));
    assert_eq!(bodies.len(), 15);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn a_removed_webhook_gets_nothing_any_more() {
    let mut world = World::new().await;
    let id = webhook(&world, &json!({})).await;
    world.sender.script([answer(Outcome::Refused { status: 500 })]);
    publish(&world, "message", None).await;
    world.deliver.drain().await.unwrap();
    let removed = world.call("DELETE", &format!("{WEBHOOKS}/{id}"), "").await;
    assert_eq!((removed.status.as_u16(), removed.text().as_str()), (204, ""));
    world.clock.advance(Duration::from_secs(60));
    world.deliver.drain().await.unwrap();
    assert_eq!(world.sender.take_sent().len(), 1, "the first attempt only");
}
