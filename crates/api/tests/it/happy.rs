//! Every operation as it should be: what a client sees.

use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use posthouse_testkit::answer;
use posthouse_types::{Capability, Environment, Outcome};

use crate::world::{Transcript, World};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the snapshot")]
async fn endpoints_live_and_die() {
    let world = World::new().await;
    let mut seen = Transcript::default();
    let full = r#"{"url": "https://example.com/a", "events": ["message.*", "x"], "description": "d",
        "wire": "standard", "headers": {"X-Team": "blue"}, "retry_policy": {"policy": "linear", "attempts": 3},
        "rate_limit": {"per_second": 5}, "ordering": "session", "timeout_ms": 2000, "filter": {"/a": 1},
        "enabled": true, "metadata": {"n": 1}}"#;
    let id = seen.call(&world, "POST", "/api/v1/endpoints", full).await;
    let path = format!("/api/v1/endpoints/{id}");
    let change = r#"{"url": "https://example.com/b", "retry_policy": null, "rate_limit": null, "filter": null,
        "headers": null, "description": null, "enabled": false}"#;
    seen.call(&world, "PATCH", &path, change).await;
    seen.call(&world, "GET", "/api/v1/endpoints?limit=1", "").await;
    seen.call(&world, "DELETE", &path, "").await;
    seen.call(&world, "GET", &path, "").await;
    insta::assert_snapshot!(seen.0, @r#"
    POST /api/v1/endpoints {"url": "https://example.com/a", "events": ["message.*", "x"], "description": "d",
            "wire": "standard", "headers": {"X-Team": "blue"}, "retry_policy": {"policy": "linear", "attempts": 3},
            "rate_limit": {"per_second": 5}, "ordering": "session", "timeout_ms": 2000, "filter": {"/a": 1},
            "enabled": true, "metadata": {"n": 1}}
    201
      created_at: "2026-01-01T00:00:00.000Z"
      description: "d"
      enabled: true
      events: ["message.*","x"]
      filter: {"/a":1}
      headers: {"X-Team":"blue"}
      health: {"consecutive_failures":0,"disabled_reason":null,"failing_since":null,"last_success_at":null,"open_until":null,"state":"healthy"}
      id: "[ep]"
      metadata: {"n":1}
      ordering: "session"
      project_id: null
      rate_limit: {"burst":5,"per_second":5}
      retry_policy: {"attempts":3,"cap_seconds":21600,"delay_seconds":2,"jitter":0.1,"policy":"linear"}
      secret: "[secret]"
      session_id: null
      timeout_ms: 2000
      updated_at: "2026-01-01T00:00:00.000Z"
      url: "https://example.com/a"
      wire: "standard"
    PATCH /api/v1/endpoints/[ep] {"url": "https://example.com/b", "retry_policy": null, "rate_limit": null, "filter": null,
            "headers": null, "description": null, "enabled": false}
    200
      created_at: "2026-01-01T00:00:00.000Z"
      description: ""
      enabled: false
      events: ["message.*","x"]
      filter: null
      headers: {}
      health: {"consecutive_failures":0,"disabled_reason":null,"failing_since":null,"last_success_at":null,"open_until":null,"state":"disabled"}
      id: "[ep]"
      metadata: {"n":1}
      ordering: "session"
      project_id: null
      rate_limit: null
      retry_policy: {"jitter":0.1,"policy":"standard"}
      session_id: null
      timeout_ms: 2000
      updated_at: "2026-01-01T00:00:00.000Z"
      url: "https://example.com/b"
      wire: "standard"
    GET /api/v1/endpoints?limit=1
    200
      - created_at: "2026-01-01T00:00:00.000Z"
      - description: ""
      - enabled: false
      - events: ["message.*","x"]
      - filter: null
      - headers: {}
      - health: {"consecutive_failures":0,"disabled_reason":null,"failing_since":null,"last_success_at":null,"open_until":null,"state":"disabled"}
      - id: "[ep]"
      - metadata: {"n":1}
      - ordering: "session"
      - project_id: null
      - rate_limit: null
      - retry_policy: {"jitter":0.1,"policy":"standard"}
      - session_id: null
      - timeout_ms: 2000
      - updated_at: "2026-01-01T00:00:00.000Z"
      - url: "https://example.com/b"
      - wire: "standard"
      next_cursor: null
    DELETE /api/v1/endpoints/[ep]
    204
    GET /api/v1/endpoints/[ep]
    404
      detail: "there is no endpoint [ep]"
      errors: []
      instance: "/api/v1/endpoints/[ep]"
      status: 404
      title: "Not found"
      type: "/errors/not-found"
    "#);
}

#[tokio::test]
async fn secrets_are_revealed_and_rotated() {
    let world = World::new().await;
    let mut seen = Transcript::default();
    let path = format!("/api/v1/endpoints/{}", world.endpoint().await);
    seen.call(&world, "GET", &format!("{path}/secret"), "").await;
    seen.call(&world, "POST", &format!("{path}/rotate-secret"), "").await;
    assert_eq!(world.post(&format!("{path}/rotate-secret"), "null").await.status, 200);
    let rotate = r#"{"overlap_seconds": 0, "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#;
    seen.call(&world, "POST", &format!("{path}/rotate-secret"), rotate).await;
    assert!(world.get(&format!("{path}/secret")).await.text().contains("whsec_AAAA"));
    insta::assert_snapshot!(seen.0, @r#"
    GET /api/v1/endpoints/[ep]/secret
    200
      secret: "[secret]"
    POST /api/v1/endpoints/[ep]/rotate-secret
    200
      overlap_seconds: 86400
      secret: "[secret]"
    POST /api/v1/endpoints/[ep]/rotate-secret {"overlap_seconds": 0, "secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    200
      overlap_seconds: 0
      secret: "[secret]"
    "#);
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
    insta::assert_snapshot!(policies, @r#"
    "standard" → {"policy":"standard","jitter":0.1}
    "exponential" → {"policy":"exponential","delay_seconds":2,"attempts":15,"cap_seconds":21600,"jitter":0.1}
    {"policy": "constant", "delay_seconds": 7, "attempts": 4, "cap_seconds": 60, "jitter": 0} → {"policy":"constant","delay_seconds":7,"attempts":4,"cap_seconds":60,"jitter":0.0}
    {"policy": "custom", "delays_seconds": [0, 60]} → {"policy":"custom","delays_seconds":[0,60],"jitter":0.1}
    "#);
}

#[tokio::test]
async fn events_are_delivered_and_explained() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    let steady = r#"{"policy": "constant", "delay_seconds": 60, "jitter": 0}"#;
    world
        .make("/api/v1/endpoints", &format!(r#"{{"url": "https://e.com/", "retry_policy": {steady}}}"#))
        .await;
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
    insta::assert_snapshot!(seen.0, @r#"
    POST /api/v1/events {"type": "message.created", "payload": {"n":1.50, "ü": []}, "session_id": "chat-1",
            "ordering_key": "k", "occurred_at": "2025-12-31T23:00:00+01:00", "id": "order-17"}
    202
      created_at: "2026-01-01T00:00:00.000Z"
      deliveries: 1
      id: "order-17"
      type: "message.created"
    GET /api/v1/events/order-17
    200
      created_at: "2026-01-01T00:00:00.000Z"
      id: "order-17"
      occurred_at: "2025-12-31T22:00:00.000Z"
      ordering_key: "k"
      payload: {"n":1.5,"ü":[]}
      project_id: null
      session_id: "chat-1"
      type: "message.created"
    GET /api/v1/events?type=message.created
    200
      - created_at: "2026-01-01T00:00:00.000Z"
      - id: "order-17"
      - occurred_at: "2025-12-31T22:00:00.000Z"
      - ordering_key: "k"
      - payload: {"n":1.5,"ü":[]}
      - project_id: null
      - session_id: "chat-1"
      - type: "message.created"
      next_cursor: null
    GET /api/v1/events/order-17/explain
    200
      endpoints: [{"delivery_id":"[dlv]","endpoint_id":"[ep]","reason":"waits for attempt 2 at 2026-01-01T00:01:00.000Z","verdict":"waiting"}]
      event_id: "order-17"
    "#);
}

#[tokio::test]
async fn deliveries_show_each_attempt_and_go_again() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    let endpoint =
        world.make("/api/v1/endpoints", r#"{"url": "https://example.com/", "headers": {"x-a": "b"}}"#).await;
    let mut report = answer(Outcome::Delivered { status: 200 });
    report.response_headers.insert("x-seen", HeaderValue::from_static("yes"));
    report.response_body = Bytes::from_static(b"\xff\xfe");
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
    insta::assert_snapshot!(seen.0, @r#"
    GET /api/v1/deliveries/[dlv]
    200
      attempts: 1
      created_at: "2026-01-01T00:00:00.000Z"
      endpoint_id: "[ep]"
      event_id: "[evt]"
      event_type: "endpoint.test"
      finished_at: "2026-01-01T00:00:00.000Z"
      id: "[dlv]"
      next_attempt_at: null
      status: "succeeded"
      waiting_for_order: false
    GET /api/v1/deliveries/[dlv]/attempts
    200
      - duration_ms: 3
      - error: null
      - id: "[att]"
      - number: 1
      - outcome: "delivered"
      - request_body: "{\"type\":\"endpoint.test\",\"endpoint_id\":\"[ep]\",\"timestamp\":\"2026-01-01T00:00:00.000Z\"}"
      - request_headers: {"content-type":"application/json","user-agent":"Posthouse/0.1.0","webhook-id":"[evt]","webhook-signature":"[signature]","webhook-timestamp":"1767225600","x-a":"[redacted]"}
      - response_body: "//4="
      - response_body_encoding: "base64"
      - response_headers: {"x-seen":"yes"}
      - response_status: 200
      - started_at: "2026-01-01T00:00:00.000Z"
      - url: "https://example.com/"
      - wire: "standard"
      next_cursor: null
    POST /api/v1/deliveries/[dlv]/replay
    202
      attempts: 1
      created_at: "2026-01-01T00:00:00.000Z"
      endpoint_id: "[ep]"
      event_id: "[evt]"
      event_type: "endpoint.test"
      finished_at: null
      id: "[dlv]"
      next_attempt_at: "2026-01-01T00:00:00.000Z"
      status: "pending"
      waiting_for_order: false
    "#);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the snapshot")]
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
    insta::assert_snapshot!(seen.0, @r#"
    POST /api/v1/projects {"name": "one"}
    201
      created_at: "2026-01-01T00:00:00.000Z"
      id: "[uuid]"
      name: "one"
    GET /api/v1/projects
    200
      - created_at: "2026-01-01T00:00:00.000Z"
      - id: "[uuid]"
      - name: "one"
      next_cursor: null
    POST /api/v1/sessions {"id": "chat-1", "label": "l", "metadata": {"a": 1}}
    201
      agent_id: null
      created_at: "2026-01-01T00:00:00.000Z"
      id: "chat-1"
      label: "l"
      metadata: {"a":1}
      project_id: null
      source_id: null
      updated_at: "2026-01-01T00:00:00.000Z"
    POST /api/v1/sessions {}
    201
      agent_id: null
      created_at: "2026-01-01T00:00:00.000Z"
      id: "[ses]"
      label: ""
      metadata: {}
      project_id: null
      source_id: null
      updated_at: "2026-01-01T00:00:00.000Z"
    PATCH /api/v1/sessions/chat-1 {"label": null}
    200
      agent_id: null
      created_at: "2026-01-01T00:00:00.000Z"
      id: "chat-1"
      label: ""
      metadata: {"a":1}
      project_id: null
      source_id: null
      updated_at: "2026-01-01T00:00:00.000Z"
    GET /api/v1/sessions/chat-1
    200
      agent_id: null
      created_at: "2026-01-01T00:00:00.000Z"
      id: "chat-1"
      label: ""
      metadata: {"a":1}
      project_id: null
      source_id: null
      updated_at: "2026-01-01T00:00:00.000Z"
    GET /api/v1/sessions
    200
      - agent_id: null
      - created_at: "2026-01-01T00:00:00.000Z"
      - id: "[ses]"
      - label: ""
      - metadata: {}
      - project_id: null
      - source_id: null
      - updated_at: "2026-01-01T00:00:00.000Z"
      - agent_id: null
      - created_at: "2026-01-01T00:00:00.000Z"
      - id: "chat-1"
      - label: ""
      - metadata: {"a":1}
      - project_id: null
      - source_id: null
      - updated_at: "2026-01-01T00:00:00.000Z"
      next_cursor: null
    DELETE /api/v1/sessions/chat-1
    204
    PUT /api/v1/event-types/message.created {"description": "d", "schema": {"type": "object", "required": ["n"]}}
    200
      created_at: "2026-01-01T00:00:00.000Z"
      description: "d"
      schema: {"required":["n"],"type":"object"}
      type: "message.created"
      updated_at: "2026-01-01T00:00:00.000Z"
    GET /api/v1/event-types
    200
      - created_at: "2026-01-01T00:00:00.000Z"
      - description: "d"
      - schema: {"required":["n"],"type":"object"}
      - type: "message.created"
      - updated_at: "2026-01-01T00:00:00.000Z"
      next_cursor: null
    POST /api/v1/events {"type": "message.created", "payload": {}}
    422
      detail: "body.payload: \"n\" is a required property"
      errors: [{"location":"body.payload","message":"\"n\" is a required property"}]
      instance: "/api/v1/events"
      status: 422
      title: "Members of the request are not valid"
      type: "/errors/invalid"
    "#);
}

#[tokio::test]
async fn keys_are_shown_once_and_end_at_once() {
    let mut world = World::new().await;
    let mut seen = Transcript::default();
    // The live key made first is not in the list.
    world.key = world.key_of("acme", Environment::Test, &Capability::ALL).await;
    world.clock.advance(Duration::from_secs(1));
    let body = r#"{"name": "reader", "environment": "test", "capabilities": ["read"], "style": "sonzai"}"#;
    let id = seen.call(&world, "POST", "/api/v1/keys", body).await;
    seen.call(&world, "GET", "/api/v1/keys", "").await;
    seen.call(&world, "DELETE", &format!("/api/v1/keys/{id}"), "").await;
    let made = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["read"]}"#).await.json();
    let admin = std::mem::replace(&mut world.key, made["key"].as_str().unwrap().to_owned());
    assert_eq!(world.get("/api/v1/events").await.status, 200);
    let reader = std::mem::replace(&mut world.key, admin);
    world.call("DELETE", &format!("/api/v1/keys/{}", made["id"].as_str().unwrap()), "").await;
    world.key = reader;
    assert_eq!(world.get("/api/v1/events").await.slug(), "unauthenticated");
    insta::assert_snapshot!(seen.0, @r#"
    POST /api/v1/keys {"name": "reader", "environment": "test", "capabilities": ["read"], "style": "sonzai"}
    201
      capabilities: ["read"]
      created_at: "2026-01-01T00:00:01.000Z"
      environment: "test"
      hint: "[hint]"
      id: "[key]"
      key: "[key]"
      name: "reader"
      project_id: null
    GET /api/v1/keys
    200
      - capabilities: ["read"]
      - created_at: "2026-01-01T00:00:01.000Z"
      - environment: "test"
      - hint: "[hint]"
      - id: "[key]"
      - name: "reader"
      - project_id: null
      - capabilities: ["manage","publish","send","read","admin"]
      - created_at: "2026-01-01T00:00:00.000Z"
      - environment: "test"
      - hint: "[hint]"
      - id: "[key]"
      - name: "test"
      - project_id: null
      next_cursor: null
    DELETE /api/v1/keys/[key]
    204
    "#);
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
