//! What is refused, how, and where it says the fault is.

use axum::body::Body;
use axum::http::{Method, Request, header};
use posthouse_types::{Capability, Environment};

use crate::world::{World, request};

/// Method, path, body; the slug and the locations of the answer. `{ep}`, `{dlv}` stand for ids of ours.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const EVENTS: &[Row] = &[
    ("POST", "events", "{", "malformed", &["body"]),
    ("POST", "events", "{\"type\": \"a\", \"payload\": 1} x", "malformed", &["body"]),
    ("POST", "events", "{\"type\": \"a\", \"payload\": NaN}", "malformed", &["body"]),
    ("POST", "events", "{\"type\": \"a\", \"payload\": 01}", "malformed", &["body"]),
    ("POST", "events", "{\"type\": \"a\", \"payload\": {'x': 1}}", "malformed", &["body"]),
    ("POST", "events", "{\"type\": \"a\", \"payload\": 1,}", "malformed", &["body"]),
    ("POST", "events", "[]", "invalid", &["body"]),
    ("POST", "events", r#"["a", 1]"#, "invalid", &["body"]),
    ("POST", "events", "null", "invalid", &["body"]),
    ("POST", "events", r#""text""#, "invalid", &["body"]),
    ("POST", "events", "{}", "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "a"}"#, "invalid", &["body.payload"]),
    ("POST", "events", r#"{"payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": 5, "payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "", "payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "a b", "payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "a..b", "payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "a", "type": "b", "payload": 1}"#, "invalid", &["body.type"]),
    ("POST", "events", r#"{"type": "a", "payload": 1, "payload": 2}"#, "invalid", &["body.payload"]),
    ("POST", "events", r#"{"type": "a", "payload": 1, "typ": 2}"#, "invalid", &["body.typ"]),
    ("POST", "events", r#"{"type": "a", "payload": 1, "session_id": ""}"#, "invalid", &["body.session_id"]),
    ("POST", "events", r#"{"type": "a", "payload": 1, "session_id": 7}"#, "invalid", &["body.session_id"]),
    ("POST", "events", r#"{"type": "a", "payload": 1, "id": "a b"}"#, "invalid", &["body.id"]),
    (
        "POST",
        "events",
        r#"{"type": "a", "payload": 1, "id": "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
        "invalid",
        &["body.id"],
    ),
    (
        "POST",
        "events",
        r#"{"type": "a", "payload": 1, "occurred_at": "now"}"#,
        "invalid",
        &["body.occurred_at"],
    ),
    (
        "POST",
        "events",
        r#"{"type": "a", "payload": 1, "ordering_key": "\n"}"#,
        "invalid",
        &["body.ordering_key"],
    ),
    (
        "POST",
        "events",
        r#"{"type": "", "payload": 1, "id": "", "project_id": "x"}"#,
        "invalid",
        &["body.type", "body.project_id", "body.id"],
    ),
    (
        "POST",
        "events",
        r#"{"type": "a", "payload": 1, "project_id": "0b6dd7c2-6c2a-4c86-9bb0-6f0a4f6c1c7d"}"#,
        "invalid",
        &["body.project_id"],
    ),
    ("POST", "events/batch", "{}", "invalid", &["body.events"]),
    ("POST", "events/batch", r#"{"events": []}"#, "invalid", &["body.events"]),
    ("POST", "events/batch", r#"{"events": {}}"#, "invalid", &["body.events"]),
    ("POST", "events/batch", r#"{"events": [7]}"#, "invalid", &["body.events[0]"]),
    ("POST", "events/batch", r#"{"events": [["a", 1]]}"#, "invalid", &["body.events[0]"]),
    (
        "POST",
        "events/batch",
        r#"{"events": [{"type": "a", "payload": 1}, {"type": "a"}]}"#,
        "invalid",
        &["body.events[1].payload"],
    ),
    (
        "POST",
        "events/batch",
        r#"{"events": [{"type": "a", "payload": 1, "x": 1}]}"#,
        "invalid",
        &["body.events[0].x"],
    ),
];

const ENDPOINTS: &[Row] = &[
    ("POST", "endpoints", "", "unsupported-media-type", &["header.content-type"]),
    ("POST", "endpoints", "{}", "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": null}"#, "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": "nowhere"}"#, "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": "ftp://e.com"}"#, "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": "https://u:p@e.com"}"#, "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": "https://e.com/#x"}"#, "invalid", &["body.url"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "urll": 1}"#, "invalid", &["body.urll"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "events": "*"}"#, "invalid", &["body.events"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "events": []}"#, "invalid", &["body.events"]),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "events": ["a", "*.b"]}"#,
        "invalid",
        &["body.events[1]"],
    ),
    ("POST", "endpoints", r#"{"url": "https://e.com", "wire": "pigeon"}"#, "invalid", &["body.wire"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "ordering": "yes"}"#, "invalid", &["body.ordering"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "timeout_ms": 999}"#, "invalid", &["body.timeout_ms"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "timeout_ms": -1}"#, "invalid", &["body.timeout_ms"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "timeout_ms": "5s"}"#, "invalid", &["body.timeout_ms"]),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "headers": {"Host": "x"}}"#,
        "invalid",
        &["body.headers.Host"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "headers": {"x": "a\r\nb"}}"#,
        "invalid",
        &["body.headers.x"],
    ),
    ("POST", "endpoints", r#"{"url": "https://e.com", "headers": {"x": 1}}"#, "invalid", &["body.headers.x"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "secret": "short"}"#, "invalid", &["body.secret"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "filter": {"a": 1}}"#, "invalid", &["body.filter"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "filter": {}}"#, "invalid", &["body.filter"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "enabled": "yes"}"#, "invalid", &["body.enabled"]),
    ("POST", "endpoints", r#"{"url": "https://e.com", "metadata": []}"#, "invalid", &["body.metadata"]),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "session_id": "none"}"#,
        "invalid",
        &["body.session_id"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "rate_limit": {}}"#,
        "invalid",
        &["body.rate_limit.per_second"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "rate_limit": [5, 5]}"#,
        "invalid",
        &["body.rate_limit"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "rate_limit": {"per_second": 0}}"#,
        "invalid",
        &["body.rate_limit.per_second"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "rate_limit": {"per_second": 1, "brust": 2}}"#,
        "invalid",
        &["body.rate_limit.brust"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": "often"}"#,
        "invalid",
        &["body.retry_policy"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": 3}"#,
        "invalid",
        &["body.retry_policy"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": {}}"#,
        "invalid",
        &["body.retry_policy.policy"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": {"policy": "standard", "attempts": 3}}"#,
        "invalid",
        &["body.retry_policy.attempts"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": {"policy": "linear", "delays_seconds": []}}"#,
        "invalid",
        &["body.retry_policy.delays_seconds"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": "custom"}"#,
        "invalid",
        &["body.retry_policy.delays_seconds"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": {"policy": "linear", "attempts": 51}}"#,
        "invalid",
        &["body.retry_policy.attempts"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "https://e.com", "retry_policy": {"policy": "linear", "jitter": 2}}"#,
        "invalid",
        &["body.retry_policy.jitter"],
    ),
    (
        "POST",
        "endpoints",
        r#"{"url": "x", "wire": "x", "ordering": "x", "events": [""]}"#,
        "invalid",
        &["body.url", "body.events[0]", "body.wire", "body.ordering"],
    ),
    ("PATCH", "endpoints/{ep}", r#"{"url": null}"#, "invalid", &["body.url"]),
    ("PATCH", "endpoints/{ep}", r#"{"enabled": null}"#, "invalid", &["body.enabled"]),
    ("PATCH", "endpoints/{ep}", r#"{"secret": "x"}"#, "invalid", &["body.secret"]),
    ("PATCH", "endpoints/{ep}", r#"{"id": "x"}"#, "invalid", &["body.id"]),
    (
        "POST",
        "endpoints/{ep}/rotate-secret",
        r#"{"overlap_seconds": 99999999}"#,
        "invalid",
        &["body.overlap_seconds"],
    ),
    (
        "POST",
        "endpoints/{ep}/rotate-secret",
        r#"{"overlap_seconds": -1}"#,
        "invalid",
        &["body.overlap_seconds"],
    ),
    ("POST", "endpoints/{ep}/rotate-secret", r#"{"secret": "x"}"#, "invalid", &["body.secret"]),
];

const OTHERS: &[Row] = &[
    ("POST", "projects", r#"{"name": null}"#, "invalid", &["body.name"]),
    ("POST", "projects", r#"{"name": ""}"#, "invalid", &["body.name"]),
    ("POST", "projects", r#"{"name": "a", "id": "7"}"#, "invalid", &["body.id"]),
    ("POST", "sessions", r#"{"id": "a b"}"#, "invalid", &["body.id"]),
    ("POST", "sessions", r#"{"id": "taken"}"#, "conflict", &["body.id"]),
    ("POST", "sessions", r#"{"metadata": 1}"#, "invalid", &["body.metadata"]),
    ("PATCH", "sessions/taken", r#"{"id": "other"}"#, "invalid", &["body.id"]),
    ("POST", "keys", r#"{"name": "n"}"#, "invalid", &["body.capabilities"]),
    ("POST", "keys", r#"{"name": "n", "capabilities": []}"#, "invalid", &["body.capabilities"]),
    (
        "POST",
        "keys",
        r#"{"name": "n", "capabilities": ["read", "all"]}"#,
        "invalid",
        &["body.capabilities[1]"],
    ),
    (
        "POST",
        "keys",
        r#"{"name": "n", "capabilities": ["read"], "environment": "prod"}"#,
        "invalid",
        &["body.environment"],
    ),
    ("POST", "keys", r#"{"name": "n", "capabilities": ["read"], "style": "x"}"#, "invalid", &["body.style"]),
    ("PUT", "event-types/a%20b", "{}", "invalid", &["path.type"]),
    ("PUT", "event-types/%FF", "{}", "invalid", &["path.type"]),
    ("PUT", "event-types/a", r#"{"schema": {"type": "nothing"}}"#, "invalid", &["body.schema"]),
    ("GET", "events/none", "", "not-found", &[]),
    ("GET", "events/%FF", "", "not-found", &[]),
    ("GET", "events/a%20b/explain", "", "not-found", &[]),
    ("GET", "endpoints/x", "", "not-found", &[]),
    ("GET", "endpoints/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "not-found", &[]),
    ("GET", "endpoints/{dlv}", "", "not-found", &[]),
    ("PATCH", "endpoints/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{}", "not-found", &[]),
    ("DELETE", "endpoints/x", "", "not-found", &[]),
    ("GET", "deliveries/{ep}", "", "not-found", &[]),
    ("GET", "deliveries/x/attempts", "", "not-found", &[]),
    ("POST", "deliveries/x/replay", "", "not-found", &[]),
    ("GET", "deliveries/{dlv}/attempts?page=2", "", "invalid", &["query.page"]),
    ("GET", "deliveries/{dlv}/attempts?limit=0", "", "invalid", &["query.limit"]),
    ("GET", "deliveries/{dlv}/attempts?cursor=ZXZ0Xw", "", "malformed", &["query.cursor"]),
    ("POST", "deliveries/{dlv}/replay", r#"{"delay": 1}"#, "invalid", &["body.delay"]),
    ("POST", "endpoints/{ep}/test", r#"{"type": "mine"}"#, "invalid", &["body.type"]),
    ("POST", "endpoints/{ep}/test", "[]", "invalid", &["body"]),
    ("POST", "endpoints/{ep}/test", "{", "malformed", &["body"]),
    ("GET", "sessions/none", "", "not-found", &[]),
    ("DELETE", "keys/key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "not-found", &[]),
    ("GET", "events?limit=0", "", "invalid", &["query.limit"]),
    ("GET", "events?limit=501", "", "invalid", &["query.limit"]),
    ("GET", "endpoints?limit=ten", "", "invalid", &["query.limit"]),
    ("GET", "events?limit=1&limit=2", "", "invalid", &["query.limit"]),
    ("GET", "events?cursor=!", "", "malformed", &["query.cursor"]),
    ("GET", "deliveries?cursor=ZXZ0Xw", "", "malformed", &["query.cursor"]),
    ("GET", "events?type=a%20b", "", "invalid", &["query.type"]),
    ("GET", "events?kind=a", "", "invalid", &["query.kind"]),
    (
        "GET",
        "deliveries?endpoint_id=x&status=lost&since=today",
        "",
        "invalid",
        &["query.endpoint_id", "query.status", "query.since"],
    ),
    ("GET", "sessions?project_id=7", "", "invalid", &["query.project_id"]),
    ("GET", "stream?types=a,*b", "", "invalid", &["query.types"]),
    ("GET", "stream?last_event_id=a%20b", "", "invalid", &["query.last_event_id"]),
    ("GET", "stream?last_event_id=none", "", "not-found", &[]),
    ("GET", "stream?access_token=x", "", "invalid", &["query.access_token"]),
];

async fn check(rows: &[Row]) {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    let sent = world.post(&format!("/api/v1/endpoints/{endpoint}/test"), "").await.json();
    let delivery = sent["delivery_id"].as_str().unwrap();
    world.make("/api/v1/sessions", r#"{"id": "taken"}"#).await;
    for (method, path, body, slug, locations) in rows {
        let path = path.replace("{ep}", &endpoint).replace("{dlv}", delivery);
        let answer = world.call(method, &format!("/api/v1/{path}"), body).await;
        let at = format!("{method} {path} {body}: {}", answer.text());
        assert!(answer.status.is_client_error(), "{at}");
        assert_eq!(answer.slug(), *slug, "{at}");
        assert_eq!(answer.locations(), *locations, "{at}");
    }
}

#[tokio::test]
async fn bad_events_are_refused() {
    check(EVENTS).await;
}

#[tokio::test]
async fn bad_endpoints_are_refused() {
    check(ENDPOINTS).await;
}

#[tokio::test]
async fn everything_else_that_is_bad_is_refused() {
    check(OTHERS).await;
}

#[tokio::test]
async fn bodies_of_another_type_are_refused() {
    let world = World::new().await;
    for (path, media, encoding, status) in [
        ("events", "application/json; charset=utf-8", "identity", 202),
        ("events", "application/cloudevents+json", "identity", 202),
        ("events", "APPLICATION/JSON", "identity", 202),
        ("events", "text/plain", "identity", 415),
        ("events", "application/x-www-form-urlencoded", "identity", 415),
        ("events", "application/x-ndjson", "identity", 415),
        ("events", "application/json", "gzip", 415),
        ("events/batch", "text/json", "identity", 415),
        ("endpoints", "multipart/form-data", "identity", 415),
    ] {
        let request = world.request(Method::POST, &format!("/api/v1/{path}"));
        let request = request.header(header::CONTENT_TYPE, media).header(header::CONTENT_ENCODING, encoding);
        let answer = world.send(request.body(Body::from(r#"{"type": "a", "payload": 1}"#)).unwrap()).await;
        assert_eq!(answer.status, status, "{path} {media} {encoding}");
        if status == 415 {
            assert_eq!(answer.slug(), "unsupported-media-type");
        }
    }
}

#[tokio::test]
async fn callers_without_a_good_key_are_refused() {
    let world = World::new().await;
    let unknown = format!("Bearer sk_live_{}", "0".repeat(64));
    let long = format!("Bearer {}", "a".repeat(1000));
    let basic = format!("Basic {}", world.key);
    for value in ["", "Bearer", "Bearer ", "Bearer a b", "token", &world.key, &basic, &unknown, &long] {
        let request = Request::get("/api/v1/events").header(header::AUTHORIZATION, value);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (401, "unauthenticated"), "{value}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let twice = request(&world.key, Method::GET, "/api/v1/events");
    let twice = twice.header(header::AUTHORIZATION, "Bearer x").body(Body::empty()).unwrap();
    assert_eq!(world.send(twice).await.slug(), "unauthenticated");
    let spelled = Request::get("/api/v1/events");
    let spelled = spelled.header(header::AUTHORIZATION, format!("bearer  {}", world.key));
    assert_eq!(world.send(spelled.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn bad_idempotency_keys_are_refused() {
    let world = World::new().await;
    let long = "k".repeat(257);
    for value in ["", "two words", "ü", long.as_str()] {
        let request =
            world.request(Method::POST, "/api/v1/events").header("idempotency-key", value.as_bytes());
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = world.send(request.body(Body::from(r#"{"type": "a", "payload": 1}"#)).unwrap()).await;
        assert_eq!(
            (answer.slug().as_str(), answer.locations()),
            ("invalid", vec!["header.idempotency-key".into()])
        );
    }
}

#[tokio::test]
async fn a_key_does_only_what_it_may() {
    let mut world = World::new().await;
    let endpoint = world.endpoint().await;
    world.key = world.key_of("acme", Environment::Live, &[Capability::Send]).await;
    let event = r#"{"type": "a", "payload": 1}"#;
    for (method, path, body) in [
        ("POST", "events", event),
        ("GET", "events", ""),
        ("POST", "endpoints", r#"{"url": "https://e.com"}"#),
        ("GET", "endpoints/{ep}", ""),
        ("PATCH", "endpoints/{ep}", "{}"),
        ("DELETE", "endpoints/{ep}", ""),
        ("POST", "endpoints/{ep}/rotate-secret", ""),
        ("POST", "endpoints/{ep}/test", ""),
        ("GET", "deliveries", ""),
        ("POST", "projects", r#"{"name": "a"}"#),
        ("POST", "sessions", "{}"),
        ("GET", "keys", ""),
        ("POST", "keys", r#"{"name": "n", "capabilities": ["send"]}"#),
        ("PUT", "event-types/a", "{}"),
        ("GET", "stream", ""),
    ] {
        let path = format!("/api/v1/{}", path.replace("{ep}", &endpoint));
        let answer = world.call(method, &path, body).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (403, "forbidden"), "{method} {path}");
    }
    world.key = world.key_of("acme", Environment::Live, &[Capability::Admin]).await;
    let more = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["manage"]}"#).await;
    assert_eq!(more.locations(), ["body.capabilities"]);
}

#[tokio::test]
async fn what_a_caller_sent_is_repeated_in_small_pieces_only() {
    let world = World::new().await;
    let long = "ü".repeat(400_000);
    let many = "x".repeat(30_000);
    let name = format!(r#"{{"{long}": 1}}"#);
    for (method, path, body) in [
        ("POST", "events".to_owned(), name.clone()),
        ("POST", "endpoints".to_owned(), name.clone()),
        ("POST", "endpoints".to_owned(), format!(r#"{{"url": "https://e.com", "retry_policy": {name}}}"#)),
        ("POST", "endpoints".to_owned(), format!(r#"{{"url": "https://e.com", "metadata": "{long}"}}"#)),
        ("POST", "endpoints".to_owned(), format!(r#"{{"url": "https://e.com", "headers": {name}}}"#)),
        (
            "POST",
            "endpoints".to_owned(),
            format!(
                r#"{{"url": "https://e.com", "headers": {{"{many}": "a"}}, "events": ["{long}"],
                    "retry_policy": {{"policy": "standard", "delay_seconds": 1}}}}"#
            ),
        ),
        ("POST", "events".to_owned(), format!(r#"{{"type": "{long}", "payload": 1}}"#)),
        ("POST", "events/batch".to_owned(), format!(r#"{{"events": [{name}]}}"#)),
        ("GET", format!("events?{many}=1"), String::new()),
        ("GET", format!("events?{many}=1&{many}=2"), String::new()),
        ("GET", format!("events?cursor={many}"), String::new()),
        ("GET", format!("events/{many}"), String::new()),
    ] {
        let answer = world.call(method, &format!("/api/v1/{path}"), &body).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        let problem = answer.json();
        for text in [&problem["detail"], &problem["errors"]] {
            assert!(text.to_string().chars().count() < 2000, "{text}");
        }
    }
    let answer = world.post("/api/v1/events", &name).await;
    let location = &answer.locations()[0];
    assert_eq!(location.chars().count(), 200);
    assert!(location.starts_with("body.üü") && location.ends_with("ü…"), "{location}");
}
