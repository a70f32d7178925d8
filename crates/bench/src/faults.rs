//! What the sink does wrong on purpose, and the small seeded generator that decides when.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// No path hangs.
const NONE: u32 = u32::MAX;

/// Faults of the sink. May be changed while it serves.
pub struct Faults {
    seed: AtomicU64,
    refused_per_mille: AtomicU32,
    delayed_per_mille: AtomicU32,
    delay_ms_max: AtomicU32,
    hung: AtomicU32,
}

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setting {
    /// Decides which events are meant.
    pub seed: u64,
    /// Events whose first request is answered 500.
    pub refused_per_mille: u32,
    /// Events whose answer waits.
    pub delayed_per_mille: u32,
    /// How long at most.
    pub delay_ms_max: u32,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Answered 500, the first time.
    Refuse,
    /// Accepted after a wait.
    Delay(Duration),
}

impl Default for Faults {
    fn default() -> Self {
        let none = || AtomicU32::new(0);
        Self {
            seed: AtomicU64::new(0),
            refused_per_mille: none(),
            delayed_per_mille: none(),
            delay_ms_max: none(),
            hung: AtomicU32::new(NONE),
        }
    }
}

impl Faults {
    /// From now on these.
    pub fn set(&self, setting: Setting) {
        self.seed.store(setting.seed, Ordering::Relaxed);
        self.refused_per_mille.store(setting.refused_per_mille, Ordering::Relaxed);
        self.delayed_per_mille.store(setting.delayed_per_mille, Ordering::Relaxed);
        self.delay_ms_max.store(setting.delay_ms_max, Ordering::Relaxed);
    }

    /// From now on requests to this endpoint's path are read and never answered.
    pub fn hang(&self, endpoint: u32) {
        self.hung.store(endpoint, Ordering::Relaxed);
    }

    /// Whether requests to this endpoint's path are left without an answer.
    pub fn hangs(&self, endpoint: u32) -> bool {
        self.hung.load(Ordering::Relaxed) == endpoint
    }

    /// What happens to the requests of this event: always the same under one setting.
    pub fn of(&self, slot: usize) -> Fault {
        let refused = self.refused_per_mille.load(Ordering::Relaxed);
        let delayed = self.delayed_per_mille.load(Ordering::Relaxed);
        if refused + delayed == 0 {
            return Fault::None;
        }
        let mut random = Random::new(self.seed.load(Ordering::Relaxed) ^ slot as u64);
        let draw = random.below(1_000);
        if draw < u64::from(refused) {
            Fault::Refuse
        } else if draw < u64::from(refused + delayed) {
            let most = u64::from(self.delay_ms_max.load(Ordering::Relaxed));
            Fault::Delay(Duration::from_millis(random.below(most + 1)))
        } else {
            Fault::None
        }
    }
}

/// SplitMix64: one number of state, so that a printed seed repeats a run.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. Slightly uneven, which does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Random, Setting};

    #[test]
    fn a_seed_repeats() {
        let draw = |seed| Random::new(seed).below(1_000_000);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn faults_come_about_as_often_as_set_and_stay_with_their_event() {
        let faults = Faults::default();
        assert_eq!(faults.of(1), Fault::None);
        faults.set(Setting { seed: 1, refused_per_mille: 100, delayed_per_mille: 200, delay_ms_max: 9 });
        let refused = (0..10_000).filter(|slot| faults.of(*slot) == Fault::Refuse).count();
        assert!((900..1_100).contains(&refused), "{refused}");
        assert!((0..100).all(|slot| faults.of(slot) == faults.of(slot)));
    }

    #[test]
    fn one_path_hangs() {
        let faults = Faults::default();
        assert!(!faults.hangs(0));
        faults.hang(3);
        assert!(faults.hangs(3) && !faults.hangs(0));
    }
}
