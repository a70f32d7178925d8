//! Endpoint health: what a run of failures or a success means. The rule is a pure function; the book holds
//! its latest result for every endpoint, ahead of the store.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use posthouse_store::HealthChange;
use posthouse_types::{DisabledReason, EndpointId, Health, Outcome, Timestamp};

/// Failures in a row before the circuit opens …
const OPENS_AFTER_FAILURES: u32 = 20;
/// … if they have also lasted this long: a burst of failures within a moment is not yet a sick endpoint.
const OPENS_AFTER: Duration = Duration::from_secs(60);
/// The first pause of an open circuit; each failed probe doubles it …
const PAUSE_FIRST: Duration = Duration::from_secs(30);
/// … up to this many times (8 minutes).
const PAUSE_DOUBLINGS_MAX: u32 = 4;
/// Nothing but failures for this long switches an endpoint off. Source: Svix does the same.
const DISABLES_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);
/// A success is written down only when the one in the store is older than this.
const SUCCESS_RECORDED_EVERY: Duration = Duration::from_secs(10);

/// The health after an attempt, and whether the endpoint is to be switched off: its receiver says that it is gone,
/// or has failed for too long.
pub(crate) fn after(
    health: Health,
    outcome: Outcome,
    gone: bool,
    now: Timestamp,
) -> (Health, Option<DisabledReason>) {
    if outcome.is_delivered() {
        return (Health { last_success_at: Some(now), ..Health::default() }, None);
    }
    if outcome == Outcome::Cancelled {
        return (health, None);
    }
    let failures = health.consecutive_failures.saturating_add(1);
    let since = health.failing_since.unwrap_or(now);
    let lasted = now.since(since);
    let sick = failures >= OPENS_AFTER_FAILURES && lasted >= OPENS_AFTER;
    let (open_until, probes_failed) = match health.open_until {
        // Attempts that were in flight when it opened are no probes.
        Some(until) if until > now => (Some(until), health.probes_failed),
        Some(_) => {
            let failed = health.probes_failed.saturating_add(1);
            (Some(now.plus(PAUSE_FIRST * (1 << failed.min(PAUSE_DOUBLINGS_MAX)))), failed)
        }
        None => (sick.then(|| now.plus(PAUSE_FIRST)), 0),
    };
    let failing = (lasted >= DISABLES_AFTER).then_some(DisabledReason::Failing);
    let disable = if gone { Some(DisabledReason::Gone) } else { failing };
    let health = Health {
        consecutive_failures: failures,
        failing_since: Some(since),
        last_success_at: health.last_success_at,
        open_until,
        probes_failed,
    };
    (health, disable)
}

/// The latest health of endpoints that had attempts.
#[derive(Default)]
pub(crate) struct HealthBook {
    entries: Mutex<HashMap<EndpointId, Entry>>,
}

struct Entry {
    health: Health,
    stored: Health,
}

impl HealthBook {
    /// What the store says.
    pub(crate) fn load(&self, id: EndpointId, stored: Health) {
        self.entries.lock().entry(id).or_insert(Entry { health: stored, stored });
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<Health> {
        self.entries.lock().get(&id).map(|entry| entry.health)
    }

    pub(crate) fn forget(&self, id: EndpointId) {
        self.entries.lock().remove(&id);
    }

    /// Takes an attempt into account. The answer is the health now, and the change when it is worth writing.
    pub(crate) fn record(
        &self,
        id: EndpointId,
        outcome: Outcome,
        gone: bool,
        now: Timestamp,
    ) -> (Health, Option<HealthChange>) {
        let mut entries = self.entries.lock();
        let entry =
            entries.entry(id).or_insert(Entry { health: Health::default(), stored: Health::default() });
        let (health, disable) = after(entry.health, outcome, gone, now);
        entry.health = health;
        let worth = disable.is_some() || health_differs(entry.stored, health);
        if worth {
            entry.stored = health;
        }
        (health, worth.then_some(HealthChange { endpoint: id, health, disable }))
    }
}

fn health_differs(stored: Health, health: Health) -> bool {
    let (Some(then), Some(now)) = (stored.last_success_at, health.last_success_at) else {
        return stored != health;
    };
    stored.consecutive_failures != health.consecutive_failures
        || stored.open_until != health.open_until
        || now.since(then) >= SUCCESS_RECORDED_EVERY
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const REFUSED: Outcome = Outcome::Refused { status: 500 };

    fn fail_every(seconds: u64, times: u32) -> (Health, Option<DisabledReason>) {
        let mut state = (Health::default(), None);
        for index in 0..times {
            state = after(state.0, REFUSED, false, T0.plus(Duration::from_secs(seconds * u64::from(index))));
        }
        state
    }

    #[test]
    fn circuit_opens_on_many_failures_that_last() {
        assert_eq!(fail_every(0, 100).0.open_until, None, "a burst is not enough");
        assert_eq!(fail_every(30, 19).0.open_until, None, "few failures are not enough");
        assert!(fail_every(4, 20).0.open_until.is_some());
    }

    #[test]
    fn pauses_double_with_each_failed_probe_and_with_nothing_else() {
        let mut health = fail_every(4, 20).0;
        let mut now = T0.plus(Duration::from_secs(76));
        let pause = |health: Health, now: Timestamp| health.open_until.unwrap().since(now).as_secs();
        assert_eq!(pause(health, now), 30);
        health = after(health, REFUSED, false, now).0;
        assert_eq!(pause(health, now), 30, "what was in flight is no probe");
        for expected in [60, 120, 240, 480, 480] {
            now = health.open_until.unwrap();
            health = after(health, REFUSED, false, now).0;
            assert_eq!(pause(health, now), expected);
        }
    }

    #[test]
    fn success_closes_the_circuit() {
        let (health, _) = after(fail_every(4, 30).0, Outcome::Delivered { status: 204 }, false, T0);
        assert_eq!(health, Health { last_success_at: Some(T0), ..Health::default() });
    }

    #[test]
    fn gone_and_five_days_of_failure_switch_off() {
        assert_eq!(
            after(Health::default(), Outcome::Refused { status: 410 }, true, T0).1,
            Some(DisabledReason::Gone)
        );
        assert_eq!(fail_every(24 * 3600, 5).1, None);
        assert_eq!(fail_every(24 * 3600, 6).1, Some(DisabledReason::Failing));
    }

    #[test]
    fn cancelled_says_nothing_about_an_endpoint() {
        assert_eq!(after(Health::default(), Outcome::Cancelled, false, T0), (Health::default(), None));
    }
}
