//! What is refused: bad input by the member, calls by the capability, each with its status and code.

use axum::body::Body;
use axum::http::{Method, header};
use posthouse_types::{Capability, Environment};
use serde_json::json;

use super::{WEBHOOKS, poll, refusal, session, webhook};
use crate::world::World;

/// Body of a create, and what is named.
const CREATES: &[(&str, &[&str])] = &[
    ("", &["content-type"]),
    ("{", &["body"]),
    ("[]", &["body"]),
    ("null", &["body"]),
    ("{}", &["url"]),
    (r#"{"url": null}"#, &["url"]),
    (r#"{"url": 5}"#, &["url"]),
    (r#"{"url": ""}"#, &["url"]),
    (r#"{"url": "nowhere"}"#, &["url"]),
    (r#"{"url": "ftp://e.com"}"#, &["url"]),
    (r#"{"url": "https://u:p@e.com"}"#, &["url"]),
    (r#"{"url": "https://e.com", "url": "https://e.com"}"#, &["url"]),
    (r#"{"url": "https://e.com", "urll": 1}"#, &["urll"]),
    (r#"{"url": "https://e.com", "session_id": "s"}"#, &["session_id"]),
    (r#"{"url": "https://e.com", "events": []}"#, &["events"]),
    (r#"{"url": "https://e.com", "events": "*"}"#, &["events"]),
    (r#"{"url": "https://e.com", "events": ["a", "*.b"]}"#, &["events[1]"]),
    (r#"{"url": "https://e.com", "events": [7]}"#, &["events[0]"]),
    (r#"{"url": "https://e.com", "sessionId": ""}"#, &["sessionId"]),
    (r#"{"url": "https://e.com", "sessionId": "a b"}"#, &["sessionId"]),
    (r#"{"url": "https://e.com", "sessionId": 1}"#, &["sessionId"]),
    (r#"{"url": "https://e.com", "secret": ""}"#, &["secret"]),
    (r#"{"url": "https://e.com", "secret": "a\nb"}"#, &["secret"]),
    (r#"{"url": "https://e.com", "secret": 1}"#, &["secret"]),
    (r#"{"url": "https://e.com", "customHeaders": {"Host": "x"}}"#, &["customHeaders.Host"]),
    (
        r#"{"url": "https://e.com", "customHeaders": {"Content-Length": "1"}}"#,
        &["customHeaders.Content-Length"],
    ),
    (
        r#"{"url": "https://e.com", "customHeaders": {"transfer-encoding": "x"}}"#,
        &["customHeaders.transfer-encoding"],
    ),
    (r#"{"url": "https://e.com", "customHeaders": {"Connection": "x"}}"#, &["customHeaders.Connection"]),
    (r#"{"url": "https://e.com", "customHeaders": {"X-A": "a\r\nb"}}"#, &["customHeaders.X-A"]),
    (r#"{"url": "https://e.com", "customHeaders": {"X-A": 1}}"#, &["customHeaders.X-A"]),
    (r#"{"url": "https://e.com", "customHeaders": []}"#, &["customHeaders"]),
    (r#"{"url": "https://e.com", "retryPolicy": "linear"}"#, &["retryPolicy"]),
    (r#"{"url": "https://e.com", "retryPolicy": ["linear"]}"#, &["retryPolicy"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"policy": "standard"}}"#, &["retryPolicy.policy"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"attempts": 0}}"#, &["retryPolicy.attempts"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"attempts": 51}}"#, &["retryPolicy.attempts"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"attempts": 70000}}"#, &["retryPolicy.attempts"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"delaySeconds": 0}}"#, &["retryPolicy.delaySeconds"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"delaySeconds": 3601}}"#, &["retryPolicy.delaySeconds"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"delaySeconds": 1.5}}"#, &["retryPolicy.delaySeconds"]),
    (r#"{"url": "https://e.com", "retryPolicy": {"delay_seconds": 1}}"#, &["retryPolicy.delay_seconds"]),
    (r#"{"url": "https://e.com", "active": "yes"}"#, &["active"]),
    (
        r#"{"url": "x", "events": ["a b"], "sessionId": "", "customHeaders": {"Host": ""}, "retryPolicy": {"policy": ""}}"#,
        &["customHeaders.Host", "events[0]", "retryPolicy.policy", "sessionId", "url"],
    ),
];

/// Body of a change, and what is named.
const CHANGES: &[(&str, &[&str])] = &[
    ("{", &["body"]),
    (r#"{"url": null}"#, &["url"]),
    (r#"{"url": "nowhere"}"#, &["url"]),
    (r#"{"events": null}"#, &["events"]),
    (r#"{"events": []}"#, &["events"]),
    (r#"{"active": null}"#, &["active"]),
    (r#"{"secret": ""}"#, &["secret"]),
    (r#"{"sessionId": "a b"}"#, &["sessionId"]),
    (r#"{"customHeaders": {"Host": "x"}}"#, &["customHeaders.Host"]),
    (r#"{"retryPolicy": {"attempts": 51}}"#, &["retryPolicy.attempts"]),
    (r#"{"id": "wh_1"}"#, &["id"]),
];

/// Body of a vote, and what is named.
const VOTES: &[(&str, &[&str])] = &[
    ("{", &["body"]),
    ("{}", &["options"]),
    (r#"{"options": null}"#, &["options"]),
    (r#"{"options": "Fri"}"#, &["options"]),
    (r#"{"options": [1]}"#, &["options[0]"]),
    (r#"{"options": ["Mon"]}"#, &["options"]),
    (r#"{"options": ["Fri", "Sat"]}"#, &["options"]),
    (r#"{"options": [], "chat": 1}"#, &["chat"]),
    (r#"{"options": [], "voter": "me"}"#, &["voter"]),
];

#[tokio::test]
async fn bad_webhooks_are_named_and_not_made() {
    let world = World::new().await;
    let id = webhook(&world, &json!({})).await;
    let before = world.get(WEBHOOKS).await.text();
    let path = format!("{WEBHOOKS}/{id}");
    let creates = CREATES.iter().map(|row| ("POST", WEBHOOKS, row));
    let changes = CHANGES.iter().map(|row| ("PATCH", path.as_str(), row));
    for (method, path, (body, named)) in creates.chain(changes) {
        let (status, code, members) = refusal(&world.call(method, path, body).await);
        let expected =
            if body.is_empty() { (415, "unsupported_media_type") } else { (422, "validation_error") };
        assert_eq!((status, code.as_str()), expected, "{body}");
        assert_eq!(members, *named, "{body}");
    }
    assert_eq!(world.get(WEBHOOKS).await.text(), before);
    let answer = world.get(&format!("{WEBHOOKS}?limit=1")).await;
    assert_eq!(refusal(&answer), (422, "validation_error".to_owned(), vec!["limit".to_owned()]));
}

#[tokio::test]
async fn bad_votes_are_named() {
    let world = World::new().await;
    session(&world, "s").await;
    let poll = poll(&world, "s", false).await;
    let path = format!("/whatsapp/api/v1/sessions/s/messages/{poll}/vote");
    for (body, named) in VOTES {
        let (status, code, members) = refusal(&world.post(&path, body).await);
        assert_eq!((status, code.as_str()), (400, "validation_error"), "{body}");
        assert_eq!(members, *named, "{body}");
    }
    let long = json!({"options": [], "chat": "ü".repeat(257), "sender": "ü".repeat(256)}).to_string();
    let (status, _, members) = refusal(&world.post(&path, &long).await);
    assert_eq!((status, members), (400, vec!["chat".to_owned()]));
}

#[tokio::test]
async fn a_single_fault_is_in_the_message_too() {
    let world = World::new().await;
    let error = world.post(WEBHOOKS, r#"{"url": "x"}"#).await.json();
    let wanted = "must be an absolute URL such as https://example.com/webhooks";
    assert_eq!(error["error"]["details"], json!({"url": wanted}));
    assert_eq!(error["error"]["message"], format!("url: {wanted}"));
}

/// Method, path, body, and what a key needs for it.
fn calls(webhook: &str, poll: &str) -> Vec<(&'static str, String, &'static str, Capability)> {
    let path = format!("{WEBHOOKS}/{webhook}");
    let vote = format!("/whatsapp/api/v1/sessions/s/messages/{poll}/vote");
    vec![
        ("GET", WEBHOOKS.to_owned(), "", Capability::Manage),
        ("POST", WEBHOOKS.to_owned(), r#"{"url": "https://e.com"}"#, Capability::Manage),
        ("GET", path.clone(), "", Capability::Manage),
        ("PATCH", path.clone(), "{}", Capability::Manage),
        ("POST", vote, r#"{"options": []}"#, Capability::Send),
        ("POST", "/whatsapp/api/v1/realtime/ticket".to_owned(), "", Capability::Read),
        ("DELETE", path, "", Capability::Manage),
    ]
}

#[tokio::test]
async fn every_call_needs_its_capability_and_no_other() {
    let mut world = World::new().await;
    session(&world, "s").await;
    let poll = poll(&world, "s", false).await;
    let webhook = webhook(&world, &json!({})).await;
    for (method, path, body, needs) in calls(&webhook, &poll) {
        let others: Vec<_> = Capability::ALL.into_iter().filter(|one| *one != needs).collect();
        world.key = world.key_of("acme", Environment::Live, &others).await;
        let refused = refusal(&world.call(method, &path, body).await);
        assert_eq!(refused, (403, "forbidden".to_owned(), vec![]), "{method} {path}");
        world.key = world.key_of("acme", Environment::Live, &[needs]).await;
        let done = world.call(method, &path, body).await;
        assert!(done.status.is_success(), "{method} {path}: {}", done.text());
    }
}

#[tokio::test]
async fn what_is_refused_before_it_is_read_looks_the_same() {
    let world = World::new().await;
    for (method, path, expected) in [
        ("GET", "/whatsapp", (404, "not_found")),
        ("GET", "/whatsapp/api/v1/nowhere", (404, "not_found")),
        ("GET", "/whatsapp/api/v1/webhooks/wh_1", (404, "not_found")),
        ("GET", "/whatsapp/api/v1/webhooks/ep_01ARZ3NDEKTSV4RRFFQ69G5FAV", (404, "not_found")),
        ("DELETE", "/whatsapp/api/v1/webhooks/wh_01ARZ3NDEKTSV4RRFFQ69G5FAV", (404, "not_found")),
        ("PUT", "/whatsapp/api/v1/webhooks", (405, "method_not_allowed")),
        ("GET", "/whatsapp/api/v1/sessions/s/messages/m/vote", (405, "method_not_allowed")),
    ] {
        let (status, code, members) = refusal(&world.call(method, path, "").await);
        assert_eq!((status, code.as_str(), members), (expected.0, expected.1, vec![]), "{method} {path}");
    }
    let large = world.request(Method::POST, WEBHOOKS).header(header::CONTENT_TYPE, "application/json");
    let large = world.send(large.body(Body::from(vec![b' '; 2 * 1024 * 1024])).unwrap()).await;
    assert_eq!(refusal(&large), (413, "payload_too_large".to_owned(), vec![]));
}
