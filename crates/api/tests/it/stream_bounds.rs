//! What ends a live stream: a reader that takes nothing, a key that is gone, a client that talks, the server's end.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request};
use futures_util::{SinkExt as _, StreamExt as _};
use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use posthouse_types::{Capability, Environment};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::stream::{PATIENCE, Socket, connect, next, open, publish};
use crate::world::{World, request};

/// Longer than a test.
const NEVER: Duration = Duration::from_secs(3600);

fn ask(key: &str) -> Request<Body> {
    request(key, Method::GET, "/api/v1/stream").body(Body::empty()).unwrap()
}

async fn world_with(api: ApiOptions) -> World {
    World::with(Options::default(), api).await
}

/// A key made through the API; its id, and itself.
async fn another_key(world: &World) -> (String, String) {
    let made = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["read"]}"#).await.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// Waits until one more stream of the world's key may be opened.
async fn admitted(world: &World) -> BodyDataStream {
    let opened = timeout(PATIENCE, async {
        loop {
            let answer = tower::ServiceExt::oneshot(world.router.clone(), ask(&world.key)).await.unwrap();
            if answer.status() == 200 {
                return answer.into_body().into_data_stream();
            }
            tokio::task::yield_now().await;
        }
    });
    opened.await.unwrap()
}

/// How the server closes a socket.
async fn closed(socket: &mut Socket) -> CloseCode {
    let code = timeout(PATIENCE, async {
        loop {
            if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    });
    code.await.unwrap()
}

async fn ended(stream: &mut BodyDataStream) {
    let end = timeout(PATIENCE, async { while stream.next().await.transpose().unwrap().is_some() {} });
    end.await.unwrap();
}

#[tokio::test]
async fn a_key_has_so_many_streams_and_no_more() {
    let world = world_with(ApiOptions { streams_per_key_max: 2, ..ApiOptions::default() }).await;
    let first = open(&world, ask(&world.key)).await;
    let _second = open(&world, ask(&world.key)).await;
    let refused = world.send(ask(&world.key)).await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (429, "rate-limited"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("too many open streams with this key"));
    assert_eq!(refused.headers["retry-after"], "5");
    let other = world.key_of("acme", Environment::Live, &[Capability::Read]).await;
    drop(open(&world, ask(&other)).await);
    drop(first);
    drop(admitted(&world).await);
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends() {
    let api = ApiOptions {
        streams_per_key_max: 1,
        stream_send_timeout: Duration::from_millis(50),
        ..ApiOptions::default()
    };
    let world = world_with(api).await;
    let mut slow = open(&world, ask(&world.key)).await;
    for number in 0..10 {
        publish(&world, &format!("e{number}"), "a").await;
    }
    let mut resumed = admitted(&world).await;
    assert_eq!(next(&mut slow).await.0, "e0");
    let rest: Vec<_> = timeout(PATIENCE, slow.collect()).await.unwrap();
    assert!(rest.len() < 9, "what was not taken in time is not sent any more");
    publish(&world, "later", "a").await;
    assert_eq!(next(&mut resumed).await.0, "later");
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let world = world_with(ApiOptions { stream_keep_alive: NEVER, ..ApiOptions::default() }).await;
    let (id, key) = another_key(&world).await;
    let mut stream = open(&world, ask(&key)).await;
    publish(&world, "e0", "a").await;
    assert_eq!(next(&mut stream).await.0, "e0");
    assert_eq!(world.call("DELETE", &format!("/api/v1/keys/{id}"), "").await.status, 204);
    publish(&world, "e1", "a").await;
    assert!(timeout(PATIENCE, stream.next()).await.unwrap().is_none(), "what came later is not shown");
}

#[tokio::test]
async fn a_silent_stream_ends_with_its_key_too() {
    let api = ApiOptions { stream_keep_alive: Duration::from_millis(20), ..ApiOptions::default() };
    let mut world = world_with(api).await;
    let (id, key) = another_key(&world).await;
    let mut stream = open(&world, ask(&key)).await;
    let admin = std::mem::replace(&mut world.key, key);
    let mut socket = connect(&world, "").await.unwrap();
    world.key = admin;
    assert_eq!(world.call("DELETE", &format!("/api/v1/keys/{id}"), "").await.status, 204);
    ended(&mut stream).await;
    assert_eq!(closed(&mut socket).await, CloseCode::Policy);
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let world = World::new().await;
    let mut stream = open(&world, ask(&world.key)).await;
    let mut socket = connect(&world, "").await.unwrap();
    world.stop.send_replace(true);
    ended(&mut stream).await;
    assert_eq!(closed(&mut socket).await, CloseCode::Away);
}

#[tokio::test]
async fn a_web_socket_takes_no_messages() {
    let world = World::new().await;
    for message in [
        Message::text("hello"),
        Message::binary(vec![0; 10]),
        Message::text("x".repeat(5000)),
        Message::binary(vec![0; 100_000]),
    ] {
        let mut socket = connect(&world, "").await.unwrap();
        socket.send(message).await.unwrap();
        assert_eq!(closed(&mut socket).await, CloseCode::Policy);
    }
}

#[tokio::test]
async fn pings_do_not_disturb_a_web_socket() {
    let world = World::new().await;
    let mut socket = connect(&world, "").await.unwrap();
    for number in 0..20 {
        socket.send(Message::Ping(vec![number].into())).await.unwrap();
    }
    publish(&world, "e0", "a").await;
    let (mut pongs, mut texts) = (0, 0);
    while texts == 0 || pongs == 0 {
        match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Pong(_) => pongs += 1,
            Message::Text(text) => {
                assert!(text.contains("\"e0\""), "{text}");
                texts += 1;
            }
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
