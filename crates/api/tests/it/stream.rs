//! The live stream, over both transports.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode};
use futures_util::{SinkExt as _, StreamExt as _};
use posthouse_api::ServeOptions;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt as _;

use crate::world::World;

/// Longer than anything here takes, so that a lost event fails a test instead of stopping it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn publish(world: &World, id: &str, event_type: &str) {
    let body = format!("{{\"type\": \"{event_type}\", \"id\": \"{id}\", \"payload\": {{\r\n\"n\": 1}}}}");
    assert_eq!(world.post("/api/v1/events", &body).await.status, 202);
}

pub(crate) async fn open(world: &World, request: Request<Body>) -> BodyDataStream {
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// The next event of a server-sent stream: id, type, data.
pub(crate) async fn next(stream: &mut BodyDataStream) -> (String, String, Value) {
    let chunk = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    (field("id"), field("event"), serde_json::from_str(&field("data")).unwrap())
}

#[tokio::test]
async fn server_sent_events_follow_and_resume() {
    let world = World::new().await;
    publish(&world, "e0", "a").await;
    let request = world.request(Method::GET, "/api/v1/stream").body(Body::empty()).unwrap();
    let mut live = open(&world, request).await;
    publish(&world, "e1", "a.b").await;
    let (id, kind, data) = next(&mut live).await;
    assert_eq!((id.as_str(), kind.as_str()), ("e1", "a.b"));
    assert_eq!(data, world.get("/api/v1/events/e1").await.json());
    publish(&world, "e2", "c").await;
    assert_eq!(next(&mut live).await.0, "e2");
    let request = world.request(Method::GET, "/api/v1/stream").header("last-event-id", "e0");
    let mut resumed = open(&world, request.body(Body::empty()).unwrap()).await;
    assert_eq!(next(&mut resumed).await.0, "e1");
    assert_eq!(next(&mut resumed).await.0, "e2");
    let path = "/api/v1/stream?last_event_id=e0&types=x.*,c";
    let mut some = open(&world, world.request(Method::GET, path).body(Body::empty()).unwrap()).await;
    assert_eq!(next(&mut some).await.0, "e2");
}

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves on a port of the machine, and connects to its stream.
pub(crate) async fn connect(world: &World, query: &str) -> Result<Socket, WsError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = world.stop.subscribe();
    tokio::spawn(posthouse_api::serve(listener, world.router.clone(), stop, ServeOptions::default()));
    let mut request = format!("ws://{address}/api/v1/stream{query}").into_client_request().unwrap();
    if !world.key.is_empty() {
        let key = format!("Bearer {}", world.key).parse().unwrap();
        request.headers_mut().insert("authorization", key);
    }
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

#[tokio::test]
async fn a_web_socket_has_the_same_events() {
    let world = World::new().await;
    publish(&world, "e0", "a").await;
    publish(&world, "e1", "a").await;
    let mut socket = connect(&world, "?last_event_id=e0").await.unwrap();
    publish(&world, "e2", "a").await;
    let mut texts = Vec::new();
    while texts.len() < 2 {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => texts.push(serde_json::from_str::<Value>(&text).unwrap()),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts[0], world.get("/api/v1/events/e1").await.json());
    assert_eq!(texts[1]["id"], "e2");
    socket.send(Message::Close(None)).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return true;
            }
        }
        false
    });
    assert!(closed.await.unwrap(), "the server answers a close");
}

#[tokio::test]
async fn a_web_socket_needs_a_key_and_a_handshake() {
    let mut world = World::new().await;
    let request = world.request(Method::GET, "/api/v1/stream").header("upgrade", "websocket");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (answer.slug().as_str(), answer.locations()),
        ("malformed", vec!["header.upgrade".to_owned()])
    );
    world.key = String::new();
    match connect(&world, "").await {
        Err(WsError::Http(response)) => assert_eq!(response.status().as_u16(), 401),
        other => panic!("{other:?}"),
    }
}
