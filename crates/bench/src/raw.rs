//! The raw limit: what a pooled hyper client can post to the sink on this machine, signing each request, with
//! no gateway, no store and no fsync in between.
//!
//! One definition, used for every ratio: 1 KiB bodies, 64 requests in flight over as many keep-alive
//! connections, each signed with HMAC-SHA256 as Standard Webhooks has it, client and sink in one process on a
//! runtime with two workers. What client and sink in two processes reach is reported beside it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use crate::child::Listening;
use crate::error::{Context, Error, Result};
use crate::payload;
use crate::signature::Signer;
use crate::sink::Sink;
use crate::stats;

/// Requests in flight.
pub const IN_FLIGHT: usize = 64;
/// Bytes of a body.
pub const BODY_BYTES: usize = 1_024;

const PATIENCE: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(5);

/// How much to send.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    /// Requests before the measurement.
    pub warm_up: usize,
    /// Requests measured.
    pub measured: usize,
}

impl Amount {
    /// Both.
    pub fn total(self) -> usize {
        self.warm_up + self.measured
    }
}

/// Requests per second with client and sink in this process.
pub async fn one_process(amount: Amount) -> Result<f64> {
    let sink = Sink::start(amount.total()).await?;
    let rate = post_all(sink.address(), amount).await?;
    sink.recorder().wait_for(amount.total(), STALL).await?;
    match sink.recorder().take_repeats().len() {
        0 => Ok(rate),
        repeats => Err(Error::new(format!("{repeats} requests arrived twice without a gateway"))),
    }
}

/// Requests per second with the sink in a process of its own, started from this program's file.
pub async fn two_processes(amount: Amount, folder: &Path) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe().context("own program file")?);
    command.args(["sink", "--slots", &amount.total().to_string()]);
    let log = tempfile::NamedTempFile::new_in(folder).context("log of the sink")?;
    let sink = Listening::start(command, log.path(), PATIENCE).await?;
    post_all(sink.address, amount).await
}

struct Poster {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    signer: Signer,
    bodies: Vec<Bytes>,
    next: AtomicUsize,
}

async fn post_all(address: SocketAddr, amount: Amount) -> Result<f64> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let poster = Arc::new(Poster {
        client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IN_FLIGHT).build(connector),
        uri: format!("http://{address}/e/0").parse().context("address of the sink")?,
        signer: Signer::new(&[7; 32])?,
        bodies: (0..amount.total()).map(|n| Bytes::from(payload::payload(n, BODY_BYTES))).collect(),
        next: AtomicUsize::new(0),
    });
    post_until(&poster, amount.warm_up).await?;
    let began = Instant::now();
    post_until(&poster, amount.total()).await?;
    Ok(stats::per_second(amount.measured, began.elapsed()))
}

async fn post_until(poster: &Arc<Poster>, end: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let poster = Arc::clone(poster);
        tasks.spawn(async move { poster.post_next(end).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.context("poster")??;
    }
    // Each task took one number too many.
    poster.next.store(end, Ordering::Relaxed);
    Ok(())
}

impl Poster {
    async fn post_next(&self, end: usize) -> Result<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok(());
            }
            let response = self.client.request(self.request(number)?).await.context("post to the sink")?;
            if !response.status().is_success() {
                return Err(Error::new(format!("the sink answered {}", response.status())));
            }
            response.into_body().collect().await.context("answer of the sink")?;
        }
    }

    fn request(&self, number: usize) -> Result<Request<Full<Bytes>>> {
        let body = self.bodies[number].clone();
        let id = format!("evt_{number:026}");
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let signature = self.signer.sign(&id, &timestamp, &body);
        Request::post(self.uri.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Full::new(body))
            .context("request")
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, one_process};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everything_posted_arrives_once() {
        let rate = one_process(Amount { warm_up: 100, measured: 500 }).await.unwrap();
        assert!(rate > 0.0);
    }
}
