//! Votes in polls.

use axum::http::StatusCode;
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};

use super::{poll, refusal, session, text, webhook};
use crate::world::World;

/// Votes; the answer, after checking what is always the same.
async fn vote(world: &World, session: &str, poll: &str, options: &[&str]) -> Value {
    let path = format!("/whatsapp/api/v1/sessions/{session}/messages/{poll}/vote");
    let answer = world.post(&path, &json!({"options": options}).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let result = answer.json();
    assert_eq!([&result["messageId"], &result["mode"], &result["status"]], [poll, "sync", "sent"]);
    result
}

/// The payloads of the votes told of, oldest first.
async fn told(world: &World) -> Vec<Value> {
    let events = world.get("/api/v1/events").await.json();
    let votes = events["data"].as_array().unwrap().iter().filter(|event| event["type"] == "poll.vote");
    let mut payloads: Vec<_> = votes.map(|event| event["payload"].clone()).collect();
    payloads.reverse();
    payloads
}

/// What the native API shows of the votes in the one poll of a session.
async fn standing(world: &World, session: &str) -> Value {
    let messages = world.get(&format!("/api/v1/sessions/{session}/messages")).await.json();
    let votes = messages["data"][0]["poll"]["votes"].as_array().unwrap().iter();
    votes.map(|vote| vote["selected"].clone()).collect()
}

#[tokio::test]
async fn a_vote_replaces_the_one_before_and_an_empty_one_clears() {
    let world = World::new().await;
    session(&world, "sess_1").await;
    let poll = poll(&world, "sess_1", true).await;
    let mut outbox = Vec::new();
    for (session, options, stands) in [
        ("sess_1", &["Sun", "Fri"][..], json!([["Fri", "Sun"]])),
        ("1", &["Sat"], json!([["Sat"]])),
        ("sess_1", &[], json!([])),
    ] {
        let result = vote(&world, session, &poll, options).await;
        assert_eq!(result["replayed"], false);
        outbox.push(text(&result["outboxId"]));
        assert_eq!(standing(&world, "sess_1").await, stands);
    }
    let of = |selected: Value, previous: Value| json!({"poll_id": poll, "voter": "sess_1", "selected": selected, "previous": previous});
    assert_eq!(
        told(&world).await,
        [
            of(json!(["Fri", "Sun"]), json!([])),
            of(json!(["Sat"]), json!(["Fri", "Sun"])),
            of(json!([]), json!(["Sat"])),
        ]
    );
    for id in outbox {
        assert_eq!(world.get(&format!("/api/v1/events/{id}")).await.json()["type"], "poll.vote");
    }
}

#[tokio::test]
async fn the_same_vote_again_makes_no_second_event() {
    let world = World::new().await;
    session(&world, "s").await;
    let poll = poll(&world, "s", true).await;
    let first = vote(&world, "s", &poll, &["Fri", "Sat"]).await;
    let again = vote(&world, "s", &poll, &["Sat", "Fri", "Sat"]).await;
    assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
    assert_eq!(first["outboxId"], again["outboxId"]);
    assert_eq!(told(&world).await.len(), 1);
}

#[tokio::test]
async fn a_single_choice_poll_takes_one() {
    let world = World::new().await;
    session(&world, "s").await;
    let poll = poll(&world, "s", false).await;
    vote(&world, "s", &poll, &["Fri"]).await;
    vote(&world, "s", &poll, &["Sat"]).await;
    let path = format!("/whatsapp/api/v1/sessions/s/messages/{poll}/vote");
    let two = world.post(&path, r#"{"options": ["Fri", "Sun"]}"#).await;
    assert_eq!(refusal(&two), (400, "validation_error".to_owned(), vec!["options".to_owned()]));
    assert_eq!(standing(&world, "s").await, json!([["Sat"]]));
}

#[tokio::test]
async fn a_message_that_is_no_poll_can_not_be_voted_in() {
    let world = World::new().await;
    session(&world, "s").await;
    let message = world.make("/api/v1/sessions/s/messages", r#"{"content": "hi"}"#).await;
    let path = format!("/whatsapp/api/v1/sessions/s/messages/{message}/vote");
    let answer = world.post(&path, r#"{"options": []}"#).await;
    assert_eq!(refusal(&answer), (400, "validation_error".to_owned(), vec!["mid".to_owned()]));
}

#[tokio::test]
async fn polls_that_are_not_the_callers_are_not_there() {
    let mut world = World::new().await;
    session(&world, "s").await;
    session(&world, "other").await;
    let poll = poll(&world, "s", false).await;
    let unknown = "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let mut asked: Vec<_> =
        [("s", unknown), ("s", "m"), ("nowhere", poll.as_str()), ("other", &poll), ("a b", &poll)]
            .map(|(session, poll)| (world.key.clone(), session, poll))
            .into();
    for (tenant, environment) in [("else", Environment::Live), ("acme", Environment::Test)] {
        asked.push((world.key_of(tenant, environment, &Capability::ALL).await, "s", &poll));
    }
    for (key, session, poll) in asked {
        world.key = key;
        let session = session.replace(' ', "%20");
        let path = format!("/whatsapp/api/v1/sessions/{session}/messages/{poll}/vote");
        let answer = world.post(&path, r#"{"options": ["Fri"]}"#).await;
        assert_eq!(refusal(&answer), (404, "not_found".to_owned(), vec![]), "{path}");
    }
}

#[tokio::test]
async fn a_vote_reaches_the_webhooks_of_its_session() {
    let mut world = World::new().await;
    session(&world, "sess_1").await;
    let poll = poll(&world, "sess_1", false).await;
    webhook(&world, &json!({"sessionId": "1", "events": ["poll.*"]})).await;
    webhook(&world, &json!({"sessionId": "2"})).await;
    let result = vote(&world, "sess_1", &poll, &["Fri"]).await;
    world.deliver.drain().await.unwrap();
    let sent = world.sender.take_sent();
    assert_eq!(sent.len(), 1);
    let envelope: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!([&envelope["event"], &envelope["session"]], ["poll.vote", "sess_1"]);
    assert_eq!(envelope["id"], result["outboxId"]);
}
