//! Connections: bounded in number and in time, ended in order.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use posthouse_api::{ServeOptions, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::stream::{PATIENCE, connect};
use crate::world::World;

/// Short, for what a test waits to happen.
const SOON: Duration = Duration::from_millis(100);

struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    /// Lets `/slow` answer.
    go_on: Arc<Notify>,
    /// `/slow` was asked.
    asked: Arc<Notify>,
}

async fn serving(options: ServeOptions) -> Serving {
    let (go_on, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (until, tell) = (Arc::clone(&go_on), Arc::clone(&asked));
    let slow = async move || {
        tell.notify_one();
        until.notified().await;
        "slow"
    };
    let endless = async || {
        let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
        Body::from_stream(futures_util::stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone())))
    };
    let silent = async || Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let router = Router::new()
        .route("/quick", get(async || "quick"))
        .route("/silent", get(silent))
        .route("/slow", get(slow))
        .route("/endless", get(endless));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = watch::Sender::new(false);
    let served = tokio::spawn(serve(listener, router, stop.subscribe(), options));
    Serving { address, stop, served, go_on, asked }
}

impl Serving {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn ends(self) {
        timeout(PATIENCE, self.served).await.unwrap().unwrap();
    }
}

async fn ask(connection: &mut TcpStream, path: &str) {
    connection.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
}

/// Reads until what was read ends like this.
async fn answer(connection: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !read.ends_with(end.as_bytes()) {
            let byte = connection.read_u8().await.unwrap();
            read.push(byte);
        }
    };
    timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

/// Waits for the end of a connection, which may be a reset.
async fn closed(connection: &mut TcpStream) {
    timeout(PATIENCE, async { while connection.read_u8().await.is_ok() {} }).await.unwrap();
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let serving = serving(ServeOptions { head_timeout: SOON, ..ServeOptions::default() }).await;
    let mut silent = serving.connect().await;
    let mut slow = serving.connect().await;
    slow.write_all(b"GET /quick HTTP/1.1\r\nhost").await.unwrap();
    let mut second = serving.connect().await;
    ask(&mut second, "/quick").await;
    answer(&mut second, "quick").await;
    second.write_all(b"GET").await.unwrap();
    for connection in [&mut silent, &mut slow, &mut second] {
        closed(connection).await;
    }
}

#[tokio::test]
async fn a_connection_may_rest_longer_than_a_head_may_take() {
    let (head_timeout, idle_timeout) = (SOON / 2, SOON * 4);
    // The rest began a moment before it is measured.
    let rest = SOON * 3;
    let serving = serving(ServeOptions { head_timeout, idle_timeout, ..ServeOptions::default() }).await;
    let mut connection = serving.connect().await;
    for _ in 0..3 {
        ask(&mut connection, "/quick").await;
        assert!(answer(&mut connection, "quick").await.starts_with("HTTP/1.1 200"));
    }
    let since = Instant::now();
    closed(&mut connection).await;
    assert!(since.elapsed() >= rest, "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_handler_may_take_longer_than_a_head() {
    let options = ServeOptions { head_timeout: SOON / 4, idle_timeout: SOON / 4, ..ServeOptions::default() };
    let serving = serving(options).await;
    let mut connection = serving.connect().await;
    ask(&mut connection, "/slow").await;
    serving.asked.notified().await;
    assert!(timeout(SOON, connection.read_u8()).await.is_err(), "nothing yet, and no end");
    serving.go_on.notify_one();
    answer(&mut connection, "slow").await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let serving = serving(ServeOptions { connections_max: 1, ..ServeOptions::default() }).await;
    let mut first = serving.connect().await;
    ask(&mut first, "/quick").await;
    answer(&mut first, "quick").await;
    let mut second = serving.connect().await;
    ask(&mut second, "/quick").await;
    assert!(timeout(SOON, second.read_u8()).await.is_err());
    drop(first);
    answer(&mut second, "quick").await;
}

#[tokio::test]
async fn a_client_that_has_gone_is_not_answered_any_longer() {
    let options = ServeOptions { connections_max: 1, head_timeout: SOON, ..ServeOptions::default() };
    let serving = serving(options).await;
    let mut first = serving.connect().await;
    ask(&mut first, "/slow").await;
    serving.asked.notified().await;
    drop(first);
    let mut second = serving.connect().await;
    ask(&mut second, "/silent").await;
    answer(&mut second, "\r\n\r\n").await;
    drop(second);
    let mut third = serving.connect().await;
    ask(&mut third, "/quick").await;
    answer(&mut third, "quick").await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_place() {
    let options = ServeOptions { connections_max: 1, write_timeout: SOON, ..ServeOptions::default() };
    let serving = serving(options).await;
    let mut stalled = serving.connect().await;
    ask(&mut stalled, "/endless").await;
    let mut next = serving.connect().await;
    ask(&mut next, "/quick").await;
    answer(&mut next, "quick").await;
    closed(&mut stalled).await;
}

#[tokio::test]
async fn the_end_waits_for_what_is_being_answered() {
    let serving = serving(ServeOptions { grace: PATIENCE * 10, ..ServeOptions::default() }).await;
    let mut busy = serving.connect().await;
    ask(&mut busy, "/slow").await;
    serving.asked.notified().await;
    let mut idle = serving.connect().await;
    ask(&mut idle, "/quick").await;
    answer(&mut idle, "quick").await;
    let mut untouched = serving.connect().await;
    serving.stop.send_replace(true);
    closed(&mut idle).await;
    closed(&mut untouched).await;
    assert!(!serving.served.is_finished());
    serving.go_on.notify_one();
    answer(&mut busy, "slow").await;
    closed(&mut busy).await;
    assert!(TcpStream::connect(serving.address).await.is_err());
    serving.ends().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_ever() {
    let serving = serving(ServeOptions { grace: SOON, ..ServeOptions::default() }).await;
    let mut busy = serving.connect().await;
    ask(&mut busy, "/slow").await;
    serving.asked.notified().await;
    serving.stop.send_replace(true);
    serving.ends().await;
    closed(&mut busy).await;
}

#[tokio::test]
async fn live_streams_do_not_hold_up_the_end() {
    let world = World::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions { grace: PATIENCE * 10, ..ServeOptions::default() };
    let served = tokio::spawn(serve(listener, world.router.clone(), world.stop.subscribe(), options));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("GET /api/v1/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", world.key);
    stream.write_all(head.as_bytes()).await.unwrap();
    answer(&mut stream, "\r\n\r\n").await;
    let socket = connect(&world, "").await.unwrap();
    world.stop.send_replace(true);
    assert!(answer(&mut stream, "0\r\n\r\n").await.len() < 100);
    timeout(PATIENCE, served).await.unwrap().unwrap();
    drop(socket);
}
