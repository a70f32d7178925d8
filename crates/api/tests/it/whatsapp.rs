//! The WhatsApp Gateway dialect: webhooks, and what its other files have.

mod deliveries;
mod document;
mod realtime;
mod refusals;
mod votes;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};

use crate::wire_log::WireLog;
use crate::world::{Answer, World};

const WEBHOOKS: &str = "/whatsapp/api/v1/webhooks";

/// Registers a webhook; its id.
async fn webhook(world: &World, members: &Value) -> String {
    let mut body = json!({"url": "https://example.com/wa"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    world.make(WEBHOOKS, &body.to_string()).await
}

/// The same, as the native API calls it.
async fn native_twin(world: &World, id: &str) -> Value {
    let path = format!("/api/v1/endpoints/{}", id.replacen("wh_", "ep_", 1));
    let answer = world.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.json()
}

/// Registers a session.
async fn session(world: &World, id: &str) {
    world.make("/api/v1/sessions", &json!({"id": id}).to_string()).await;
}

/// Makes a poll in a session; the id of its message.
async fn poll(world: &World, session: &str, multiple: bool) -> String {
    let poll = json!({
        "kind": "poll", "question": "When?", "options": ["Fri", "Sat", "Sun"], "multiple": multiple,
    });
    world.make(&format!("/api/v1/sessions/{session}/messages"), &poll.to_string()).await
}

/// Publishes an event; its id.
async fn publish(world: &World, event_type: &str, session: Option<&str>) -> String {
    let event = json!({"type": event_type, "session_id": session, "payload": {"text": "hi"}});
    world.make("/api/v1/events", &event.to_string()).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Status and code of an error, after checking its shape, and the members that it names.
fn refusal(answer: &Answer) -> (u16, String, Vec<String>) {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{}", answer.text());
    let body = answer.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "details", "message"]);
    assert!(!text(&error["message"]).is_empty());
    let details = error["details"].as_object().unwrap();
    assert!(details.values().all(|message| message.as_str().is_some_and(|message| !message.is_empty())));
    (answer.status.as_u16(), text(&error["code"]), details.keys().cloned().collect())
}

#[tokio::test]
async fn every_call_and_delivery_as_it_goes_over_the_wire() {
    let mut world = World::new().await;
    session(&world, "sess_01J9ZX8K2QHV0M3T6R7P4N5W8C").await;
    let full = r#"{"url":"https://example.com/webhooks/wa","events":["message","poll.vote"],"sessionId":"01J9ZX8K2QHV0M3T6R7P4N5W8C","secret":"my-secret-key","customHeaders":{"X-Tenant":"acme"},"retryPolicy":{"policy":"linear","delaySeconds":5,"attempts":4},"active":true}"#;
    let mut log = WireLog::default();
    let made = log.call(&world, "POST", WEBHOOKS, full).await;
    let path = format!("{WEBHOOKS}/{}", text(&made.json()["id"]));
    log.call(&world, "POST", WEBHOOKS, r#"{"url":"https://example.com/all"}"#).await;
    log.call(&world, "GET", WEBHOOKS, "").await;
    log.call(&world, "PATCH", &path, r#"{"retryPolicy":null,"customHeaders":null}"#).await;
    log.call(&world, "GET", &path, "").await;
    let poll = poll(&world, "sess_01J9ZX8K2QHV0M3T6R7P4N5W8C", false).await;
    let vote = format!("/whatsapp/api/v1/sessions/01J9ZX8K2QHV0M3T6R7P4N5W8C/messages/{poll}/vote");
    let cast = r#"{"options":["Fri"],"chat":"123@g.us","sender":"456@c.us"}"#;
    log.call(&world, "POST", &vote, cast).await;
    world.deliver.drain().await.unwrap();
    log.deliveries(&world);
    log.call(&world, "POST", &vote, cast).await;
    log.call(&world, "POST", &vote, r#"{"options":["Mon"]}"#).await;
    log.call(&world, "POST", WEBHOOKS, r#"{"url":"nowhere","retryPolicy":{"attempts":0}}"#).await;
    log.call(&world, "DELETE", &path, "").await;
    log.call(&world, "GET", &path, "").await;
    world.key = "wa_unknown".to_owned();
    log.call(&world, "GET", WEBHOOKS, "").await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn absent_stays_and_null_clears() {
    let world = World::new().await;
    let set = json!({
        "events": ["message.*"], "sessionId": "s1", "secret": "k", "customHeaders": {"X-A": "1"},
        "retryPolicy": {"policy": "constant"}, "active": false,
    });
    let id = webhook(&world, &set).await;
    let path = format!("{WEBHOOKS}/{id}");
    let before = world.get(&path).await.json();
    assert_eq!(before["retryPolicy"], json!({"attempts": 15, "delaySeconds": 2, "policy": "constant"}));
    world.clock.advance(std::time::Duration::from_secs(1));
    let mut after = world.call("PATCH", &path, "{}").await.json();
    assert_eq!(after["updatedAt"], before["updatedAt"].as_i64().unwrap() + 1000);
    after["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(after, before);
    let change = json!({
        "url": "https://example.org/", "events": ["*"], "sessionId": null, "customHeaders": null,
        "retryPolicy": null, "active": true,
    });
    let changed = world.call("PATCH", &path, &change.to_string()).await.json();
    assert_eq!(
        [&changed["url"], &changed["events"], &changed["sessionId"], &changed["customHeaders"]],
        [&json!("https://example.org/"), &json!(["*"]), &Value::Null, &json!({})]
    );
    let default = json!({"attempts": 15, "delaySeconds": 2, "policy": "exponential"});
    assert_eq!((&changed["retryPolicy"], &changed["active"]), (&default, &json!(true)));
    let moved = world.call("PATCH", &path, r#"{"sessionId": "s2", "retryPolicy": {"attempts": 3}}"#).await;
    assert_eq!(moved.json()["sessionId"], "s2");
    assert_eq!(
        moved.json()["retryPolicy"],
        json!({"attempts": 3, "delaySeconds": 2, "policy": "exponential"})
    );
}

#[tokio::test]
async fn the_native_api_shows_the_same_endpoint() {
    let world = World::new().await;
    for (policy, expected) in [
        (json!(null), json!({"policy": "exponential", "delay_seconds": 2, "attempts": 15, "jitter": 0.2})),
        (json!({}), json!({"policy": "exponential", "delay_seconds": 2, "attempts": 15, "jitter": 0.2})),
        (
            json!({"policy": "linear", "delaySeconds": 3600}),
            json!({"policy": "linear", "delay_seconds": 3600, "attempts": 15, "jitter": 0.0}),
        ),
        (
            json!({"policy": "constant", "attempts": 50}),
            json!({"policy": "constant", "delay_seconds": 2, "attempts": 50, "jitter": 0.0}),
        ),
    ] {
        let id = webhook(&world, &json!({"retryPolicy": policy})).await;
        let twin = native_twin(&world, &id).await;
        assert_eq!((&twin["wire"], &twin["timeout_ms"]), (&json!("whatsapp"), &json!(10_000)));
        let mut expected = expected;
        expected["cap_seconds"] = json!(21_600);
        assert_eq!(twin["retry_policy"], expected, "{policy}");
    }
}

#[tokio::test]
async fn policies_of_other_kinds_show_what_they_can() {
    let world = World::new().await;
    let id = webhook(&world, &json!({})).await;
    let native = format!("/api/v1/endpoints/{}", id.replacen("wh_", "ep_", 1));
    for (policy, expected) in [
        (json!("standard"), json!({"attempts": 10, "delaySeconds": 5, "policy": "standard"})),
        (
            json!({"policy": "custom", "delays_seconds": [7.5, 30]}),
            json!({"attempts": 3, "delaySeconds": 7, "policy": "custom"}),
        ),
        (
            json!({"policy": "custom", "delays_seconds": []}),
            json!({"attempts": 1, "delaySeconds": 0, "policy": "custom"}),
        ),
    ] {
        let changed = world.call("PATCH", &native, &json!({"retry_policy": policy}).to_string()).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
        let shown = world.get(&format!("{WEBHOOKS}/{id}")).await.json();
        assert_eq!(shown["retryPolicy"], expected);
    }
}

#[tokio::test]
async fn endpoints_of_other_formats_are_not_there() {
    let world = World::new().await;
    let id = world.endpoint().await.replacen("ep_", "wh_", 1);
    let body = r#"{"active": false}"#;
    for (method, body) in [("GET", ""), ("PATCH", body), ("DELETE", "")] {
        let answer = world.call(method, &format!("{WEBHOOKS}/{id}"), body).await;
        assert_eq!(refusal(&answer), (404, "not_found".to_owned(), vec![]), "{method}");
        assert!(answer.text().contains(&format!("there is no webhook {id}")), "{}", answer.text());
    }
    assert_eq!(world.get(WEBHOOKS).await.text(), r#"{"data":[],"nextCursor":""}"#);
}

#[tokio::test]
async fn organizations_and_environments_do_not_see_each_other() {
    let mut world = World::new().await;
    let id = webhook(&world, &json!({})).await;
    let own = world.get(WEBHOOKS).await.json();
    assert_eq!(own["data"][0]["id"], id);
    let other = world.key_of("other", Environment::Live, &Capability::ALL).await;
    let test = world.key_of("acme", Environment::Test, &Capability::ALL).await;
    for key in [other, test] {
        world.key = key;
        assert_eq!(world.get(WEBHOOKS).await.text(), r#"{"data":[],"nextCursor":""}"#);
        for (method, body) in [("GET", ""), ("PATCH", "{}"), ("DELETE", "")] {
            let answer = world.call(method, &format!("{WEBHOOKS}/{id}"), body).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method}");
        }
    }
}

#[tokio::test]
async fn a_repeated_create_makes_one_webhook() {
    let world = World::new().await;
    let send = async |body: &str| {
        let request = world
            .request(Method::POST, WEBHOOKS)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", "once");
        world.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    let first = send(r#"{"url": "https://e.com", "secret": "k"}"#).await;
    let again = send(r#"{"url": "https://e.com", "secret": "k"}"#).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(world.get(WEBHOOKS).await.json()["data"].as_array().unwrap().len(), 1);
    let other = send(r#"{"url": "https://e.com/other"}"#).await;
    assert_eq!(refusal(&other), (409, "conflict".to_owned(), vec!["idempotency-key".to_owned()]));
}

#[tokio::test]
async fn a_key_may_stand_in_a_header_of_its_own() {
    let world = World::new().await;
    let ask = async |name: &str, value: &str| {
        let request = Request::builder().uri(WEBHOOKS).header(name, value);
        world.send(request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(ask("x-api-key", &world.key).await.status, StatusCode::OK);
    assert_eq!(ask("authorization", &format!("Bearer {}", world.key)).await.status, StatusCode::OK);
    for (name, value) in [("x-api-key", "wa_wrong"), ("authorization", "Bearer wa_wrong"), ("x-other", "")] {
        let answer = ask(name, value).await;
        assert_eq!(refusal(&answer), (401, "unauthorized".to_owned(), vec![]), "{name}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}
