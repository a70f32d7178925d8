//! What arrived at the sink: per event number the first and the last arrival, and every repetition.
//!
//! Written to by the sink on the measured path, so an arrival costs two atomic operations and no lock.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::stats;

const POLL: Duration = Duration::from_millis(2);

/// The arrivals of a fixed range of event numbers.
pub struct Recorder {
    epoch: Instant,
    slots: Box<[Slot]>,
    distinct: AtomicUsize,
    strange: AtomicUsize,
    refused: AtomicUsize,
    repeats: Mutex<Vec<Repeat>>,
}

/// Times are nanoseconds since the recorder's epoch; 0 is "never".
#[derive(Default)]
struct Slot {
    first_ns: AtomicU64,
    last_ns: AtomicU64,
    refused: AtomicBool,
}

/// An event that arrived again after it had been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The slot of the event.
    pub slot: usize,
    /// The arrival before.
    pub before_ns: u64,
    /// This arrival.
    pub now_ns: u64,
}

impl Recorder {
    /// Room for the slots `0..slots`.
    pub fn new(slots: usize) -> Self {
        Self {
            epoch: Instant::now(),
            slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
            distinct: AtomicUsize::new(0),
            strange: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            repeats: Mutex::new(Vec::new()),
        }
    }

    /// The instant all times count from.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Now, in the unit of all times here. Never 0.
    pub fn now_ns(&self) -> u64 {
        stats::nanoseconds(self.epoch.elapsed()).max(1)
    }

    /// An event arrived and is going to be accepted.
    pub fn arrived(&self, slot: usize) {
        let now_ns = self.now_ns();
        let Some(found) = self.slots.get(slot) else {
            self.strange();
            return;
        };
        let before_ns = found.last_ns.swap(now_ns, Ordering::Relaxed);
        if before_ns == 0 {
            found.first_ns.store(now_ns, Ordering::Relaxed);
            // Releases the times to whoever reads the count.
            self.distinct.fetch_add(1, Ordering::Release);
        } else {
            let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            repeats.push(Repeat { slot, before_ns, now_ns });
        }
    }

    /// Something arrived that nobody here sent.
    pub fn strange(&self) {
        self.strange.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks an event as refused; says whether this is the first time.
    pub fn refuse_once(&self, slot: usize) -> bool {
        let first = self.slots.get(slot).is_some_and(|slot| !slot.refused.swap(true, Ordering::Relaxed));
        self.refused.fetch_add(usize::from(first), Ordering::Relaxed);
        first
    }

    /// When the event first arrived.
    pub fn first_ns(&self, slot: usize) -> Option<u64> {
        let first = self.slots.get(slot)?.first_ns.load(Ordering::Relaxed);
        (first > 0).then_some(first)
    }

    /// How many different events arrived.
    pub fn distinct(&self) -> usize {
        self.distinct.load(Ordering::Acquire)
    }

    /// How many bodies were none of ours.
    pub fn strange_count(&self) -> usize {
        self.strange.load(Ordering::Relaxed)
    }

    /// How many requests were answered with an error on purpose.
    pub fn refused_count(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many of these never arrived.
    pub fn missing(&self, slots: Range<usize>) -> usize {
        slots.filter(|slot| self.first_ns(*slot).is_none()).count()
    }

    /// When the last of these arrived for the first time.
    pub fn last_first_ns(&self, slots: Range<usize>) -> u64 {
        slots.filter_map(|slot| self.first_ns(slot)).max().unwrap_or(0)
    }

    /// Takes the repetitions seen since the last call.
    pub fn take_repeats(&self) -> Vec<Repeat> {
        std::mem::take(&mut self.repeats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for `count` different events; fails when nothing new came for `stall`.
    pub async fn wait_for(&self, count: usize, stall: Duration) -> Result<()> {
        let (mut seen, mut since) = (self.distinct(), Instant::now());
        while seen < count {
            tokio::time::sleep(POLL).await;
            let now = self.distinct();
            if now > seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() > stall {
                let strange = self.strange_count();
                return Err(Error::new(format!(
                    "{seen} of {count} events arrived, then none for {} s ({strange} bodies were none of ours)",
                    stall.as_secs()
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Recorder;

    #[test]
    fn arrivals_are_counted_once_and_repeats_are_kept() {
        let recorder = Recorder::new(3);
        recorder.arrived(1);
        recorder.arrived(1);
        recorder.arrived(2);
        recorder.arrived(3);
        assert_eq!((recorder.distinct(), recorder.missing(0..3), recorder.strange_count()), (2, 1, 1));
        let repeats = recorder.take_repeats();
        assert_eq!(repeats.len(), 1);
        assert_eq!(Some(repeats[0].before_ns), recorder.first_ns(1));
        assert_eq!(recorder.take_repeats(), []);
    }

    #[test]
    fn an_event_is_refused_once() {
        let recorder = Recorder::new(1);
        assert!(recorder.refuse_once(0));
        assert!(!recorder.refuse_once(0));
        assert_eq!(recorder.refused_count(), 1);
    }
}
