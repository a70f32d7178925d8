//! How many in the last minute.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use posthouse_types::Timestamp;

/// Requests are counted by tenths of a second, so that a window holds few numbers however many they are.
const TICK_MS: i64 = 100;
/// A minute. Source: Moltis, which counts over a sliding window of 60 seconds.
const WINDOW_TICKS: i64 = 600;
/// How far behind the latest count a request may be, in ticks, without the clock having been set back: requests read
/// the clock before they get here, and not all get here in that order.
const LATE_TICKS: i64 = 10;

/// Counts over a sliding window of 60 seconds: never more than the limit in any 60 seconds (and, for the length of
/// a tick, of a little more). A token bucket would let twice the limit through in the first minute. When the clock is
/// set back, what was counted counts as of then. A clone is the same window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Ticks in which something was counted, and how much; oldest first.
    ticks: VecDeque<(i64, u32)>,
    total: u64,
}

impl Window {
    /// Counts one more, unless there are `limit` already: then it says how long until there is room.
    pub(crate) fn take(&self, limit: u32, now: Timestamp) -> Result<(), Duration> {
        let mut counts = self.counts.lock();
        let tick = now.as_millis().div_euclid(TICK_MS);
        counts.follow_back(tick);
        counts.forget_before(tick - WINDOW_TICKS);
        if counts.total >= u64::from(limit) {
            let oldest = counts.ticks.front().map_or(tick, |&(oldest, _)| oldest);
            let free_at = (oldest + WINDOW_TICKS + 1) * TICK_MS;
            let wait = u64::try_from(free_at - now.as_millis()).unwrap_or(0);
            return Err(Duration::from_millis(wait));
        }
        match counts.ticks.back_mut() {
            // A late one counts with the latest.
            Some((last, count)) if *last >= tick => *count += 1,
            _ => counts.ticks.push_back((tick, 1)),
        }
        counts.total += 1;
        Ok(())
    }

    /// Takes back what was counted last.
    pub(crate) fn give_back(&self) {
        let mut counts = self.counts.lock();
        let empty = match counts.ticks.back_mut() {
            None => return,
            Some((_, count)) => {
                *count -= 1;
                *count == 0
            }
        };
        counts.total -= 1;
        if empty {
            counts.ticks.pop_back();
        }
    }
}

impl Counts {
    /// When the clock was set back: moves what was counted by as much, or it would count until the clock is where it
    /// was and a minute longer.
    fn follow_back(&mut self, tick: i64) {
        let Some(&(latest, _)) = self.ticks.back() else { return };
        let step = latest - tick;
        if step > LATE_TICKS {
            for (counted, _) in &mut self.ticks {
                *counted -= step;
            }
        }
    }

    fn forget_before(&mut self, tick: i64) {
        while let Some(&(oldest, count)) = self.ticks.front()
            && oldest < tick
        {
            self.ticks.pop_front();
            self.total -= u64::from(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000 + ms)
    }

    #[test]
    fn no_minute_holds_more_than_the_limit() {
        let window = Window::default();
        for second in 0..3 {
            assert!(window.take(3, at(second * 1000)).is_ok());
        }
        let wait = window.take(3, at(2500)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(57_600));
        assert!(window.take(3, at(60_099)).is_err());
        assert!(window.take(3, at(2500).plus(wait)).is_ok(), "what it says is enough");
        assert!(window.take(3, at(60_200)).is_err(), "those of seconds 1 and 2 still count");
        assert!(window.take(3, at(61_100)).is_ok());
    }

    #[test]
    fn what_is_given_back_leaves_room() {
        let window = Window::default();
        assert!(window.take(1, at(0)).is_ok());
        window.give_back();
        assert!(window.take(1, at(0)).is_ok());
        assert!(window.take(1, at(0)).is_err());
        window.give_back();
        window.give_back();
        assert!(window.take(1, at(0)).is_ok());
    }

    #[test]
    fn memory_does_not_grow_with_the_traffic() {
        let window = Window::default();
        for ms in 0..600_000 {
            assert!(window.take(u32::MAX, at(ms)).is_ok());
        }
        assert!(window.counts.lock().ticks.len() <= 601);
    }

    #[test]
    fn a_clock_that_steps_back_does_no_harm() {
        let window = Window::default();
        assert!(window.take(2, at(10_000)).is_ok());
        assert!(window.take(2, at(0)).is_ok());
        assert!(window.take(2, at(10_000)).is_err());
        assert!(window.take(2, at(70_100)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_by_an_hour_blocks_for_a_minute_and_no_longer() {
        const HOUR: i64 = 3_600_000;
        let window = Window::default();
        assert!(window.take(2, at(HOUR - 1_000)).is_ok());
        assert!(window.take(2, at(HOUR)).is_ok());
        let wait = window.take(2, at(0)).unwrap_err();
        assert!(wait <= Duration::from_secs(60), "{wait:?}");
        assert!(window.take(2, at(59_000)).is_err(), "neither is a minute old");
        assert!(window.take(2, at(59_200)).is_ok(), "the first was counted a second before the other");
        assert!(window.take(2, at(59_200)).is_err());
        assert!(window.take(2, at(61_000)).is_ok());
    }

    #[test]
    fn late_requests_do_not_shorten_the_minute() {
        let window = Window::default();
        for second in 0..50 {
            assert!(window.take(100, at(second * 1_000)).is_ok());
            assert!(window.take(100, at(second * 1_000 - 900)).is_ok());
        }
        // Were each a clock set back, the first would have aged by 45 s more.
        assert!(window.take(100, at(50_000)).is_err());
    }
}
