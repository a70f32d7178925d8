//! Retry policies: a pure function from policy, attempt, `Retry-After` and a random number to the next wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::limits::{ATTEMPTS_MAX, RETRY_AFTER_MAX, RETRY_DELAY_MAX};

/// The waits of the `standard` schedule, in seconds, before the second and each later attempt.
/// Source: after the Standard Webhooks recommendation.
const STANDARD_WAITS_S: [u64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// How far a wait is spread either way when the policy does not say.
const JITTER_DEFAULT: f64 = 0.1;

/// When a failed delivery is tried again, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    schedule: Schedule,
    /// Part of a wait by which it may be longer or shorter, 0 to 1.
    jitter: f64,
}

/// The shape of a policy. Waits are counted from the end of the failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Ten attempts over about three days: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    Standard,
    /// `delay`, twice that, four times that, …
    Exponential(Steps),
    /// `delay`, twice that, three times that, …
    Linear(Steps),
    /// `delay` every time.
    Constant(Steps),
    /// These waits and no others, in seconds, which may be fractions; one attempt more than there are waits.
    Custom(Vec<f64>),
}

/// The numbers of a computed schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// The base wait, seconds.
    pub delay_s: u64,
    /// Attempts in all, the first included.
    pub attempts: u16,
    /// No single wait is longer, seconds.
    pub cap_s: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { schedule: Schedule::Standard, jitter: JITTER_DEFAULT }
    }
}

impl RetryPolicy {
    /// Checks a schedule and its jitter (`None`: 10 %). The error names the member at fault.
    pub fn new(schedule: Schedule, jitter: Option<f64>) -> Result<Self, (&'static str, Invalid)> {
        let jitter = jitter.unwrap_or(JITTER_DEFAULT);
        if !(0.0..=1.0).contains(&jitter) {
            return Err(("jitter", Invalid::new("must be a number from 0 to 1")));
        }
        match &schedule {
            Schedule::Standard => {}
            Schedule::Exponential(steps) | Schedule::Linear(steps) | Schedule::Constant(steps) => {
                check_steps(steps)?;
            }
            Schedule::Custom(waits) => check_waits(waits)?,
        }
        Ok(Self { schedule, jitter })
    }

    /// The shape.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Part of a wait by which it may be longer or shorter.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Attempts in all, the first included.
    pub fn attempts(&self) -> u16 {
        let waits = match &self.schedule {
            Schedule::Standard => STANDARD_WAITS_S.len(),
            Schedule::Exponential(steps) | Schedule::Linear(steps) | Schedule::Constant(steps) => {
                return steps.attempts;
            }
            Schedule::Custom(waits) => waits.len(),
        };
        u16::try_from(waits + 1).unwrap_or(ATTEMPTS_MAX)
    }

    /// The wait after `attempt` (1 is the first) has failed, or `None` when it was the last. `random` is
    /// uniform in `[0, 1)`. A receiver's `Retry-After` extends the wait, up to [`RETRY_AFTER_MAX`], and never
    /// shortens it.
    pub fn wait_after(&self, attempt: u16, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
        let base = self.base_wait(attempt)?;
        let spread = 1.0 + self.jitter * (2.0 * random - 1.0);
        let wait = base.mul_f64(spread.max(0.0)).min(self.longest_wait());
        Some(retry_after.map_or(wait, |asked| wait.max(asked.min(RETRY_AFTER_MAX))))
    }

    /// A cap holds for the wait that is made, not for what it is spread from.
    fn longest_wait(&self) -> Duration {
        match &self.schedule {
            Schedule::Standard | Schedule::Custom(_) => Duration::MAX,
            Schedule::Exponential(steps) | Schedule::Linear(steps) | Schedule::Constant(steps) => {
                Duration::from_secs(steps.cap_s)
            }
        }
    }

    fn base_wait(&self, attempt: u16) -> Option<Duration> {
        if attempt == 0 || attempt >= self.attempts() {
            return None;
        }
        let index = usize::from(attempt - 1);
        let seconds = match &self.schedule {
            Schedule::Standard => STANDARD_WAITS_S[index],
            Schedule::Custom(waits) => return Some(Duration::from_secs_f64(waits[index])),
            Schedule::Constant(steps) => steps.delay_s.min(steps.cap_s),
            Schedule::Linear(steps) => steps.delay_s.saturating_mul(u64::from(attempt)).min(steps.cap_s),
            Schedule::Exponential(steps) => {
                let factor = 1u64.checked_shl(u32::from(attempt - 1)).unwrap_or(u64::MAX);
                steps.delay_s.saturating_mul(factor).min(steps.cap_s)
            }
        };
        Some(Duration::from_secs(seconds))
    }
}

fn check_steps(steps: &Steps) -> Result<(), (&'static str, Invalid)> {
    if steps.attempts == 0 || steps.attempts > ATTEMPTS_MAX {
        return Err(("attempts", Invalid::because(format!("must be 1 to {ATTEMPTS_MAX}"))));
    }
    if steps.delay_s == 0 || steps.delay_s > 3600 {
        return Err(("delay_seconds", Invalid::new("must be 1 to 3600")));
    }
    if steps.cap_s == 0 || steps.cap_s > RETRY_DELAY_MAX.as_secs() {
        return Err(("cap_seconds", Invalid::because(format!("must be 1 to {}", RETRY_DELAY_MAX.as_secs()))));
    }
    Ok(())
}

fn check_waits(waits: &[f64]) -> Result<(), (&'static str, Invalid)> {
    if waits.len() >= usize::from(ATTEMPTS_MAX) {
        return Err((
            "delays_seconds",
            Invalid::because(format!("must have fewer than {ATTEMPTS_MAX} waits")),
        ));
    }
    if waits.iter().any(|wait| !(0.0..=RETRY_DELAY_MAX.as_secs_f64()).contains(wait)) {
        return Err((
            "delays_seconds",
            Invalid::because(format!("each wait must be 0 to {}", RETRY_DELAY_MAX.as_secs())),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waits(policy: &RetryPolicy) -> Vec<u64> {
        (1..).map_while(|attempt| policy.wait_after(attempt, None, 0.5)).map(|wait| wait.as_secs()).collect()
    }

    fn steps(delay_s: u64, attempts: u16, cap_s: u64) -> Steps {
        Steps { delay_s, attempts, cap_s }
    }

    #[test]
    fn schedules_wait_as_documented() {
        let cases = [
            (Schedule::Standard, STANDARD_WAITS_S.to_vec()),
            (Schedule::Exponential(steps(2, 6, 10)), vec![2, 4, 8, 10, 10]),
            (Schedule::Linear(steps(2, 4, 3600)), vec![2, 4, 6]),
            (Schedule::Constant(steps(2, 4, 3600)), vec![2, 2, 2]),
            (Schedule::Custom(vec![0.0, 7.5]), vec![0, 7]),
            (Schedule::Custom(vec![]), vec![]),
        ];
        for (schedule, expected) in cases {
            let policy = RetryPolicy::new(schedule, Some(0.0)).unwrap();
            assert_eq!(waits(&policy), expected, "{policy:?}");
            assert_eq!(usize::from(policy.attempts()), expected.len() + 1);
        }
    }

    #[test]
    fn retry_after_extends_and_never_shortens() {
        let policy = RetryPolicy::new(Schedule::Constant(steps(60, 3, 3600)), Some(0.0)).unwrap();
        let wait = |seconds| policy.wait_after(1, Some(Duration::from_secs(seconds)), 0.5).unwrap().as_secs();
        assert_eq!(wait(1), 60);
        assert_eq!(wait(120), 120);
        assert_eq!(wait(10_000_000), RETRY_AFTER_MAX.as_secs());
    }

    #[test]
    fn bad_numbers_are_named() {
        let named = |schedule, jitter| RetryPolicy::new(schedule, jitter).unwrap_err().0;
        assert_eq!(named(Schedule::Linear(steps(0, 3, 60)), None), "delay_seconds");
        assert_eq!(named(Schedule::Linear(steps(1, 0, 60)), None), "attempts");
        assert_eq!(named(Schedule::Linear(steps(1, 51, 60)), None), "attempts");
        assert_eq!(named(Schedule::Linear(steps(1, 3, 0)), None), "cap_seconds");
        assert_eq!(named(Schedule::Standard, Some(1.5)), "jitter");
        assert_eq!(named(Schedule::Custom(vec![86_400.5]), None), "delays_seconds");
    }

    proptest! {
        #[test]
        fn jitter_stays_inside_its_band(random in 0.0..1.0f64, jitter in 0.0..=1.0f64, attempt in 1u16..10) {
            let policy = RetryPolicy::new(Schedule::Standard, Some(jitter)).unwrap();
            if let Some(wait) = policy.wait_after(attempt, None, random) {
                let base = Duration::from_secs(STANDARD_WAITS_S[usize::from(attempt - 1)]).as_secs_f64();
                prop_assert!(wait.as_secs_f64() >= base * (1.0 - jitter) - 0.001);
                prop_assert!(wait.as_secs_f64() <= base * (1.0 + jitter) + 0.001);
            }
        }
    }
}
