//! The receiver: a hyper HTTP/1 server that reads the body, notes which event it was and answers 204.
//!
//! The path says which endpoint it was (`/e/<number>`). One code for all uses, so that the raw limit and the
//! gateway figures pay the same price for receiving.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{Context, Result};
use crate::faults::{Fault, Faults};
use crate::listen;
use crate::payload;
use crate::recorder::Recorder;

/// A running receiver; stops accepting when dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    recorder: Recorder,
    faults: Faults,
    /// Slots per endpoint: an event for endpoint `e` has the slot `e * stride + number`.
    stride: usize,
    /// By endpoint. Where endpoints are not kept apart, only endpoint 0 has one.
    samples: Box<[OnceLock<Sample>]>,
}

/// The first request that arrived by an endpoint, whole, to check the signature after the measurement.
pub struct Sample {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Sink {
    /// Listens on a free loopback port and keeps `slots` event numbers, whichever endpoint they come by.
    pub async fn start(slots: usize) -> Result<Self> {
        Self::with_stride(slots, 0, 1).await
    }

    /// The same event comes by several endpoints: keeps `events` numbers for each of `endpoints`.
    pub async fn start_fanned(endpoints: usize, events: usize) -> Result<Self> {
        Self::with_stride(endpoints * events, events, endpoints).await
    }

    async fn with_stride(slots: usize, stride: usize, samples: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("sink: listen")?;
        let address = listener.local_addr().context("sink: own address")?;
        let shared = Arc::new(Shared {
            recorder: Recorder::new(slots),
            faults: Faults::default(),
            stride,
            samples: std::iter::repeat_with(OnceLock::new).take(samples).collect(),
        });
        let answering = Arc::clone(&shared);
        let accepting = tokio::spawn(listen::accept(listener, move |request| {
            let shared = Arc::clone(&answering);
            async move { shared.receive(request).await }
        }));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of one endpoint.
    pub fn url(&self, endpoint: usize) -> String {
        format!("http://{}/e/{endpoint}", self.address)
    }

    /// What arrived.
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }

    /// What it does wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The first request that arrived by this endpoint.
    pub fn sample(&self, endpoint: usize) -> Option<&Sample> {
        self.shared.samples.get(endpoint)?.get()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    async fn receive(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (head, body) = request.into_parts();
        let endpoint = endpoint_of(head.uri.path());
        let Ok(body) = body.collect().await else { return answer(StatusCode::BAD_REQUEST) };
        let body = body.to_bytes();
        if let Some(endpoint) = endpoint
            && self.faults.hangs(endpoint)
        {
            return std::future::pending().await;
        }
        let (Some(endpoint), Some(number)) = (endpoint, payload::number(&body)) else {
            self.recorder.strange();
            return answer(StatusCode::NO_CONTENT);
        };
        let slot = endpoint as usize * self.stride + number;
        match self.faults.of(slot) {
            Fault::Refuse if self.recorder.refuse_once(slot) => {
                return answer(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Fault::Delay(wait) => {
                self.recorder.arrived(slot);
                tokio::time::sleep(wait).await;
            }
            Fault::None | Fault::Refuse => self.recorder.arrived(slot),
        }
        if let Some(sample) = self.samples.get(endpoint as usize)
            && sample.get().is_none()
        {
            sample.get_or_init(|| Sample { headers: head.headers, body });
        }
        answer(StatusCode::NO_CONTENT)
    }
}

fn endpoint_of(path: &str) -> Option<u32> {
    path.strip_prefix("/e/")?.parse().ok()
}

fn answer(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}
