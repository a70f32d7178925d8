//! Time, ids and chance: passed in, so that tests can say what they are.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use posthouse_types::Timestamp;

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Makes ids that only grow: a ULID's time and randomness, and one more than the last within a millisecond.
pub struct IdSource {
    clock: Arc<dyn Clock>,
    random: fn() -> u128,
    last: Mutex<u128>,
}

impl IdSource {
    /// Ids by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: rand::random, last: Mutex::new(0) }
    }

    /// Ids by this clock with nothing random in them, for tests that compare what is sent byte for byte. Two such
    /// sources must not serve the same store: they make the same ids.
    pub fn sequential(clock: Arc<dyn Clock>) -> Self {
        Self { clock, random: || 0, last: Mutex::new(0) }
    }

    /// The next 128 bits for one of the id types of `posthouse_types::id`.
    pub fn next(&self) -> u128 {
        self.next_at(self.clock.now())
    }

    /// The same for a moment already read from the clock.
    pub fn next_at(&self, now: Timestamp) -> u128 {
        let millis = u128::try_from(now.as_millis()).unwrap_or(0) & ((1 << 48) - 1);
        let mut last = self.last.lock();
        // A clock that steps back does not take the ids back with it.
        *last = if *last >> 80 >= millis {
            *last + 1
        } else {
            // The top random bit is left 0, so that counting up within a millisecond can not overflow.
            (millis << 80) | ((self.random)() & ((1 << 79) - 1))
        };
        *last
    }
}
