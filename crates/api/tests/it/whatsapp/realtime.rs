//! The realtime WebSocket and its tickets, with a real client.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::header;
use futures_util::StreamExt as _;
use posthouse_api::{ApiOptions, ServeOptions};
use posthouse_engine::Options;
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{poll, publish, refusal, session, text, webhook};
use crate::stream::{PATIENCE, Socket};
use crate::world::World;

const TICKET: &str = "/whatsapp/api/v1/realtime/ticket";

/// Serves on a port of the machine.
async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = world.stop.subscribe();
    tokio::spawn(posthouse_api::serve(listener, world.router.clone(), stop, ServeOptions::default()));
    address
}

/// A fresh ticket.
async fn ticket(world: &World) -> String {
    let answer = world.post(TICKET, "").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    text(&answer.json()["ticket"])
}

async fn open(at: SocketAddr, query: &str) -> Result<Socket, WsError> {
    let request = format!("ws://{at}/whatsapp/api/v1/realtime{query}").into_client_request().unwrap();
    tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
}

/// Status and code with which a handshake is refused.
async fn refused(at: SocketAddr, query: &str) -> (u16, String) {
    match open(at, query).await {
        Err(WsError::Http(response)) => {
            let error: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
            (response.status().as_u16(), text(&error["error"]["code"]))
        }
        other => panic!("{other:?}"),
    }
}

/// The next text frame.
async fn next(socket: &mut Socket) -> String {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn next_id(socket: &mut Socket) -> String {
    text(&serde_json::from_str::<Value>(&next(socket).await).unwrap()["id"])
}

#[tokio::test]
async fn a_ticket_says_where_and_until_when() {
    let world = World::new().await;
    let answer = world.post(TICKET, "").await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let given = answer.json();
    let ticket = text(&given["ticket"]);
    assert!(ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{ticket}");
    let url = format!("ws://localhost/whatsapp/api/v1/realtime?ticket={ticket}");
    assert_eq!(given, json!({"expiresAt": 1_767_225_660_000_i64, "ticket": ticket, "url": url}));
    let public = ApiOptions { public_url: Some("https://hooks.example".into()), ..ApiOptions::default() };
    let world = World::with(Options::default(), public).await;
    let url = text(&world.post(TICKET, "").await.json()["url"]);
    assert!(url.starts_with("wss://hooks.example/whatsapp/api/v1/realtime?ticket="), "{url}");
}

#[tokio::test]
async fn frames_are_the_bytes_of_deliveries() {
    let mut world = World::new().await;
    let at = serve(&world).await;
    session(&world, "sess_1").await;
    let poll = poll(&world, "sess_1", false).await;
    webhook(&world, &json!({})).await;
    // The place that the ticket names works as it stands, but for the host, which is the test's.
    let url = text(&world.post(TICKET, "").await.json()["url"]);
    let query = url.split_once('?').unwrap().1;
    let mut socket = open(at, &format!("?{query}")).await.unwrap();
    let spaced = "{\"type\": \"message\", \"payload\": {\r\n\"text\" : \"h\\u00ef ü\"}}";
    world.make("/api/v1/events", spaced).await;
    let vote = format!("/whatsapp/api/v1/sessions/1/messages/{poll}/vote");
    let outbox = world.post(&vote, r#"{"options": ["Fri"]}"#).await.json()["outboxId"].clone();
    let frames = [next(&mut socket).await, next(&mut socket).await];
    world.deliver.drain().await.unwrap();
    let mut sent = world.sender.take_sent();
    sent.sort_by(|one, other| one.body.cmp(&other.body));
    let bodies: Vec<_> = sent.iter().map(|request| std::str::from_utf8(&request.body).unwrap()).collect();
    assert_eq!(bodies, frames);
    assert!(frames[0].contains("\"payload\":{\r\n\"text\" : \"h\\u00ef ü\"}"), "{}", frames[0]);
    assert_eq!(serde_json::from_str::<Value>(&frames[1]).unwrap()["id"], outbox);
}

#[tokio::test]
async fn a_socket_resumes_and_chooses() {
    let world = World::new().await;
    let at = serve(&world).await;
    let first = publish(&world, "message", None).await;
    let second = publish(&world, "session.connected", None).await;
    let third = publish(&world, "message", None).await;
    let mut socket =
        open(at, &format!("?ticket={}&lastEventId={first}", ticket(&world).await)).await.unwrap();
    assert_eq!([next_id(&mut socket).await, next_id(&mut socket).await], [second.clone(), third.clone()]);
    let query = format!("?ticket={}&lastEventId={first}&events=poll.*,message", ticket(&world).await);
    assert_eq!(next_id(&mut open(at, &query).await.unwrap()).await, third);
    // The header goes before the parameter.
    let url =
        format!("ws://{at}/whatsapp/api/v1/realtime?ticket={}&lastEventId={first}", ticket(&world).await);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("last-event-id", second.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(next_id(&mut socket).await, third);
    let mut live = open(at, &format!("?ticket={}", ticket(&world).await)).await.unwrap();
    let fourth = publish(&world, "message", None).await;
    assert_eq!(next_id(&mut live).await, fourth);
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let world = World::new().await;
    let at = serve(&world).await;
    let query = format!("?ticket={}", ticket(&world).await);
    let _open = open(at, &query).await.unwrap();
    let unauthorized = (401, "unauthorized".to_owned());
    assert_eq!(refused(at, &query).await, unauthorized, "used");
    for query in ["", "?ticket=", "?ticket=abc", "?ticket=%C3%BC", &format!("?ticket={}", "A".repeat(3000))] {
        assert_eq!(refused(at, query).await, unauthorized, "{query}");
    }
}

#[tokio::test]
async fn a_ticket_is_void_after_a_minute() {
    let world = World::new().await;
    let at = serve(&world).await;
    let (early, late) = (ticket(&world).await, ticket(&world).await);
    world.clock.advance(Duration::from_millis(59_999));
    let _open = open(at, &format!("?ticket={early}")).await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(refused(at, &format!("?ticket={late}")).await, (401, "unauthorized".to_owned()));
}

#[tokio::test]
async fn a_ticket_ends_with_its_key() {
    let mut world = World::new().await;
    let at = serve(&world).await;
    let made = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["read"]}"#).await.json();
    let admin = std::mem::replace(&mut world.key, text(&made["key"]));
    let query = format!("?ticket={}", ticket(&world).await);
    world.key = admin;
    let path = format!("/api/v1/keys/{}", text(&made["id"]));
    assert_eq!(world.call("DELETE", &path, "").await.status, 204);
    assert_eq!(refused(at, &query).await, (401, "unauthorized".to_owned()));
}

#[tokio::test]
async fn what_is_no_handshake_costs_no_ticket() {
    let world = World::new().await;
    let at = serve(&world).await;
    let ticket = ticket(&world).await;
    let path = format!("/whatsapp/api/v1/realtime?ticket={ticket}");
    let answer = world.get(&path).await;
    assert_eq!(refusal(&answer), (400, "validation_error".to_owned(), vec!["upgrade".to_owned()]));
    for (parameter, named) in [
        ("lastEventId=a%20b", "lastEventId"),
        ("events=a,*.b", "events"),
        ("since=1", "since"),
        ("ticket=x", "ticket"),
    ] {
        let answer = world.get(&format!("{path}&{parameter}")).await;
        assert_eq!(refusal(&answer), (400, "validation_error".to_owned(), vec![named.to_owned()]));
        assert_eq!(refused(at, &format!("?ticket={ticket}&{parameter}")).await.0, 400);
    }
    let _open = open(at, &format!("?ticket={ticket}")).await.unwrap();
}

#[tokio::test]
async fn events_are_those_of_the_tickets_holder() {
    let mut world = World::new().await;
    let at = serve(&world).await;
    let foreign = publish(&world, "message", None).await;
    world.key = world.key_of("other", Environment::Live, &Capability::ALL).await;
    for last in [foreign.as_str(), "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let query = format!("?ticket={}&lastEventId={last}", ticket(&world).await);
        assert_eq!(refused(at, &query).await, (404, "not_found".to_owned()), "{last}");
    }
}

#[tokio::test]
async fn sockets_count_among_the_streams_of_a_key() {
    let options = ApiOptions { streams_per_key_max: 1, ..ApiOptions::default() };
    let world = World::with(Options::default(), options).await;
    let at = serve(&world).await;
    let _open = open(at, &format!("?ticket={}", ticket(&world).await)).await.unwrap();
    let query = format!("?ticket={}", ticket(&world).await);
    assert_eq!(refused(at, &query).await, (429, "rate_limited".to_owned()));
}
