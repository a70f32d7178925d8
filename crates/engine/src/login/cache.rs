//! The JWK set as fetched last: when it is fetched again, and how often that may be.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{ACCEPT, HeaderValue};
use parking_lot::Mutex;
use posthouse_egress::{SendRequest, Sender};
use posthouse_types::Timestamp;

use super::set::KeySet;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// Keys are used for this long, then fetched again …
const FRESH_FOR: Duration = Duration::from_secs(10 * 60);
/// … and used on for as long as this in all when that fails.
const USED_FOR: Duration = Duration::from_secs(3600);
/// After a failure, logins by keys that are there do not try again, and wait for it, for this long.
const PAUSE: Duration = Duration::from_secs(10);
/// Time for one fetch: logins wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of the largest set: a hundred keys with their certificates.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// The keys of one JWK set.
pub(super) struct KeyCache {
    uri: Uri,
    sender: Arc<dyn Sender>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held by the one who fetches; the others wait for it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Fetches so far, failed ones too: who waited for one sees that it was made.
    fetches: u64,
    failed_at: Option<Timestamp>,
    allowance: Allowance,
}

#[derive(Clone)]
struct Held {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
}

impl Held {
    /// How old the keys are; when the clock was set back meanwhile, that is not known, and they are fetched again.
    fn age(&self, now: Timestamp) -> Duration {
        if now < self.fetched_at { FRESH_FOR } else { now.since(self.fetched_at) }
    }
}

impl KeyCache {
    pub(super) fn new(uri: Uri, sender: Arc<dyn Sender>, clock: Arc<dyn Clock>) -> Self {
        Self { uri, sender, clock, state: Mutex::default(), turn: Arc::default() }
    }

    /// The keys to look for `id` in: those at hand when it is among them and they are fresh, else as the set is
    /// now.
    pub(super) async fn keys_for(self: &Arc<Self>, id: Option<&str>) -> Result<Arc<KeySet>> {
        let fetches = {
            let state = self.state.lock();
            if let Some(held) = state.at_hand(id, self.clock.now()) {
                return Ok(held);
            }
            state.fetches
        };
        self.fetch_once(fetches).await;
        let now = self.clock.now();
        let state = self.state.lock();
        let held = state.held.as_ref().filter(|held| held.age(now) < USED_FOR);
        held.map(|held| Arc::clone(&held.keys)).ok_or_else(|| {
            let detail = "the keys of logins can not be fetched just now; try again";
            Error::new(ErrorKind::Unavailable, detail)
        })
    }

    /// Fetches, unless someone else did since `seen` fetches were made, or it was done too often lately.
    async fn fetch_once(self: &Arc<Self>, seen: u64) {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        {
            let mut state = self.state.lock();
            if state.fetches != seen || !state.allowance.take(self.clock.now()) {
                return;
            }
        }
        let cache = Arc::clone(self);
        // A task of its own: a caller that hangs up must not take with it what others wait for.
        let fetch = tokio::spawn(async move {
            cache.fetch().await;
            drop(turn);
        });
        if fetch.await.is_err() {
            tracing::error!("fetching the keys of logins was given up half-way");
        }
    }

    async fn fetch(&self) {
        let started = self.clock.now();
        let fetched = self.read().await;
        let mut state = self.state.lock();
        state.fetches += 1;
        match fetched {
            Ok(keys) => {
                state.held = Some(Held { keys: Arc::new(keys), fetched_at: started });
                state.failed_at = None;
            }
            Err(reason) => {
                let going_on = state.held.as_ref().is_some_and(|held| held.age(started) < USED_FOR);
                let then = if going_on { "the old ones are used on" } else { "no login is accepted" };
                tracing::warn!(%reason, "the keys of logins could not be fetched; {then}");
                state.failed_at = Some(self.clock.now());
            }
        }
    }

    /// The set as it is now, or why it can not be read.
    async fn read(&self) -> std::result::Result<KeySet, String> {
        let mut request = SendRequest::get(self.uri.clone());
        let json = HeaderValue::from_static("application/jwk-set+json, application/json");
        request.headers.insert(ACCEPT, json);
        request.timeout = TIMEOUT;
        request.response_kept_bytes_max = DOCUMENT_BYTES_MAX;
        let report = self.sender.send(request).await;
        if !report.outcome.is_delivered() {
            return Err(report.error.unwrap_or_else(|| match report.outcome.status() {
                Some(status) => format!("the answer was {status}"),
                None => report.outcome.name().to_owned(),
            }));
        }
        // Half a set would refuse logins by the other half.
        if report.response_truncated {
            return Err(format!("the set is larger than {DOCUMENT_BYTES_MAX} bytes"));
        }
        KeySet::read(&report.response_body).map_err(|error| format!("the answer is no JWK set: {error}"))
    }
}

impl State {
    /// The keys at hand, unless they are to be fetched first.
    fn at_hand(&self, id: Option<&str>, now: Timestamp) -> Option<Arc<KeySet>> {
        let held = self.held.as_ref()?;
        let age = held.age(now);
        let pausing = self.failed_at.is_some_and(|failed_at| now.since(failed_at) < PAUSE);
        let good = age < FRESH_FOR || (age < USED_FOR && pausing);
        // An unknown name is that of a new key, or made up.
        (good && id.is_none_or(|id| held.keys.names(id))).then(|| Arc::clone(&held.keys))
    }
}

/// How many fetches may be made: five at once, and one more per second. Tokens that name made-up keys can cause no
/// more. By the clock that is passed in, so that tests can say what it allows.
struct Allowance {
    /// When all five may be made again.
    whole_at: Timestamp,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { whole_at: Timestamp::from_millis(0) }
    }
}

impl Allowance {
    const AT_ONCE: u32 = 5;
    const EACH: Duration = Duration::from_secs(1);

    /// Takes one; `false` when there is none.
    fn take(&mut self, now: Timestamp) -> bool {
        // No later than a full wait from now: the clock may have been set back.
        let whole_at = self.whole_at.clamp(now, now.plus(Self::EACH * Self::AT_ONCE));
        let taken = whole_at.since(now) <= Self::EACH * (Self::AT_ONCE - 1);
        self.whole_at = if taken { whole_at.plus(Self::EACH) } else { whole_at };
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_and_one_more_per_second() {
        let mut allowance = Allowance::default();
        let start = Timestamp::from_millis(1_767_225_600_000);
        let taken = |allowance: &mut Allowance, now| (0..20).filter(|_| allowance.take(now)).count();
        assert_eq!(taken(&mut allowance, start), 5);
        assert_eq!(taken(&mut allowance, start.plus(Duration::from_millis(999))), 0);
        assert_eq!(taken(&mut allowance, start.plus(Duration::from_secs(1))), 1);
        assert_eq!(taken(&mut allowance, start.plus(Duration::from_secs(4))), 3);
        assert_eq!(taken(&mut allowance, start.plus(Duration::from_secs(3600))), 5);
        // The clock is set back by an hour: no more than five seconds are lost.
        assert_eq!(taken(&mut allowance, start), 0);
        assert_eq!(taken(&mut allowance, start.plus(Duration::from_secs(5))), 5);
    }
}
