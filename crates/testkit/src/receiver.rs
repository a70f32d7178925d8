//! A real HTTP receiver on loopback that records what arrives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Listens on a free port of loopback for as long as it lives.
pub struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    arrivals: Mutex<mpsc::UnboundedReceiver<Received>>,
    server: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts a receiver that answers 204.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(204));
        let server = tokio::spawn(accept(listener, arrived, Arc::clone(&status)));
        Self { address, status, arrivals: Mutex::new(arrivals), server }
    }

    /// A URL of this receiver.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Waits for the next request.
    pub async fn next(&self) -> Received {
        self.arrivals.lock().await.recv().await.expect("the server outlives its receiver")
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, arrived: mpsc::UnboundedSender<Received>, status: Arc<AtomicU16>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (arrived, status) = (arrived.clone(), Arc::clone(&status));
        let service = service_fn(move |request: Request<Incoming>| {
            let (arrived, status) = (arrived.clone(), Arc::clone(&status));
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                arrived.send(Received { path, headers: head.headers, body }).ok();
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() =
                    StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap_or(StatusCode::NO_CONTENT);
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
