//! What every handler is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use posthouse_engine::Engine;
use posthouse_types::SecretText;
use posthouse_types::limits::{BATCH_BYTES_MAX, REQUEST_BYTES_MAX};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use super::limits::{
    INGEST_BYTES_MAX, REQUEST_TIMEOUT_DEFAULT, STREAM_KEEP_ALIVE, STREAM_SEND_TIMEOUT, STREAMS_PER_KEY_MAX,
};
use super::{Credentials, Room, Slots};

/// How the HTTP surface behaves; the operator's choice.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Time for reading a request and beginning the answer.
    pub request_timeout: Duration,
    /// Body of a request that publishes one event or manages something, bytes.
    pub request_bytes_max: usize,
    /// Body of a batch publish, bytes.
    pub batch_bytes_max: usize,
    /// Bodies of all requests to sources that are being read or worked on, bytes; rounded up to 1024.
    pub ingest_bytes_max: usize,
    /// Live streams that one key may have open.
    pub streams_per_key_max: usize,
    /// A live stream says at least this often that it is there, and asks whether its key still is.
    pub stream_keep_alive: Duration,
    /// How long the reader of a live stream may take nothing.
    pub stream_send_timeout: Duration,
    /// Where callers reach the server, without a slash at the end; what links are made from. Without it they are
    /// made from the `Host` header.
    pub public_url: Option<Arc<str>>,
    /// Host names that one dialect has to itself, at its own original paths: the name in lower case, without a port,
    /// and the dialect's name.
    pub hosts: Arc<[(String, String)]>,
    /// Proxies in front of the server, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// What `/metrics` shows; without it there is no such path.
    pub metrics: Option<Metrics>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            request_timeout: REQUEST_TIMEOUT_DEFAULT,
            request_bytes_max: REQUEST_BYTES_MAX,
            batch_bytes_max: BATCH_BYTES_MAX,
            ingest_bytes_max: INGEST_BYTES_MAX,
            streams_per_key_max: STREAMS_PER_KEY_MAX,
            stream_keep_alive: STREAM_KEEP_ALIVE,
            stream_send_timeout: STREAM_SEND_TIMEOUT,
            public_url: None,
            hosts: Arc::from([]),
            trusted_proxies: Arc::from([]),
            metrics: None,
        }
    }
}

/// What `/metrics` shows, and to whom.
#[derive(Clone)]
pub struct Metrics {
    render: Arc<dyn Fn() -> String + Send + Sync>,
    /// SHA-256 of the token.
    token: Option<[u8; 32]>,
    open: bool,
}

impl Metrics {
    /// `render` writes them in the text format of Prometheus. Who presents `token` as a bearer token may read them;
    /// without a token everyone whom no proxy forwarded may if they are `open`, else no one.
    pub fn new(
        render: Arc<dyn Fn() -> String + Send + Sync>,
        token: Option<&SecretText>,
        open: bool,
    ) -> Self {
        let token = token.map(|token| Sha256::digest(token.expose()).into());
        Self { render, token, open }
    }

    /// Whether whoever presents this may read them; `is_direct`: no proxy says that it forwards for another. Takes the
    /// same time however much of it is right.
    pub(crate) fn admits(&self, presented: Option<&[u8]>, is_direct: bool) -> bool {
        match &self.token {
            Some(token) => {
                presented.is_some_and(|presented| token.ct_eq(Sha256::digest(presented).as_slice()).into())
            }
            None => self.open && is_direct,
        }
    }

    pub(crate) fn text(&self) -> String {
        (self.render)()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("token", &self.token.is_some())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// The state of all routers.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: Arc<ApiOptions>,
    /// True when the server stops: live streams end then.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) streams: Slots,
    /// What bodies of requests to sources may fill.
    pub(crate) ingest_room: Room,
    /// What the dialect takes for an answer to "who calls?".
    pub(crate) credentials: Credentials,
}
