//! The real sender: a pooled HTTP/1.1 client on the checked connector.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderMap, HeaderName};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use posthouse_types::outcome::{Outcome, Stage};
use tokio::time::Instant;

use crate::answer::{Kept, bound_headers, read_kept};
use crate::config::{EgressConfig, EgressError};
use crate::connect::{CheckedTcp, ConnectError, TimedConnector};
use crate::limits::{READ_BUFFER_BYTES_MAX, RESPONSE_HEADERS_ACCEPTED_MAX};
use crate::sender::{SendReport, SendRequest, Sender};
use crate::target::scheme_port;
use crate::tls;

/// The client for user-given URLs. Cheap to clone; clones share the pool. Needs a Tokio runtime with I/O
/// and time.
#[derive(Clone)]
pub struct Egress {
    client: Client<TimedConnector, Full<Bytes>>,
}

impl Egress {
    /// Sets up the client; opens no connection. Reads the system's root certificates when configured.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        let tls_config = tls::client_config(config.native_roots, &config.extra_roots_pem)?;
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config)
            .https_or_http()
            .with_server_name_resolver(tls::server_name)
            .enable_http1()
            .wrap_connector(CheckedTcp::new(config.policy, config.proxy));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(config.idle_timeout)
            .pool_max_idle_per_host(config.idle_per_host)
            // Retries only what was never written, so one attempt stays one request on the wire.
            .retry_canceled_requests(true)
            .http1_max_headers(RESPONSE_HEADERS_ACCEPTED_MAX)
            .http1_max_buf_size(READ_BUFFER_BYTES_MAX)
            .build(TimedConnector::new(https, config.connect_timeout));
        Ok(Self { client })
    }

    async fn attempt(&self, request: SendRequest) -> Result<Answer, Failure> {
        scheme_port(&request.uri).map_err(|error| Failure::connect(&error.into()))?;
        let kept_max = request.response_kept_bytes_max;
        let mut wire = Request::new(Full::new(request.body));
        *wire.method_mut() = request.method;
        *wire.uri_mut() = request.uri;
        *wire.headers_mut() = request.headers;
        drop_our_headers(wire.headers_mut());

        let response = self.client.request(wire).await.map_err(|error| Failure::request(&error))?;
        let (head, body) = response.into_parts();
        let kept = read_kept(body, kept_max).await.map_err(|error| Failure::broken(&error))?;
        Ok(Answer { status: head.status.as_u16(), headers: bound_headers(head.headers), kept })
    }
}

#[async_trait]
impl Sender for Egress {
    async fn send(&self, request: SendRequest) -> SendReport {
        let started = Instant::now();
        let limit = request.timeout;
        let result = tokio::time::timeout(limit, self.attempt(request)).await;
        let (outcome, answer, error, may_have_arrived) = match result {
            Ok(Ok(answer)) => (Outcome::from_status(answer.status), answer, None, true),
            Ok(Err(Failure { outcome, reason, may_have_arrived })) => {
                (outcome, Answer::default(), Some(reason), may_have_arrived)
            }
            Err(_) => {
                let reason = format!("no complete answer within {} ms", limit.as_millis());
                (Outcome::Timeout, Answer::default(), Some(reason), true)
            }
        };
        SendReport {
            outcome,
            response_headers: answer.headers,
            response_body: answer.kept.bytes,
            response_truncated: answer.kept.truncated,
            error,
            may_have_arrived,
            duration: started.elapsed(),
        }
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").finish_non_exhaustive()
    }
}

/// A complete answer, or as much of it as is kept.
#[derive(Default)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    kept: Kept,
}

/// Why there is no answer.
struct Failure {
    outcome: Outcome,
    reason: String,
    /// See [`SendReport::may_have_arrived`].
    may_have_arrived: bool,
}

impl Failure {
    /// The client failed before the head of an answer.
    fn request(error: &legacy::Error) -> Self {
        match find_cause::<ConnectError>(error) {
            Some(connect) => Self::connect(connect),
            None => Self::broken(error),
        }
    }

    fn connect(error: &ConnectError) -> Self {
        let outcome = match error {
            ConnectError::Target(_) | ConnectError::Blocked(_) => Outcome::Blocked,
            ConnectError::Dns(_) => Outcome::Unreachable { stage: Stage::Dns },
            ConnectError::Tcp(_) | ConnectError::Proxy(_) => Outcome::Unreachable { stage: Stage::Connect },
            ConnectError::Tls(_) => Outcome::Unreachable { stage: Stage::Tls },
            ConnectError::Timeout(_) => Outcome::Timeout,
        };
        Self { outcome, reason: error.to_string(), may_have_arrived: false }
    }

    /// The connection, once made, gave no complete answer.
    fn broken(error: &(dyn Error + 'static)) -> Self {
        let not_http = find_cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
        let reason = if not_http {
            "the answer was not valid HTTP/1.1 or its head was too large"
        } else {
            "the connection broke before the answer was complete"
        };
        let outcome = Outcome::Unreachable { stage: Stage::Connect };
        Self { outcome, reason: reason.to_owned(), may_have_arrived: true }
    }
}

fn find_cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// Drops the headers that are not the caller's to set. Looks before it touches: nearly always none is there.
fn drop_our_headers(headers: &mut HeaderMap) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    static OURS: [HeaderName; 10] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::EXPECT,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ];
    if headers.keys().any(|name| OURS.contains(name)) {
        for name in &OURS {
            headers.remove(name);
        }
    }
}
