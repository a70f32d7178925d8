//! What is said in sessions, through the native API.

use axum::http::{Method, StatusCode, header};
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};

use crate::world::World;

const MESSAGES: &str = "/api/v1/sessions/s1/messages";
const POLL: &str = r#"{"kind":"poll","question":"Lunch?","options":["soup","bread"]}"#;

async fn world() -> World {
    let world = World::new().await;
    world.make("/api/v1/sessions", r#"{"id":"s1"}"#).await;
    world
}

#[tokio::test]
async fn messages_are_kept_and_listed_newest_first() {
    let world = world().await;
    let said = world.post(MESSAGES, r#"{"content":"hello"}"#).await;
    assert_eq!(said.status, StatusCode::ACCEPTED);
    let text = said.json();
    assert_eq!(
        text,
        json!({
            "id": text["id"], "session_id": "s1", "kind": "text", "role": "user", "content": "hello",
            "poll": null, "delivery_id": null, "tool_calls": [], "tokens": null,
            "created_at": "2026-01-01T00:00:00.000Z",
        })
    );
    let poll = world.post(MESSAGES, POLL).await.json();
    assert_eq!(poll["poll"], json!({"options": ["soup", "bread"], "multiple": false, "votes": []}));
    assert_eq!((&poll["kind"], &poll["content"]), (&json!("poll"), &json!("Lunch?")));
    let first = world.get(&format!("{MESSAGES}?limit=1")).await.json();
    assert_eq!(first["data"], json!([poll]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("{MESSAGES}?limit=1&cursor={cursor}")).await.json();
    assert_eq!((&second["data"], &second["next_cursor"]), (&json!([text]), &Value::Null));
}

#[tokio::test]
async fn votes_show_with_their_poll_until_they_are_taken_back() {
    let world = world().await;
    let poll = world.post(MESSAGES, POLL).await.json()["id"].as_str().unwrap().to_owned();
    let vote = format!("/whatsapp/api/v1/sessions/s1/messages/{poll}/vote");
    for (options, votes) in [
        (
            r#"{"options":["bread"]}"#,
            json!([{"voter": "s1", "selected": ["bread"], "updated_at": "2026-01-01T00:00:00.000Z"}]),
        ),
        (r#"{"options":[]}"#, json!([])),
    ] {
        assert_eq!(world.post(&vote, options).await.status, StatusCode::OK);
        assert_eq!(world.get(MESSAGES).await.json()["data"][0]["poll"]["votes"], votes);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = world().await;
    let long = format!(r#"{{"content":"{}"}}"#, "x".repeat(65_537));
    for (body, locations) in [
        ("{}", vec!["body.content"]),
        (r#"{"content":" "}"#, vec!["body.content"]),
        (&long, vec!["body.content"]),
        (r#"{"kind":"song","content":"la"}"#, vec!["body.kind"]),
        (r#"{"content":"a","options":["x","y"],"multiple":true}"#, vec!["body.options", "body.multiple"]),
        (r#"{"kind":"poll","content":"q"}"#, vec!["body.content", "body.question", "body.options"]),
        (r#"{"kind":"poll","question":"q","options":["x"]}"#, vec!["body.options"]),
        (r#"{"kind":"poll","question":"q","options":["x","x"]}"#, vec!["body.options"]),
        (r#"{"kind":"poll","question":"","options":["x","y"]}"#, vec!["body.question"]),
        (r#"{"content":"a","role":"assistant"}"#, vec!["body.role"]),
    ] {
        let answer = world.post(MESSAGES, body).await;
        assert_eq!(
            (answer.slug().as_str(), answer.locations()),
            ("invalid", locations.iter().map(ToString::to_string).collect()),
            "{body}"
        );
    }
    assert_eq!(world.post("/api/v1/sessions/never/messages", r#"{"content":"a"}"#).await.slug(), "not-found");
    assert_eq!(world.get("/api/v1/sessions/never/messages").await.slug(), "not-found");
}

#[tokio::test]
async fn saying_needs_send_and_reading_read() {
    let world = world().await;
    for (capability, post, get) in [(Capability::Send, 202, 403), (Capability::Read, 403, 200)] {
        let key = world.key_of("acme", Environment::Live, &[capability]).await;
        let say = crate::world::request(&key, Method::POST, MESSAGES)
            .header(header::CONTENT_TYPE, "application/json");
        assert_eq!(world.send(say.body(r#"{"content":"a"}"#.into()).unwrap()).await.status.as_u16(), post);
        let read = crate::world::request(&key, Method::GET, MESSAGES).body("".into()).unwrap();
        assert_eq!(world.send(read).await.status.as_u16(), get);
    }
}

#[tokio::test]
async fn a_session_takes_its_messages_with_it() {
    let world = world().await;
    world.post(MESSAGES, POLL).await;
    assert_eq!(world.call("DELETE", "/api/v1/sessions/s1", "").await.status, StatusCode::NO_CONTENT);
    world.make("/api/v1/sessions", r#"{"id":"s1"}"#).await;
    assert_eq!(world.get(MESSAGES).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_poll_is_found_under_either_name_of_its_session_whatever_is_registered() {
    let world = world().await;
    let poll = world.post(MESSAGES, POLL).await.json()["id"].as_str().unwrap().to_owned();
    let vote = async |session: &str| {
        let path = format!("/whatsapp/api/v1/sessions/{session}/messages/{poll}/vote");
        world.post(&path, r#"{"options":["soup"]}"#).await.status
    };
    assert_eq!(vote("sess_s1").await, StatusCode::OK);
    world.make("/api/v1/sessions", r#"{"id":"sess_s1"}"#).await;
    assert_eq!((vote("sess_s1").await, vote("s1").await), (StatusCode::OK, StatusCode::OK));
    assert_eq!(vote("s2").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn clearing_a_vote_that_was_never_cast_tells_no_one() {
    let world = world().await;
    let poll = world.post(MESSAGES, POLL).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/whatsapp/api/v1/sessions/s1/messages/{poll}/vote");
    let answer = world.post(&path, r#"{"options":[]}"#).await.json();
    assert_eq!((&answer["replayed"], &answer["outboxId"]), (&json!(true), &Value::Null));
    assert_eq!(world.get("/api/v1/events?type=poll.vote").await.json()["data"], json!([]));
}
