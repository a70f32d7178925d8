//! Every operation as it should be: what a client sees.

use std::time::Duration;

use axum::http::HeaderValue;
use posthouse_testkit::answer;
use posthouse_types::Outcome;

use crate::world::{Transcript, World};

#[tokio::test]
async fn endpoints_live_and_die() {
    let world = World::new().await;
    let mut seen = Transcript::default();
    let full = r#"{"url": "https://example.com/a", "events": ["message.*", "x"], "description": "d",
        "wire": "standard", "headers": {"X-Team": "blue"}, "retry_policy": {"policy": "linear", "attempts": 3},
        "rate_limit": {"per_second": 5}, "ordering": "session", "timeout_ms": 2000, "filter": {"/a": 1},
        "enabled": true, "metadata": {"n": 1}}"#;
    let id = seen.call(&world, "POST", "/api/v1/endpoints", full).await;
    let path = format!("/api/v1/endpoints/{id}");
    let patch = r#"{"url": "https://example.com/b", "retry_policy": null, "rate_limit": null, "filter": null,
        "headers": null, "description": null, "enabled": false}"#;
    seen.call(&world, "PATCH", &path, patch).await;
    seen.call(&world, "GET", &format!("{path}/secret"), "").await;
    seen.call(&world, "POST", &format!("{path}/rotate-secret"), "").await;
    let rotate = r#"{"overlap_seconds": 0, "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#;
    seen.call(&world, "POST", &format!("{path}/rotate-secret"), rotate).await;
    seen.call(&world, "GET", "/api/v1/endpoints?limit=1", "").await;
    seen.call(&world, "DELETE", &path, "").await;
    seen.call(&world, "GET", &path, "").await;
    insta::assert_snapshot!(seen.0, @"");
}

#[tokio::test]
async fn retry_policies_read_back_as_they_were_said() {
    let world = World::new().await;
    let mut policies = String::new();
    for policy in [
        r#""standard""#,
        r#""exponential""#,
        r#"{"policy": "constant", "delay_seconds": 7, "attempts": 4, "cap_seconds": 60, "jitter": 0}"#,
        r#"{"policy": "custom", "delays_seconds": [0, 60]}"#,
    ] {
        let body = format!(r#"{{"url": "https://example.com/", "retry_policy": {policy}}}"#);
        let created = world.post("/api/v1/endpoints", &body).await.json();
        let read = created["retry_policy"].to_string();
        let path = format!("/api/v1/endpoints/{}", created["id"].as_str().unwrap());
        let again = world.call("PATCH", &path, &format!(r#"{{"retry_policy": {read}}}"#)).await.json();
        assert_eq!(again["retry_policy"], created["retry_policy"]);
        policies.push_str(&[policy, " → ", &read, "\n"].concat());
    }
    insta::assert_snapshot!(policies, @"");
}

#[tokio::test]
async fn events_are_delivered_and_explained() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    world.endpoint().await;
    let body = r#"{"type": "message.created", "payload": {"n":1.50, "ü": []}, "session_id": "chat-1",
        "ordering_key": "k", "occurred_at": "2025-12-31T23:00:00+01:00", "id": "order-17"}"#;
    seen.call(&world, "POST", "/api/v1/events", body).await;
    world.sender.script([answer(Outcome::Refused { status: 500 }), answer(Outcome::Timeout)]);
    world.deliver.drain().await.unwrap();
    seen.call(&world, "GET", "/api/v1/events/order-17", "").await;
    seen.call(&world, "GET", "/api/v1/events?type=message.created", "").await;
    seen.call(&world, "GET", "/api/v1/events/order-17/explain", "").await;
    world.clock.advance(Duration::from_secs(3600));
    world.deliver.drain().await.unwrap();
    let raw = world.get("/api/v1/events/order-17").await.text();
    assert!(raw.contains(r#""payload":{"n":1.50, "ü": []}"#), "byte for byte: {raw}");
    insta::assert_snapshot!(seen.0, @"");
}

#[tokio::test]
async fn deliveries_show_each_attempt_and_go_again() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    let endpoint =
        world.make("/api/v1/endpoints", r#"{"url": "https://example.com/", "headers": {"x-a": "b"}}"#).await;
    let mut report = answer(Outcome::Delivered { status: 200 });
    report.response_headers.insert("x-seen", HeaderValue::from_static("yes"));
    report.response_body = bytes::Bytes::from_static(b"\xff\xfe");
    world.sender.script([report]);
    let sent = world.post(&format!("/api/v1/endpoints/{endpoint}/test"), "").await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    world.deliver.drain().await.unwrap();
    let delivery = sent.json()["delivery_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/deliveries/{delivery}");
    seen.call(&world, "GET", &path, "").await;
    seen.call(&world, "GET", &format!("{path}/attempts"), "").await;
    seen.call(&world, "POST", &format!("{path}/replay"), "").await;
    let list = format!(
        "/api/v1/deliveries?endpoint_id={endpoint}&status=pending&event_type=endpoint.test\
         &since=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"
    );
    assert_eq!(world.get(&list).await.json()["data"][0]["id"], delivery.as_str());
    assert_eq!(world.get("/api/v1/deliveries?status=dead").await.json()["data"], serde_json::json!([]));
    insta::assert_snapshot!(seen.0, @"");
}

#[tokio::test]
async fn projects_sessions_and_event_types() {
    let world = World::new().await;
    let mut seen = Transcript::default();
    seen.call(&world, "POST", "/api/v1/projects", r#"{"name": "one"}"#).await;
    seen.call(&world, "GET", "/api/v1/projects", "").await;
    seen.call(&world, "POST", "/api/v1/sessions", r#"{"id": "chat-1", "label": "l", "metadata": {"a": 1}}"#)
        .await;
    seen.call(&world, "POST", "/api/v1/sessions", "{}").await;
    seen.call(&world, "PATCH", "/api/v1/sessions/chat-1", r#"{"label": null}"#).await;
    seen.call(&world, "GET", "/api/v1/sessions/chat-1", "").await;
    seen.call(&world, "GET", "/api/v1/sessions", "").await;
    seen.call(&world, "DELETE", "/api/v1/sessions/chat-1", "").await;
    let put = r#"{"description": "d", "schema": {"type": "object", "required": ["n"]}}"#;
    seen.call(&world, "PUT", "/api/v1/event-types/message.created", put).await;
    seen.call(&world, "GET", "/api/v1/event-types", "").await;
    seen.call(&world, "POST", "/api/v1/events", r#"{"type": "message.created", "payload": {}}"#).await;
    insta::assert_snapshot!(seen.0, @"");
}

#[tokio::test]
async fn keys_are_shown_once_and_end_at_once() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    let body = r#"{"name": "reader", "environment": "test", "capabilities": ["read"], "style": "sonzai"}"#;
    let id = seen.call(&world, "POST", "/api/v1/keys", body).await;
    seen.call(&world, "GET", "/api/v1/keys?limit=1", "").await;
    seen.call(&world, "DELETE", &format!("/api/v1/keys/{id}"), "").await;
    let made = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["read"]}"#).await.json();
    let admin = std::mem::replace(&mut world.key, made["key"].as_str().unwrap().to_owned());
    assert_eq!(world.get("/api/v1/events").await.status, 200);
    let reader = std::mem::replace(&mut world.key, admin);
    world.call("DELETE", &format!("/api/v1/keys/{}", made["id"].as_str().unwrap()), "").await;
    world.key = reader;
    assert_eq!(world.get("/api/v1/events").await.slug(), "unauthenticated");
    insta::assert_snapshot!(seen.0, @"");
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::new().await;
    for label in ["a", "b", "c"] {
        world.make("/api/v1/sessions", &format!(r#"{{"id": "{label}"}}"#)).await;
        world.make("/api/v1/events", &format!(r#"{{"type": "t", "payload": 1, "id": "{label}"}}"#)).await;
        world.make("/api/v1/projects", &format!(r#"{{"name": "{label}"}}"#)).await;
        world.endpoint().await;
        world.call("PUT", &format!("/api/v1/event-types/{label}"), "{}").await;
    }
    for list in ["sessions", "events", "projects", "endpoints", "event-types"] {
        let mut path = format!("/api/v1/{list}?limit=2");
        let mut count = 0;
        loop {
            let page = world.get(&path).await.json();
            count += page["data"].as_array().unwrap().len();
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/v1/{list}?limit=2&cursor={cursor}");
        }
        assert_eq!(count, 3, "{list}");
    }
}

#[tokio::test]
async fn header_values_are_for_those_who_manage() {
    use posthouse_types::{Capability, Environment};
    let mut world = World::new().await;
    let id =
        world.make("/api/v1/endpoints", r#"{"url": "https://e.com/", "headers": {"x-a": "s3cret"}}"#).await;
    let path = format!("/api/v1/endpoints/{id}");
    assert_eq!(world.get(&path).await.json()["headers"]["x-a"], "s3cret");
    world.key = world.key_of("acme", Environment::Live, &[Capability::Read]).await;
    assert_eq!(world.get(&path).await.json()["headers"]["x-a"], "[redacted]");
    assert!(!world.get("/api/v1/endpoints").await.text().contains("s3cret"));
    assert_eq!(world.get(&format!("{path}/secret")).await.slug(), "forbidden");
}

#[tokio::test]
async fn probes_documents_and_pages_need_no_key() {
    let mut world = World::new().await;
    world.key = String::new();
    assert_eq!(world.get("/healthz").await.text(), r#"{"status":"ok"}"#);
    assert_eq!(world.get("/readyz").await.text(), r#"{"status":"ready"}"#);
    assert_eq!(world.get("/openapi/native.json").await.json()["openapi"], "3.1.0");
    assert!(world.get("/docs/").await.text().contains("swagger-ui"));
    assert!(world.get("/errors/invalid").await.text().contains("not valid"));
    assert_eq!(world.get("/errors/none").await.status, 404);
}
