//! Molroo's calls, its errors, and what its receivers get.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use posthouse_testkit::answer;
use posthouse_types::{Capability, DeliveryState, Environment, Outcome};
use serde_json::{Value, json};

use crate::wire_log::WireLog;
use crate::world::World;

const WEBHOOKS: &str = "/molroo/v1/webhook/s1";
const REGISTER: &str =
    r#"{"url":"https://example.com/hook","secret":"whsec_demo_molroo","events":["stage_transition"]}"#;

async fn world() -> World {
    let world = World::new().await;
    world.make("/api/v1/sessions", r#"{"id":"s1"}"#).await;
    world
}

#[tokio::test]
async fn every_call_as_it_goes_over_the_wire() {
    let mut world = world().await;
    let mut log = WireLog::default();
    let id = log.call(&world, "POST", WEBHOOKS, REGISTER).await.json()["id"].as_str().unwrap().to_owned();
    log.call(&world, "GET", WEBHOOKS, "").await;
    let event =
        r#"{"type":"stage_transition","session_id":"s1","id":"evt-golden","payload":{"from":1, "to":2}}"#;
    world.post("/api/v1/events", event).await;
    world.deliver.drain().await.unwrap();
    log.deliveries(&world);
    log.call(&world, "DELETE", &format!("{WEBHOOKS}/{id}"), "").await;
    log.call(&world, "GET", WEBHOOKS, "").await;
    insta::assert_snapshot!("molroo", log.text());
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let world = world().await;
    let other_session = "/molroo/v1/webhook/never-seen";
    let secret =
        |text: &str| json!({"url": "https://a.example/", "secret": text, "events": ["stage_transition"]});
    let events = |events: Value| json!({"url": "https://a.example/", "secret": "12345678", "events": events});
    let url = |text: &str| json!({"url": text, "secret": "12345678", "events": ["stage_transition"]});
    for (path, body, status, code, named) in [
        (WEBHOOKS, "{".to_owned(), 400, "VALIDATION_ERROR", "body is not JSON"),
        (WEBHOOKS, "[]".to_owned(), 400, "VALIDATION_ERROR", "object"),
        (WEBHOOKS, "{}".to_owned(), 400, "VALIDATION_ERROR", "url"),
        (WEBHOOKS, url("nonsense").to_string(), 400, "VALIDATION_ERROR", "url: must be an absolute URL"),
        (
            WEBHOOKS,
            url("http://a.example/").to_string(),
            400,
            "VALIDATION_ERROR",
            "url: must begin with https://",
        ),
        (WEBHOOKS, secret("short").to_string(), 400, "VALIDATION_ERROR", "secret: "),
        (WEBHOOKS, secret(&"x".repeat(257)).to_string(), 400, "VALIDATION_ERROR", "secret: "),
        (WEBHOOKS, events(json!([])).to_string(), 400, "VALIDATION_ERROR", "events: must have 1 to"),
        (WEBHOOKS, events(json!("stage_transition")).to_string(), 400, "VALIDATION_ERROR", "events"),
        (
            WEBHOOKS,
            events(json!(["stage_transition", "nope"])).to_string(),
            400,
            "VALIDATION_ERROR",
            "events[1]: ",
        ),
        (WEBHOOKS, events(json!(["*"])).to_string(), 400, "VALIDATION_ERROR", "events[0]: "),
        (
            WEBHOOKS,
            r#"{"url":"https://a.example/","secret":"12345678","events":["stage_transition"],"x":1}"#
                .to_owned(),
            400,
            "VALIDATION_ERROR",
            "x",
        ),
        (other_session, REGISTER.to_owned(), 404, "NOT_FOUND", "never-seen"),
    ] {
        let answer = world.post(path, &body).await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status.as_u16(), &error["code"], &error["status"]),
            (status, &json!(code), &json!(status)),
            "{body}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(named), "{body}: {message}");
        assert!(!message.contains("body."), "members are named as the caller wrote them: {message}");
    }
    for (method, path) in [
        ("GET", "/molroo/v1/webhook/never-seen"),
        ("DELETE", "/molroo/v1/webhook/s1/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("DELETE", "/molroo/v1/webhook/s1/nonsense"),
        ("DELETE", "/molroo/v1/webhook/never-seen/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("GET", "/molroo/v1/webhook"),
        ("GET", "/molroo/elsewhere"),
        ("GET", "/molroo"),
    ] {
        let answer = world.call(method, path, "").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["code"]),
            (404, &json!("NOT_FOUND")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_key_may_stand_in_either_header_and_needs_its_capability() {
    let world = world().await;
    let with = |name: &'static str, value: String| {
        let request = Request::builder().method(Method::GET).uri(WEBHOOKS).header(name, value);
        request.body(Body::empty()).unwrap()
    };
    let key = world.key_of("acme", Environment::Live, &[Capability::Read]).await;
    assert_eq!(world.send(with("x-api-key", key.clone())).await.status, StatusCode::OK);
    assert_eq!(world.send(with("authorization", format!("Bearer {key}"))).await.status, StatusCode::OK);
    let refused = world.send(with("x-api-key", "mk_live_nonsense".to_owned())).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (StatusCode::UNAUTHORIZED, &json!("UNAUTHORIZED"))
    );
    assert_eq!(refused.headers[header::WWW_AUTHENTICATE], "Bearer");
    let nobody = Request::builder().uri(WEBHOOKS).body(Body::empty()).unwrap();
    assert_eq!(world.send(nobody).await.status, StatusCode::UNAUTHORIZED);

    let request = crate::world::request(&key, Method::POST, WEBHOOKS)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(REGISTER))
        .unwrap();
    let refused = world.send(request).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (StatusCode::FORBIDDEN, &json!("FORBIDDEN"))
    );
}

#[tokio::test]
async fn the_same_url_twice_is_two_webhooks_and_twenty_are_the_limit() {
    let mut world = world().await;
    for _ in 0..20 {
        assert_eq!(world.post(WEBHOOKS, REGISTER).await.status, StatusCode::CREATED);
    }
    let refused = world.post(WEBHOOKS, REGISTER).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["code"]),
        (400, &json!("VALIDATION_ERROR"))
    );
    assert_eq!(world.get(WEBHOOKS).await.json().as_array().unwrap().len(), 20);
    world.post("/api/v1/events", r#"{"type":"stage_transition","session_id":"s1","payload":1}"#).await;
    world.post("/api/v1/events", r#"{"type":"stage_transition","payload":1}"#).await;
    world.deliver.drain().await.unwrap();
    assert_eq!(world.sender.take_sent().len(), 20, "each gets the event of its session, and no other");
}

#[tokio::test]
async fn duplicates_collapse_and_repeats_register_nothing() {
    let world = world().await;
    let body = REGISTER.replace(r#"["stage_transition"]"#, r#"["stage_transition","stage_transition"]"#);
    let post = |key: &'static str| {
        let request = world.request(Method::POST, WEBHOOKS).header(header::CONTENT_TYPE, "application/json");
        request.header("idempotency-key", key).body(Body::from(body.clone())).unwrap()
    };
    let first = world.send(post("once")).await;
    assert_eq!(first.json()["events"], json!(["stage_transition"]));
    assert_eq!(world.send(post("once")).await.json(), first.json());
    assert_ne!(world.send(post("twice")).await.json()["id"], first.json()["id"]);
    assert_eq!(world.get(WEBHOOKS).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_4xx_ends_it_and_a_5xx_is_tried_again() {
    let mut world = world().await;
    world.post(WEBHOOKS, REGISTER).await;
    let event = r#"{"type":"stage_transition","session_id":"s1","payload":1}"#;
    for (status, state) in [(404, DeliveryState::Dead), (500, DeliveryState::Pending)] {
        world.sender.script([answer(Outcome::Refused { status })]);
        world.post("/api/v1/events", event).await;
        world.deliver.drain().await.unwrap();
        let newest = world.get("/api/v1/deliveries?limit=1").await.json()["data"][0].clone();
        assert_eq!(newest["status"], state.as_str(), "{status}");
    }
}

#[tokio::test]
async fn the_native_api_manages_it_with_its_wire_named() {
    let world = world().await;
    let id = world.post(WEBHOOKS, REGISTER).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/endpoints/{id}");
    let endpoint = world.get(&path).await.json();
    assert_eq!((&endpoint["wire"], &endpoint["session_id"]), (&json!("molroo"), &json!("s1")));
    assert_eq!(world.get(&format!("{path}/secret")).await.json()["secret"], "whsec_demo_molroo");
    let refused = world.call("PATCH", &path, r#"{"wire":"standard"}"#).await;
    assert_eq!(refused.locations(), ["body.wire"], "its secret is no standard one");
    assert_eq!(world.call("PATCH", &path, r#"{"description":"mine"}"#).await.status, StatusCode::OK);
    assert_eq!(world.call("DELETE", &path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(WEBHOOKS).await.json(), json!([]));
}

#[tokio::test]
async fn a_host_of_its_own_needs_no_prefix() {
    let hosts = std::sync::Arc::from([("api.molroo.example".to_owned(), "molroo".to_owned())]);
    let options = posthouse_api::ApiOptions { hosts, ..posthouse_api::ApiOptions::default() };
    let world = World::with(posthouse_engine::Options::default(), options).await;
    world.make("/api/v1/sessions", r#"{"id":"s1"}"#).await;
    let get = |path: &str| world.request(Method::GET, path).header(header::HOST, "API.molroo.example:8400");
    let answer = world.send(get("/v1/webhook/s1").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!([])));
    let elsewhere = world.send(get("/api/v1/endpoints").body(Body::empty()).unwrap()).await;
    assert_eq!(elsewhere.json()["error"]["code"], "NOT_FOUND", "the host is the dialect's alone");
    assert_eq!(world.get("/molroo/v1/webhook/s1").await.status, StatusCode::OK);
}
