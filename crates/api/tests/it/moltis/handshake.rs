//! The beginning of a connection.

use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Client, connect_params};
use crate::world::World;

#[tokio::test]
async fn the_server_greets_in_both_forms_on_both_paths() {
    let world = World::new().await;
    for path in ["/ws", "/ws/chat"] {
        let mut client = Client::dial(&world, path).await;
        let answer = client.ask("connect", connect_params(&world.key)).await;
        assert_eq!(answer["ok"], true);
        let bare = client.frame().await;
        assert_eq!(answer["payload"], bare);
        let connection = bare["server"]["connId"].as_str().unwrap();
        assert!(connection.starts_with("conn_"));
        let expected = json!({
            "type": "hello-ok",
            "protocol": 4,
            "server": { "version": env!("CARGO_PKG_VERSION"), "connId": connection },
            "features": {
                "methods": [
                    "webhooks.create", "webhooks.delete", "webhooks.deliveries", "webhooks.delivery.actions",
                    "webhooks.delivery.get", "webhooks.delivery.payload", "webhooks.delivery.retry",
                    "webhooks.get", "webhooks.list", "webhooks.profiles", "webhooks.update",
                ],
                "events": ["error", "tick"],
            },
            "snapshot": {},
            "auth": {
                "deviceToken": "", "role": "operator",
                "scopes": ["operator.read", "operator.write", "operator.admin"],
                "issuedAtMs": 1_767_225_600_000_i64,
            },
            "policy": { "maxPayload": 524_288, "maxBufferedBytes": 1_572_864, "tickIntervalMs": 30_000 },
        });
        assert_eq!(bare, expected);
        assert_eq!(client.call("webhooks.list", Value::Null).await, json!([]));
    }
}

#[tokio::test]
async fn a_key_may_stand_in_each_of_its_places_and_older_clients_are_greeted_too() {
    let world = World::new().await;
    let key = &world.key;
    let who = json!({ "id": "web", "version": "1", "platform": "browser", "mode": "operator" });
    for params in [
        json!({ "protocol": { "min": 3, "max": 4 }, "client": who, "auth": { "token": key } }),
        json!({ "protocol": { "min": 4, "max": 9 }, "client": who, "auth": { "password": key } }),
        json!({ "minProtocol": 3, "maxProtocol": 4, "client": who, "auth": { "api_key": key }, "locale": "en" }),
        json!({
            "protocol": { "min": 4, "max": 4 }, "client": who, "auth": { "api_key": key },
            "role": "operator", "scopes": ["operator.admin"], "timezone": "UTC", "extensions": { "moltis": {} },
        }),
    ] {
        let mut client = Client::dial(&world, "/ws/chat").await;
        assert_eq!(client.ask("connect", params.clone()).await["ok"], true, "{params}");
    }
}

#[tokio::test]
async fn who_does_not_begin_well_is_told_why_and_let_go() {
    let world = World::new().await;
    let powerless = world.key_of("acme", Environment::Live, &[Capability::Publish]).await;
    let with = |change: fn(&mut Value)| {
        let mut params = connect_params(&world.key);
        change(&mut params);
        params
    };
    let policy = CloseCode::Policy;
    for (method, params, code, message) in [
        (
            "connect",
            with(|params| params["protocol"] = json!({ "min": 1, "max": 3 })),
            "PROTOCOL_ERROR",
            "protocol mismatch: server=4, client=1-3",
        ),
        (
            "connect",
            with(|params| params["protocol"] = json!({ "min": 5, "max": 6 })),
            "PROTOCOL_ERROR",
            "protocol mismatch: server=4, client=5-6",
        ),
        (
            "connect",
            with(|params| drop(params.as_object_mut().unwrap().remove("protocol"))),
            "INVALID_REQUEST",
            "invalid connect params: missing field `protocol`",
        ),
        (
            "connect",
            with(|params| drop(params["client"].as_object_mut().unwrap().remove("version"))),
            "INVALID_REQUEST",
            "invalid connect params: missing field `version`",
        ),
        (
            "connect",
            with(|params| params["auth"] = json!({ "api_key": 7 })),
            "INVALID_REQUEST",
            "invalid connect params: they can not be read",
        ),
        ("connect", Value::Null, "INVALID_REQUEST", "invalid connect params: they can not be read"),
        ("connect", connect_params("sk_live_wrong"), "UNAUTHORIZED", "authentication failed"),
        ("connect", connect_params(""), "UNAUTHORIZED", "authentication failed"),
        ("connect", with(|params| params["auth"] = json!({})), "UNAUTHORIZED", "authentication failed"),
        ("connect", connect_params(&powerless), "FORBIDDEN", "missing scope: operator.read"),
        (
            "webhooks.list",
            Value::Null,
            "PROTOCOL_ERROR",
            "first message must be 'connect', got 'webhooks.list'",
        ),
    ] {
        let mut client = Client::dial(&world, "/ws").await;
        assert_eq!(client.fail(method, params).await, (code.to_owned(), message.to_owned()));
        assert_eq!(client.closed().await, policy, "{message}");
    }
    for first in
        ["hello", "{}", r#"{"type": "event", "event": "x"}"#, r#"{"type":"req","id":1,"method":"connect"}"#]
    {
        let mut client = Client::dial(&world, "/ws").await;
        client.say(first).await;
        let frame = client.frame().await;
        assert_eq!((&frame["type"], &frame["event"]), (&json!("event"), &json!("error")), "{frame}");
        assert_eq!(client.closed().await, policy, "{first}");
    }
}

#[tokio::test]
async fn what_is_no_text_is_passed_over_before_the_first_request() {
    use futures_util::SinkExt as _;
    let world = World::new().await;
    let mut client = Client::dial(&world, "/ws").await;
    client.socket.send(Message::Ping(vec![1].into())).await.unwrap();
    client.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.ask("connect", connect_params(&world.key)).await["ok"], true);
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let world = World::new().await;
    let mut client = Client::dial(&world, "/ws").await;
    tokio::time::pause();
    let since = tokio::time::Instant::now();
    match client.message().await {
        Message::Close(frame) => assert_eq!(frame.unwrap().code, CloseCode::Policy),
        other => panic!("{other:?}"),
    }
    let waited = since.elapsed().as_secs();
    assert!((9..=11).contains(&waited), "{waited} s");
}

#[tokio::test]
async fn a_key_has_so_many_connections_and_no_more() {
    let api = ApiOptions { streams_per_key_max: 1, ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let _first = Client::new(&world).await;
    let mut second = Client::dial(&world, "/ws").await;
    let answer = second.ask("connect", connect_params(&world.key)).await;
    assert_eq!(answer["error"]["code"], "RATE_LIMITED");
    assert_eq!(
        (&answer["error"]["retryable"], &answer["error"]["retryAfterMs"]),
        (&json!(true), &json!(5000))
    );
    assert_eq!(second.closed().await, CloseCode::Policy);
}

#[tokio::test]
async fn what_is_no_web_socket_is_refused() {
    let world = World::new().await;
    for path in ["/ws", "/ws/chat"] {
        assert_eq!(world.get(path).await.status, 400);
        assert_eq!(world.post(path, "{}").await.status, 405);
    }
}
