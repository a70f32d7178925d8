//! How many deliveries each endpoint may take right now: concurrency, throttle, circuit, switched off. Kept up
//! to date change by change, so that a claim costs the same with ten thousand endpoints.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use posthouse_types::{EndpointId, Health, RateLimit, Timestamp};

/// Deliveries of one endpoint taken in one claim: small, so that a claim is shared by many endpoints.
pub(crate) const CLAIM_PER_ENDPOINT: usize = 16;

/// The gates of all endpoints that differ from an idle, healthy, unlimited one.
pub(crate) struct Gates {
    concurrency: usize,
    special: HashMap<EndpointId, Gate>,
    /// Endpoints with room for fewer than [`CLAIM_PER_ENDPOINT`].
    room: HashMap<EndpointId, usize>,
    /// When a throttle or a circuit lets the next through.
    timers: BinaryHeap<Reverse<(Timestamp, EndpointId)>>,
}

#[derive(Default)]
struct Gate {
    in_flight: usize,
    disabled: bool,
    open_until: Option<Timestamp>,
    bucket: Option<Bucket>,
    /// The one timer of this gate; older ones in the heap are ignored.
    timer: Option<Timestamp>,
}

impl Gates {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { concurrency, special: HashMap::new(), room: HashMap::new(), timers: BinaryHeap::new() }
    }

    /// What the claim is told.
    pub(crate) fn room(&self) -> &HashMap<EndpointId, usize> {
        &self.room
    }

    /// Takes over an endpoint's settings.
    pub(crate) fn set(&mut self, id: EndpointId, enabled: bool, limit: Option<RateLimit>, now: Timestamp) {
        if enabled && limit.is_none() && !self.special.contains_key(&id) {
            return;
        }
        let gate = self.special.entry(id).or_default();
        gate.disabled = !enabled;
        match (&mut gate.bucket, limit) {
            (Some(bucket), Some(limit)) if bucket.limit == limit => {}
            (bucket, limit) => *bucket = limit.map(|limit| Bucket::full(limit, now)),
        }
        self.update(id, now);
    }

    /// Takes over an endpoint's health.
    pub(crate) fn set_health(&mut self, id: EndpointId, health: Health, now: Timestamp) {
        if health.open_until.is_none() && !self.special.contains_key(&id) {
            return;
        }
        self.special.entry(id).or_default().open_until = health.open_until;
        self.update(id, now);
    }

    /// Forgets an endpoint that is no more, at the latest when its last attempt has ended.
    pub(crate) fn forget(&mut self, id: EndpointId, now: Timestamp) {
        self.set(id, true, None, now);
        self.set_health(id, Health::default(), now);
    }

    /// Switches an endpoint off before its settings say so.
    pub(crate) fn disable(&mut self, id: EndpointId, now: Timestamp) {
        self.special.entry(id).or_default().disabled = true;
        self.update(id, now);
    }

    /// An attempt begins.
    pub(crate) fn started(&mut self, id: EndpointId, now: Timestamp) {
        let gate = self.special.entry(id).or_default();
        gate.in_flight += 1;
        if let Some(bucket) = &mut gate.bucket {
            bucket.take(now);
        }
        self.update(id, now);
    }

    /// An attempt ended.
    pub(crate) fn finished(&mut self, id: EndpointId, now: Timestamp) {
        if let Some(gate) = self.special.get_mut(&id) {
            gate.in_flight -= 1;
        }
        self.update(id, now);
    }

    /// Lets time pass: throttles refill, circuits come to their probe. Answers when there is more to do.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Option<Timestamp> {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                return Some(at);
            }
            self.timers.pop();
            if let Some(gate) = self.special.get_mut(&id)
                && gate.timer == Some(at)
            {
                gate.timer = None;
                self.update(id, now);
            }
        }
        None
    }

    fn update(&mut self, id: EndpointId, now: Timestamp) {
        let Some(gate) = self.special.get_mut(&id) else { return };
        let (room, look_again) = gate.room(self.concurrency, now);
        if room < CLAIM_PER_ENDPOINT {
            self.room.insert(id, room);
        } else {
            self.room.remove(&id);
        }
        if look_again != gate.timer {
            gate.timer = look_again;
            self.timers.extend(look_again.map(|at| Reverse((at, id))));
        }
        if gate.is_ordinary() {
            self.special.remove(&id);
        }
    }
}

impl Gate {
    /// How many may start now; and when to ask again, if time alone changes the answer.
    fn room(&mut self, concurrency: usize, now: Timestamp) -> (usize, Option<Timestamp>) {
        if self.disabled {
            return (0, None);
        }
        let free = concurrency.saturating_sub(self.in_flight);
        match self.open_until {
            Some(until) if until > now => return (0, Some(until)),
            // Half open: one probe at a time until one succeeds.
            Some(_) => return (1usize.saturating_sub(self.in_flight), None),
            None => {}
        }
        match &mut self.bucket {
            None => (free, None),
            Some(bucket) => {
                let tokens = bucket.tokens(now);
                let next =
                    (tokens < CLAIM_PER_ENDPOINT && free > tokens).then(|| bucket.next_token(now)).flatten();
                (free.min(tokens), next)
            }
        }
    }

    fn is_ordinary(&self) -> bool {
        self.in_flight == 0 && !self.disabled && self.open_until.is_none() && self.bucket.is_none()
    }
}

/// A token bucket by our own clock, which tests move by hand; the crate used for API keys has its own.
struct Bucket {
    limit: RateLimit,
    /// Thousandths of a token, so that milliseconds times tokens per second is exact.
    milli_tokens: u64,
    at: Timestamp,
}

impl Bucket {
    fn full(limit: RateLimit, now: Timestamp) -> Self {
        Self { limit, milli_tokens: u64::from(limit.burst) * 1000, at: now }
    }

    fn tokens(&mut self, now: Timestamp) -> usize {
        let elapsed_ms = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        if now < self.at {
            // The clock was set back: count from here, or there would be no tokens until it has caught up.
            self.at = now;
        }
        if now > self.at {
            let refill = elapsed_ms.saturating_mul(u64::from(self.limit.per_second));
            self.milli_tokens =
                self.milli_tokens.saturating_add(refill).min(u64::from(self.limit.burst) * 1000);
            self.at = now;
        }
        usize::try_from(self.milli_tokens / 1000).unwrap_or(usize::MAX)
    }

    fn take(&mut self, now: Timestamp) {
        self.tokens(now);
        self.milli_tokens = self.milli_tokens.saturating_sub(1000);
    }

    /// When there is one token more; `None` when the bucket is full.
    fn next_token(&self, now: Timestamp) -> Option<Timestamp> {
        if self.milli_tokens >= u64::from(self.limit.burst) * 1000 {
            return None;
        }
        let missing = 1000 - self.milli_tokens % 1000;
        let wait_ms = missing.div_ceil(u64::from(self.limit.per_second)).max(1);
        Some(now.plus(std::time::Duration::from_millis(wait_ms)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn room(gates: &Gates, id: EndpointId) -> usize {
        gates.room().get(&id).copied().unwrap_or(CLAIM_PER_ENDPOINT)
    }

    #[test]
    fn concurrency_is_given_back() {
        let (mut gates, id) = (Gates::new(2), EndpointId::from_u128(1));
        gates.started(id, T0);
        gates.started(id, T0);
        assert_eq!(room(&gates, id), 0);
        gates.finished(id, T0);
        assert_eq!(room(&gates, id), 1);
    }

    #[test]
    fn throttle_refills_by_the_clock() {
        let (mut gates, id) = (Gates::new(64), EndpointId::from_u128(1));
        gates.set(id, true, Some(RateLimit::new(10, Some(2)).unwrap()), T0);
        assert_eq!(room(&gates, id), 2);
        gates.started(id, T0);
        gates.started(id, T0);
        assert_eq!(room(&gates, id), 0);
        let next = gates.tick(T0).expect("a token will come");
        assert_eq!(next, T0.plus(Duration::from_millis(100)));
        gates.tick(next);
        assert_eq!(room(&gates, id), 1);
        gates.tick(T0.plus(Duration::from_secs(60)));
        assert_eq!(room(&gates, id), 2, "never more than the burst");
    }

    #[test]
    fn nothing_is_left_of_a_forgotten_endpoint() {
        let (mut gates, id) = (Gates::new(64), EndpointId::from_u128(1));
        gates.set(id, false, Some(RateLimit::new(1, Some(1)).unwrap()), T0);
        gates.set_health(id, Health { open_until: Some(T0), ..Health::default() }, T0);
        gates.started(id, T0);
        gates.forget(id, T0);
        gates.finished(id, T0);
        assert!(gates.special.is_empty() && gates.room().is_empty());
    }

    #[test]
    fn a_busy_throttle_keeps_one_timer() {
        let (mut gates, id) = (Gates::new(64), EndpointId::from_u128(1));
        gates.set(id, true, Some(RateLimit::new(100, Some(100)).unwrap()), T0);
        let mut now = T0;
        for _ in 0..10_000 {
            gates.started(id, now);
            gates.finished(id, now);
            now = now.plus(Duration::from_millis(10));
            gates.tick(now);
        }
        assert!(gates.timers.len() <= 2, "{} timers", gates.timers.len());
    }

    #[test]
    fn open_circuit_admits_one_probe_when_its_time_comes() {
        let (mut gates, id) = (Gates::new(64), EndpointId::from_u128(1));
        let until = T0.plus(Duration::from_secs(30));
        gates.set_health(id, Health { open_until: Some(until), ..Health::default() }, T0);
        assert_eq!(room(&gates, id), 0);
        assert_eq!(gates.tick(T0), Some(until));
        gates.tick(until);
        assert_eq!(room(&gates, id), 1);
        gates.started(id, until);
        assert_eq!(room(&gates, id), 0);
        gates.finished(id, until);
        gates.set_health(id, Health::default(), until);
        assert_eq!(room(&gates, id), CLAIM_PER_ENDPOINT);
        assert!(gates.special.is_empty(), "an ordinary endpoint costs nothing");
    }
}
