//! The agent that is an HTTP service: answers after a while, and remembers what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{Context, Result};
use crate::faults::Random;
use crate::{hook, listen, stats};

const DELAY_MS_MAX: u64 = 15;
/// Of a thousand deliveries, so many take long.
const SLOW_PER_MILLE: u64 = 20;
const SLOW_DELAY_MS_MAX: u64 = 150;
/// So many are refused for good.
const UNWILLING_PER_MILLE: u64 = 10;

/// What it does wrong in a trial.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moods {
    /// Decides which deliveries are meant.
    pub(super) seed: u64,
    /// Of a thousand deliveries, the first request for so many is answered 503.
    pub(super) unavailable_per_mille: u64,
}

/// One request for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) began_ns: u64,
    /// None when the gateway died first.
    pub(super) answered_ns: Option<u64>,
    pub(super) status: StatusCode,
}

/// A running service; stops accepting when dropped.
pub(super) struct Runner {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    epoch: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    moods: Moods,
    /// By the number in the delivery's key.
    runs: HashMap<usize, Vec<Run>>,
    strange: usize,
}

/// Of what the gateway asks.
#[derive(Deserialize)]
struct Asked {
    message: String,
}

impl Moods {
    /// Whether the delivery with this number is refused for good.
    pub(super) fn refuses(self, number: usize) -> bool {
        self.of(number).below(1_000) < UNWILLING_PER_MILLE
    }

    fn is_unavailable_for(self, number: usize) -> bool {
        let mut random = self.of(number);
        random.bits();
        random.below(1_000) < self.unavailable_per_mille
    }

    /// A generator that always draws the same for a delivery.
    fn of(self, number: usize) -> Random {
        Random::new(self.seed ^ (number as u64).rotate_left(32))
    }
}

impl Runner {
    /// On a free loopback port.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("agent: listen")?;
        let address = listener.local_addr().context("agent: own address")?;
        let shared = Arc::new(Shared { epoch: Instant::now(), state: Mutex::default() });
        let answering = Arc::clone(&shared);
        let accepting = tokio::spawn(listen::accept(listener, move |request| {
            let shared = Arc::clone(&answering);
            async move { shared.run(request).await }
        }));
        Ok(Self { address, shared, accepting })
    }

    /// Where it is asked.
    pub(super) fn url(&self) -> String {
        format!("http://{}/run", self.address)
    }

    /// Now, in nanoseconds of its own clock.
    pub(super) fn now_ns(&self) -> u64 {
        stats::nanoseconds(self.shared.epoch.elapsed())
    }

    /// From now on these.
    pub(super) fn set(&self, moods: Moods) {
        self.shared.lock().moods = moods;
    }

    /// Takes what it was asked since the last call, and how much of that was about none of our deliveries.
    pub(super) fn take(&self) -> (HashMap<usize, Vec<Run>>, usize) {
        let mut state = self.shared.lock();
        (std::mem::take(&mut state.runs), std::mem::take(&mut state.strange))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Ok(body) = request.into_body().collect().await else {
            return answer(StatusCode::BAD_REQUEST, "");
        };
        let asked: Option<Asked> = serde_json::from_slice(&body.to_bytes()).ok();
        let Some(number) = asked.and_then(|asked| hook::number(&asked.message)) else {
            self.lock().strange += 1;
            return answer(StatusCode::BAD_REQUEST, "");
        };
        let (place, status, delay) = self.begin(number);
        tokio::time::sleep(delay).await;
        let answered_ns = stats::nanoseconds(self.epoch.elapsed());
        if let Some(run) = self.lock().runs.get_mut(&number).and_then(|runs| runs.get_mut(place)) {
            run.answered_ns = Some(answered_ns);
        }
        answer(status, &format!(r#"{{"content":"Looked at {}."}}"#, hook::key(number)))
    }

    /// Notes a request; gives its place among those for the delivery, and how to answer it.
    fn begin(&self, number: usize) -> (usize, StatusCode, Duration) {
        let began_ns = stats::nanoseconds(self.epoch.elapsed());
        let mut state = self.lock();
        let moods = state.moods;
        let runs = state.runs.entry(number).or_default();
        let place = runs.len();
        let status = if moods.refuses(number) {
            StatusCode::UNPROCESSABLE_ENTITY
        } else if place == 0 && moods.is_unavailable_for(number) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        runs.push(Run { began_ns, answered_ns: None, status });
        let mut random = Random::new(began_ns ^ moods.seed);
        let most = if random.below(1_000) < SLOW_PER_MILLE { SLOW_DELAY_MS_MAX } else { DELAY_MS_MAX };
        (place, status, Duration::from_millis(random.below(most + 1)))
    }
}

fn answer(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::Moods;

    #[test]
    fn moods_stay_with_their_delivery_and_are_about_as_often_as_set() {
        let moods = Moods { seed: 3, unavailable_per_mille: 100 };
        let unavailable = (0..10_000).filter(|number| moods.is_unavailable_for(*number)).count();
        assert!((850..1_150).contains(&unavailable), "{unavailable}");
        let refused = (0..10_000).filter(|number| moods.refuses(*number)).count();
        assert!((50..150).contains(&refused), "{refused}");
        assert!((0..100).all(|number| moods.refuses(number) == moods.refuses(number)));
    }
}
