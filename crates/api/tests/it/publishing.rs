//! Publishing: all or nothing, idempotent, by lines, byte for byte.

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::json;

use crate::world::{Answer, World};

async fn publish(world: &World, path: &str, key: Option<&str>, media: &str, body: impl Into<Body>) -> Answer {
    let mut request = world.request(Method::POST, path).header(header::CONTENT_TYPE, media);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    world.send(request.body(body.into()).unwrap()).await
}

async fn events(world: &World) -> usize {
    world.get("/api/v1/events").await.json()["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_has_its_first_answer() {
    let world = World::new().await;
    let (path, media) = ("/api/v1/events", "application/json");
    let body = r#"{"type": "a", "payload": 1}"#;
    let first = publish(&world, path, Some("k-1"), media, body).await;
    assert_eq!((first.status.as_u16(), first.headers.get("idempotent-replayed")), (202, None));
    let second = publish(&world, path, Some("k-1"), media, body).await;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    let other = publish(&world, path, Some("k-1"), media, r#"{"type": "a", "payload": 2}"#).await;
    assert_eq!((other.status.as_u16(), other.slug().as_str()), (409, "idempotency-key-reused"));
    let third = publish(&world, path, Some("k-2"), media, body).await;
    assert_ne!(third.body, first.body);
    assert_eq!(events(&world).await, 2);
}

#[tokio::test]
async fn a_repeated_batch_has_its_first_answer() {
    let world = World::new().await;
    let body = r#"{"events": [{"type": "a", "payload": 1}, {"type": "b", "payload": 2}]}"#;
    let first = publish(&world, "/api/v1/events/batch", Some("k"), "application/json", body).await;
    let second = publish(&world, "/api/v1/events/batch", Some("k"), "application/json", body).await;
    assert_eq!(first.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(first.body, second.body);
    assert_eq!(second.headers["idempotent-replayed"], "true");
}

#[tokio::test]
async fn one_bad_event_refuses_the_batch() {
    let world = World::new().await;
    let body = r#"{"events": [{"type": "a", "payload": 1}, {"type": "no good", "payload": 1},
        {"type": "a", "payload": 1, "project_id": "x"}]}"#;
    let answer = world.post("/api/v1/events/batch", body).await;
    assert_eq!(answer.slug(), "invalid");
    assert_eq!(answer.locations(), ["body.events[1].type", "body.events[2].project_id"]);
    let body =
        r#"{"events": [{"type": "a", "payload": 1, "id": "x"}, {"type": "a", "payload": 1, "id": "x"}]}"#;
    let answer = world.post("/api/v1/events/batch", body).await;
    assert_eq!(answer.slug(), "conflict");
    assert_eq!(answer.locations(), ["body.events[1].id"]);
    assert_eq!(events(&world).await, 0);
}

#[tokio::test]
async fn a_batch_may_be_lines() {
    let world = World::new().await;
    let lines =
        "{\"type\": \"a\", \"payload\": {\"x\" :1}}\n\n  \r\n{\"type\": \"b\", \"payload\": null}\r\n";
    let path = "/api/v1/events/batch";
    let answer = publish(&world, path, None, "application/x-ndjson; charset=utf-8", lines).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["data"][1]["type"], "b");
    assert!(world.get("/api/v1/events").await.text().contains(r#"{"x" :1}"#));
    for (lines, slug, location) in [
        ("{\"type\": \"a\", \"payload\": 1}\n{\"type\": \"a\"}", "invalid", "body[1].payload"),
        ("{\"type\": \"a\", \"payload\": 1}\n{\"type\": ", "malformed", "body[1]"),
        ("{\"type\": \"a\", \"payload\": 1} {}", "malformed", "body[0]"),
        ("\n\n", "invalid", "body.events"),
    ] {
        let answer = publish(&world, path, None, "application/x-ndjson", lines).await;
        assert_eq!(
            (answer.slug().as_str(), answer.locations()),
            (slug, vec![location.to_owned()]),
            "{lines}"
        );
    }
    let many = "{\"type\": \"a\", \"payload\": 1}\n".repeat(1001);
    let answer = publish(&world, path, None, "application/x-ndjson", many).await;
    assert_eq!(answer.locations(), ["body"]);
    assert_eq!(events(&world).await, 2);
}

#[tokio::test]
async fn large_payloads_stay_what_they_were() {
    let world = World::new().await;
    let payload = format!("{{\"text\" :\t\"{}\"}}", "ü".repeat(100_000));
    let body = format!(r#"{{"type": "a", "id": "big", "payload": {payload} }}"#);
    assert_eq!(world.post("/api/v1/events", &body).await.status, 202);
    assert!(world.get("/api/v1/events/big").await.text().contains(&payload));
    let events: Vec<_> = (0..1000).map(|n| json!({"type": "a", "payload": [n, "x".repeat(100)]})).collect();
    let answer = world.post("/api/v1/events/batch", &json!({ "events": events }).to_string()).await;
    assert_eq!(answer.json()["data"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn payloads_nested_without_end_are_refused() {
    let world = World::new().await;
    let nested = |levels: usize| {
        let payload = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"type": "a", "payload": {payload}}}"#)
    };
    assert_eq!(world.post("/api/v1/events", &nested(127)).await.status, 202);
    for levels in [128, 500_000] {
        let answer = world.post("/api/v1/events", &nested(levels)).await;
        assert_eq!(
            (answer.slug().as_str(), answer.locations()),
            ("malformed", vec!["body.payload".to_owned()])
        );
    }
    let metadata = format!(r#"{{"metadata": {}{}}}"#, r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    assert_eq!(world.post("/api/v1/sessions", &metadata).await.slug(), "malformed");
}
