//! Frames of every kind, and what ends a connection.

use std::time::Duration;

use futures_util::SinkExt as _;
use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::Client;
use crate::world::World;

#[tokio::test]
async fn what_is_no_frame_is_complained_of_and_the_connection_goes_on() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let mut seq = 0;
    for text in
        ["", "hello", "[]", "{}", r#"{"type":"req","id":"1"}"#, r#"{"type":"ask","id":"1","method":"x"}"#]
    {
        client.say(text).await;
        seq += 1;
        let expected = json!({
            "type": "event", "event": "error", "seq": seq,
            "payload": { "code": "INVALID_REQUEST", "message": "invalid frame" },
        });
        assert_eq!(client.frame().await, expected, "{text}");
    }
    client.say("x".repeat(524_289)).await;
    let expected = json!({
        "type": "event", "event": "error", "seq": seq + 1,
        "payload": { "code": "PAYLOAD_TOO_LARGE", "message": "payload too large", "maxBytes": 524_288 },
    });
    assert_eq!(client.frame().await, expected);
    // Nothing is asked by these.
    client.say(r#"{"type":"res","id":"1","ok":true,"payload":{}}"#).await;
    client.say(r#"{"type":"event","event":"x"}"#).await;
    client.socket.send(Message::binary(b"{}".to_vec())).await.unwrap();
    assert_eq!(client.call("webhooks.list", Value::Null).await, json!([]));
}

#[tokio::test]
async fn a_frame_may_be_so_long_and_a_message_ends_the_connection() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let bare = r#"{"type":"req","id":"1","method":"webhooks.list","params":{"x":""}}"#;
    let long = bare.replace(r#""x":"""#, &format!(r#""x":"{}""#, "y".repeat(524_288 - bare.len())));
    assert_eq!(long.len(), 524_288);
    client.say(long).await;
    assert_eq!(client.frame().await["ok"], true);
    client.say("x".repeat(2 * 524_288 + 1)).await;
    assert_eq!(client.closed().await, CloseCode::Size);
}

#[tokio::test]
async fn requests_that_mean_nothing_are_answered() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let unknown = |name: &str| ("UNKNOWN_METHOD".to_owned(), format!("unknown method: {name}"));
    for name in ["webhooks.test", "chat.send", "", "webhooks", "WEBHOOKS.LIST"] {
        assert_eq!(client.fail(name, json!({ "id": 1 })).await, unknown(name));
    }
    let twice = client.fail("connect", super::connect_params(&world.key)).await;
    assert_eq!(twice.0, "INVALID_REQUEST");
    for params in [json!([]), json!("x"), json!(1), json!(true)] {
        let failed = client.fail("webhooks.get", params).await;
        assert_eq!(failed, ("INVALID_REQUEST".to_owned(), "params must be an object".to_owned()));
    }
}

#[tokio::test]
async fn requests_are_answered_in_their_order() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for number in 0..30 {
        let method = if number % 3 == 0 { "webhooks.create" } else { "webhooks.list" };
        let params = json!({ "name": format!("w{number}") });
        let frame = json!({ "type": "req", "id": number.to_string(), "method": method, "params": params });
        client.say(frame.to_string()).await;
    }
    for number in 0..30 {
        let answer = client.frame().await;
        assert_eq!((&answer["id"], &answer["ok"]), (&json!(number.to_string()), &json!(true)));
        if let Some(listed) = answer["payload"].as_array() {
            assert_eq!(listed.len(), number / 3 + 1);
        }
    }
}

#[tokio::test]
async fn a_tick_says_now_and_then_that_the_server_is_there() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    tokio::time::pause();
    for seq in 1..=2 {
        let Message::Text(text) = client.message().await else { panic!("a tick is text") };
        let expected = json!({ "type": "event", "event": "tick", "payload": { "ts": 1_767_225_600_000_i64 }, "seq": seq });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}

async fn another_key(world: &World) -> (String, String) {
    let body = r#"{"name": "n", "capabilities": ["read", "manage"]}"#;
    let made = world.post("/api/v1/keys", body).await.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

#[tokio::test]
async fn nothing_is_done_once_the_key_is_gone() {
    let world = World::new().await;
    let (id, key) = another_key(&world).await;
    let mut client = Client::hello(&world, &key).await;
    client.call("webhooks.create", json!({ "name": "one" })).await;
    assert_eq!(world.call("DELETE", &format!("/api/v1/keys/{id}"), "").await.status, 204);
    let failed = client.fail("webhooks.create", json!({ "name": "two" })).await;
    assert_eq!(failed, ("UNAUTHORIZED".to_owned(), "authentication failed".to_owned()));
    assert_eq!(client.closed().await, CloseCode::Policy);
    let mut other = Client::new(&world).await;
    assert_eq!(other.call("webhooks.list", Value::Null).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_silent_connection_ends_with_its_key_too() {
    let api = ApiOptions { stream_keep_alive: Duration::from_millis(20), ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let (id, key) = another_key(&world).await;
    let mut client = Client::hello(&world, &key).await;
    assert_eq!(world.call("DELETE", &format!("/api/v1/keys/{id}"), "").await.status, 204);
    assert_eq!(client.closed().await, CloseCode::Policy);
}

#[tokio::test]
async fn connections_end_with_the_server() {
    let world = World::new().await;
    let (mut greeted, mut silent) = (Client::new(&world).await, Client::dial(&world, "/ws").await);
    world.stop.send_replace(true);
    assert_eq!(greeted.closed().await, CloseCode::Away);
    assert_eq!(silent.closed().await, CloseCode::Away);
}

#[tokio::test]
async fn a_close_is_answered() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    client.socket.send(Message::Close(None)).await.unwrap();
    assert!(tokio::time::timeout(crate::stream::PATIENCE, client.message()).await.unwrap().is_close());
}

#[tokio::test]
async fn a_store_that_does_not_answer_may_be_asked_again() {
    let mut world = World::new().await;
    let mut client = Client::new(&world).await;
    std::mem::replace(&mut world.close_store, Box::pin(async {})).await;
    let answer = client.ask("webhooks.list", Value::Null).await;
    let error = &answer["error"];
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAVAILABLE"), &json!(true)), "{answer}");
    assert_eq!(error["retryAfterMs"], 1000);
}
