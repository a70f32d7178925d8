//! Connections: accepted no more than may be, ended when they stall, and all ended in order at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, timeout};
use tower::Service as _;

use self::pulse::{Phase, Pulse};
use self::wire::Wire;

mod pulse;
mod wire;

/// How long to wait when the system has no room for one more connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are treated; the operator's choice.
#[derive(Debug, Clone, Copy)]
pub struct ServeOptions {
    /// Connections at a time; more wait in the system's queue.
    pub connections_max: u32,
    /// Time for the head of a request, from its first byte (of the first request: from the connection on).
    pub head_timeout: Duration,
    /// How long a connection may wait for its next request. Longer than that of common proxies, which would
    /// otherwise send a request into a connection that is just being closed.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// At the end: time for the requests in progress.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves until `stop` says true, or is dropped; each request carries its peer's address as [`ConnectInfo`]. Then no connection is accepted, those that wait for a request are
/// closed, those that answer one have `grace` to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    options: ServeOptions,
) {
    let places = Arc::new(Semaphore::new(options.connections_max as usize));
    let mut connections = JoinSet::new();
    let mut has_room = true;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((accepted, place)) => {
                has_room = true;
                connections.spawn(connection(accepted, place, router.clone(), stop.clone(), options));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Once for as long as it lasts.
                if std::mem::take(&mut has_room) {
                    tracing::warn!("can not accept connections at the moment: {error}");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_ended = async {
        while connections.join_next().await.is_some() {}
        // Those that became WebSockets are not ours any more, but keep their places while they last.
        drop(places.acquire_many(options.connections_max).await);
    };
    if timeout(options.grace, all_ended).await.is_err() {
        tracing::info!("connections still open after {:?} are closed", options.grace);
    }
}

/// Waits until `stop` says true, or is dropped.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<((TcpStream, SocketAddr), OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    // Answers are small and written whole: waiting to fill a segment would only delay them.
    drop(stream.set_nodelay(true));
    Ok(((stream, peer), place))
}

/// True when the connection that was to be accepted is gone, and nothing else is wrong.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    place: OwnedSemaphorePermit,
    router: Router,
    mut stop: watch::Receiver<bool>,
    options: ServeOptions,
) {
    let pulse = Arc::new(Pulse::new());
    let wire = Wire::new(stream, place, Arc::clone(&pulse), options.write_timeout);
    let answering = Arc::clone(&pulse);
    let service = service_fn(move |mut request: Request<Incoming>| {
        answering.now_is(Phase::Answering);
        let pulse = Arc::clone(&answering);
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().call(request.map(Body::new));
        async move {
            let answer: Result<_, Infallible> = answer.await;
            pulse.now_is(Phase::Idle);
            answer
        }
    });
    let mut http = http1::Builder::new();
    // Its own limit would also end connections that wait for their next request.
    http.header_read_timeout(None);
    // Else, while a request is answered, it would read on, with a buffer for it, only to see whether the client has
    // gone. The wire watches for that where an answer takes long.
    http.half_close(true);
    let mut served = pin!(http.serve_connection(TokioIo::new(wire), service).with_upgrades());
    let look = options.head_timeout / 2;
    let mut looks = interval_at(Instant::now() + look, look);
    let mut ending = false;
    loop {
        let end = tokio::select! {
            biased;
            result = served.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!("a connection broke off: {error}");
                }
                return;
            }
            () = stopped(&mut stop), if !ending => {
                if pulse.is_untouched() {
                    return;
                }
                true
            }
            _ = looks.tick() => {
                pulse.watch_for_end();
                match pulse.phase() {
                    (Phase::Head, lasts) if lasts > options.head_timeout => return,
                    (Phase::Idle, lasts) => lasts > options.idle_timeout,
                    (Phase::Head | Phase::Answering, _) => false,
                }
            }
        };
        if end && !ending {
            // What is being answered, or streamed, goes on to its end.
            served.as_mut().graceful_shutdown();
            ending = true;
        }
    }
}
