//! Small servers that say exactly what a test tells them to, and clients to call them with.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use posthouse_egress::{AddressPolicy, Egress, EgressConfig, SendReport, SendRequest, Sender};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long enough never to be the reason that a test ends.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// A limit that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// A listener that runs a handler for each connection and counts them.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start<H, F>(handler: H) -> Self
    where
        H: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handler(stream));
            }
        });
        Self { address, accepted }
    }

    /// Answers every request of every connection with the same bytes.
    pub(crate) async fn answering(answer: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            while read_request(&mut stream).await.is_some() {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        })
        .await
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Head and body of one request; `None` when the connection ended.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// A configuration for tests: local targets allowed, system certificates not read.
pub(crate) fn local_config() -> EgressConfig {
    let policy = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    EgressConfig { policy, ..default_config() }
}

/// The default configuration, without reading system certificates.
pub(crate) fn default_config() -> EgressConfig {
    EgressConfig { native_roots: false, ..EgressConfig::default() }
}

pub(crate) fn local() -> Egress {
    Egress::new(local_config()).unwrap()
}

pub(crate) fn request(url: &str) -> SendRequest {
    SendRequest { timeout: LONG, ..SendRequest::post(url.parse().unwrap(), Bytes::from_static(b"{}")) }
}

pub(crate) async fn post(egress: &Egress, url: &str) -> SendReport {
    egress.send(request(url)).await
}
