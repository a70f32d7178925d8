//! The load generator: keep-alive connections, one request at a time on each, bodies prepared beforehand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::{Context, Error, Result};
use crate::payload;
use crate::stats;

/// A server and the key to it.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    host: HeaderValue,
    authorization: HeaderValue,
}

impl Target {
    /// From an address and an API key.
    pub fn new(address: SocketAddr, key: &str) -> Result<Self> {
        let value = |text: String| HeaderValue::from_str(&text).context("header value");
        Ok(Self {
            address,
            host: value(address.to_string())?,
            authorization: value(format!("Bearer {key}"))?,
        })
    }
}

/// One connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    target: Target,
}

/// An answer, read to its end.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

impl Connection {
    /// Connects.
    pub async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("connect")?;
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("handshake")?;
        // Its errors also reach the request in flight.
        tokio::spawn(connection);
        Ok(Self { sender, target: target.clone() })
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.call(Method::GET, path, "application/json", Bytes::new()).await
    }

    /// POST.
    pub async fn post(&mut self, path: &str, content_type: &'static str, body: Bytes) -> Result<Answer> {
        self.call(Method::POST, path, content_type, body).await
    }

    /// POST with these headers, and without the key: as someone who has none.
    pub async fn post_keyless(&mut self, path: &str, headers: HeaderMap, body: Bytes) -> Result<Answer> {
        let mut request = Request::post(path).body(Full::new(body)).context("request")?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, self.target.host.clone());
        self.send(request).await
    }

    async fn call(&mut self, method: Method, path: &str, kind: &'static str, body: Bytes) -> Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.target.host)
            .header(AUTHORIZATION, &self.target.authorization)
            .header(CONTENT_TYPE, HeaderValue::from_static(kind))
            .body(Full::new(body))
            .context("request")?;
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        self.sender.ready().await.context("connection")?;
        let response = self.sender.send_request(request).await.context("send")?;
        let status = response.status();
        let body = response.into_body().collect().await.context("read the answer")?.to_bytes();
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body, if the status is this one.
    pub fn expect(self, status: StatusCode) -> Result<Bytes> {
        const SHOWN: usize = 400;
        if self.status == status {
            return Ok(self.body);
        }
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN)]);
        Err(Error::new(format!("answered {} instead of {status}: {shown}", self.status)))
    }
}

/// How events are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One event in a request.
    Single,
    /// So many events in a request, as one JSON object.
    Json(usize),
    /// So many events in a request, as lines.
    Ndjson(usize),
}

/// Publish requests, ready to be sent.
pub struct Requests {
    path: &'static str,
    content_type: &'static str,
    bodies: Vec<Bytes>,
}

impl Requests {
    /// Puts events into requests.
    pub fn prepare(form: Form, events: &[String]) -> Self {
        let (path, content_type, bodies) = match form {
            Form::Single => {
                let bodies = events.iter().map(|event| Bytes::from(event.clone())).collect();
                ("/api/v1/events", "application/json", bodies)
            }
            Form::Json(size) => {
                let bodies = events.chunks(size).map(payload::json_batch).collect();
                ("/api/v1/events/batch", "application/json", bodies)
            }
            Form::Ndjson(size) => {
                let bodies = events.chunks(size).map(payload::ndjson_batch).collect();
                ("/api/v1/events/batch", "application/x-ndjson", bodies)
            }
        };
        Self { path, content_type, bodies }
    }
}

/// What a closed loop did.
pub struct Published {
    /// When the first request went out.
    pub began: Instant,
    /// From there to the last 202.
    pub took: Duration,
    answers: Vec<Bytes>,
}

impl Published {
    /// How many deliveries the gateway says it has accepted. Not done while measuring.
    pub fn deliveries(&self) -> Result<usize> {
        self.answers.iter().map(|answer| deliveries(answer)).sum()
    }
}

/// Of one event, or of a batch.
#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    deliveries: usize,
    #[serde(default)]
    data: Vec<Accepted>,
}

fn deliveries(answer: &[u8]) -> Result<usize> {
    let accepted: Accepted = serde_json::from_slice(answer).context("answer of publish")?;
    Ok(accepted.deliveries + accepted.data.iter().map(|one| one.deliveries).sum::<usize>())
}

/// Sends all requests over `connections`, on each the next one as soon as the one before is answered.
pub async fn closed_loop(target: &Target, connections: usize, requests: Requests) -> Result<Published> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(target).await?);
    }
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for connection in open {
        senders.spawn(send_next(connection, Arc::clone(&requests), Arc::clone(&next)));
    }
    let mut answers = Vec::with_capacity(requests.bodies.len());
    while let Some(sent) = senders.join_next().await {
        answers.extend(sent.context("sender")??);
    }
    Ok(Published { began, took: began.elapsed(), answers })
}

async fn send_next(
    mut connection: Connection,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
) -> Result<Vec<Bytes>> {
    let mut answers = Vec::new();
    while let Some(body) = requests.bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
        let answer = connection.post(requests.path, requests.content_type, body.clone()).await?;
        answers.push(answer.expect(StatusCode::ACCEPTED)?);
    }
    Ok(answers)
}

/// One request of an open loop.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Its place in the list of requests.
    pub index: usize,
    /// When the call began, in nanoseconds since the epoch given.
    pub began_ns: u64,
    /// From there to its 202.
    pub answered_after_ns: u64,
    /// How much later than planned the call began.
    pub late_ns: u64,
}

/// A schedule that does not wait for answers.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Requests per second.
    pub rate: u32,
    /// Connections they are dealt to in turn.
    pub connections: usize,
    /// Where the times count from.
    pub epoch: Instant,
}

/// Sends request `i` at `i / rate`, whatever became of those before.
///
/// A call begins when it is made. When its connection is still busy with an earlier one at that time, it counts
/// from the planned time, so that a stalled gateway cannot hide the requests it kept from being made.
pub async fn open_loop(target: &Target, schedule: Schedule, requests: Requests) -> Result<Vec<Sent>> {
    let requests = Arc::new(requests);
    let mut open = Vec::with_capacity(schedule.connections);
    for _ in 0..schedule.connections {
        open.push(Connection::open(target).await?);
    }
    let start = Instant::now() + Duration::from_millis(20);
    let mut senders = JoinSet::new();
    for (first, connection) in open.into_iter().enumerate() {
        senders.spawn(send_on_time(connection, Arc::clone(&requests), Turn { schedule, first, start }));
    }
    let mut all = Vec::with_capacity(requests.bodies.len());
    while let Some(sent) = senders.join_next().await {
        all.extend(sent.context("sender")??);
    }
    Ok(all)
}

/// Which requests a connection sends: `first`, and every `connections`-th after it.
struct Turn {
    schedule: Schedule,
    first: usize,
    start: Instant,
}

async fn send_on_time(mut connection: Connection, requests: Arc<Requests>, turn: Turn) -> Result<Vec<Sent>> {
    let schedule = turn.schedule;
    let mut all = Vec::new();
    for index in (turn.first..requests.bodies.len()).step_by(schedule.connections) {
        let planned =
            turn.start + Duration::from_secs_f64(stats::float(index) / f64::from(schedule.rate.max(1)));
        let busy = Instant::now() > planned;
        tokio::time::sleep_until(planned.into()).await;
        let made = Instant::now();
        let began = if busy { planned } else { made };
        let body = requests.bodies[index].clone();
        let answer = connection.post(requests.path, requests.content_type, body).await?;
        let answered_after_ns = stats::nanoseconds(began.elapsed());
        answer.expect(StatusCode::ACCEPTED)?;
        all.push(Sent {
            index,
            began_ns: stats::nanoseconds(began.duration_since(schedule.epoch)),
            answered_after_ns,
            late_ns: stats::nanoseconds(made.duration_since(planned)),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{Form, Requests, deliveries};
    use crate::payload;

    #[test]
    fn deliveries_are_counted_in_both_answers() {
        assert_eq!(deliveries(br#"{"id":"evt_1","deliveries":3}"#).unwrap(), 3);
        let batch = br#"{"data":[{"id":"evt_1","deliveries":1},{"id":"evt_2","deliveries":2}]}"#;
        assert_eq!(deliveries(batch).unwrap(), 3);
    }

    #[test]
    fn events_are_dealt_into_requests() {
        let events: Vec<String> = (0..10).map(|n| payload::event("t", &payload::payload(n, 64))).collect();
        assert_eq!(Requests::prepare(Form::Single, &events).bodies.len(), 10);
        assert_eq!(Requests::prepare(Form::Json(4), &events).bodies.len(), 3);
        assert_eq!(Requests::prepare(Form::Ndjson(5), &events).bodies.len(), 2);
    }
}
