//! The account of one trial: what was promised, what came, what came twice.

use std::ops::Range;
use std::time::Duration;

use super::IN_FLIGHT_AGE;
use crate::recorder::{Recorder, Repeat};

/// What the publishers know when the gateway is dead.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Event numbers of requests answered 202.
    pub(super) accepted: Vec<Range<usize>>,
    /// Event numbers of requests that got no answer.
    pub(super) cut: Vec<Range<usize>>,
    /// Requests answered otherwise, the first answer for a person to read.
    pub(super) refused: usize,
    pub(super) refusal: Option<String>,
}

impl Ledger {
    pub(super) fn merge(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.cut.extend(other.cut);
        self.refused += other.refused;
        self.refusal = self.refusal.take().or(other.refusal);
    }

    /// How many events were promised.
    pub(super) fn accepted_count(&self) -> usize {
        self.accepted.iter().map(ExactSizeIterator::len).sum()
    }
}

/// When the gateway died, in the recorder's time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    /// Just before the signal.
    pub(super) sent_ns: u64,
    /// Just before the next gateway was started. What the dead one had written could arrive until here.
    pub(super) restarted_ns: u64,
}

impl Kill {
    /// How long before the kill the event had arrived, if the kill is why it came again.
    fn age(self, repeat: Repeat) -> Option<Duration> {
        let across = repeat.before_ns < self.restarted_ns && repeat.now_ns >= self.restarted_ns;
        let age = Duration::from_nanos(self.sent_ns.saturating_sub(repeat.before_ns));
        (across && age <= IN_FLIGHT_AGE).then_some(age)
    }
}

/// What came of a trial.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) accepted: usize,
    pub(super) lost: Vec<usize>,
    pub(super) duplicates: usize,
    pub(super) unexplained: Vec<Repeat>,
    pub(super) age_max: Duration,
    pub(super) cut: usize,
    pub(super) cut_delivered: usize,
    pub(super) batches_torn: usize,
    pub(super) refused: usize,
    pub(super) refusal: Option<String>,
    pub(super) killed_after: Duration,
    pub(super) ready_after: Duration,
    pub(super) drained_after: Duration,
}

impl Account {
    /// Compares the promises with the arrivals, once nothing is pending any more.
    pub(super) fn close(ledger: &Ledger, recorder: &Recorder, kill: Kill) -> Self {
        let arrived = |number: &usize| recorder.first_ns(*number).is_some();
        let accepted = ledger.accepted.iter().cloned().flatten();
        let mut account = Self {
            accepted: ledger.accepted_count(),
            lost: accepted.filter(|number| !arrived(number)).collect(),
            refused: ledger.refused,
            refusal: ledger.refusal.clone(),
            ..Self::default()
        };
        for batch in &ledger.cut {
            let delivered = batch.clone().filter(arrived).count();
            account.cut += batch.len();
            account.cut_delivered += delivered;
            account.batches_torn += usize::from(delivered > 0 && delivered < batch.len());
        }
        for repeat in recorder.take_repeats() {
            account.duplicates += 1;
            match kill.age(repeat) {
                Some(age) => account.age_max = account.age_max.max(age),
                None => account.unexplained.push(repeat),
            }
        }
        account
    }

    /// Whether a promise was broken.
    pub(super) fn failed(&self) -> bool {
        !self.lost.is_empty() || !self.unexplained.is_empty() || self.batches_torn > 0
    }

    /// In one line.
    pub(super) fn describe(&self) -> String {
        const SHOWN: usize = 5;
        let mut parts = vec![format!(
            "accepted {}, lost {}, duplicates {} (age <= {} ms), unexplained {}, cut {} of which {} delivered, torn {}; \
             killed after {} ms, ready in {} ms, drained in {} ms",
            self.accepted,
            self.lost.len(),
            self.duplicates,
            self.age_max.as_millis(),
            self.unexplained.len(),
            self.cut,
            self.cut_delivered,
            self.batches_torn,
            self.killed_after.as_millis(),
            self.ready_after.as_millis(),
            self.drained_after.as_millis(),
        )];
        if !self.lost.is_empty() {
            parts.push(format!("lost events {:?}", &self.lost[..self.lost.len().min(SHOWN)]));
        }
        if !self.unexplained.is_empty() {
            let shown = &self.unexplained[..self.unexplained.len().min(SHOWN)];
            parts.push(format!("came again {shown:?}"));
        }
        if let Some(refusal) = &self.refusal {
            parts.push(format!("{} publishes refused: {refusal}", self.refused));
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Account, Kill, Ledger};
    use crate::recorder::{Recorder, Repeat};

    const MS: u64 = 1_000_000;

    #[test]
    fn a_duplicate_is_explained_by_a_kill_between_its_arrivals() {
        let kill = Kill { sent_ns: 5_000 * MS, restarted_ns: 5_050 * MS };
        let age =
            |before_ms, now_ms| kill.age(Repeat { slot: 0, before_ns: before_ms * MS, now_ns: now_ms * MS });
        assert_eq!(age(4_990, 5_100), Some(Duration::from_millis(10)));
        assert_eq!(age(5_020, 5_100), Some(Duration::ZERO), "written by the dead one, read after the kill");
        assert_eq!(age(2_900, 5_100), None, "too long before the kill");
        assert_eq!(age(4_980, 4_990), None, "twice before the kill");
        assert_eq!(age(5_100, 5_200), None, "twice after the restart");
    }

    #[test]
    fn what_was_promised_and_did_not_come_is_lost_and_a_batch_comes_whole() {
        let recorder = Recorder::new(20);
        for number in [0, 1, 5, 10, 11, 12] {
            recorder.arrived(number);
        }
        let ledger =
            Ledger { accepted: vec![0..3, 5..6], cut: vec![6..8, 10..13, 12..15], ..Ledger::default() };
        let account = Account::close(&ledger, &recorder, Kill { sent_ns: 1, restarted_ns: 2 });
        assert_eq!((account.accepted, account.lost.as_slice()), (4, [2].as_slice()));
        assert_eq!((account.cut, account.cut_delivered, account.batches_torn), (8, 4, 1));
        assert!(account.failed());
    }

    #[test]
    fn repeats_without_a_kill_fail() {
        let recorder = Recorder::new(1);
        recorder.arrived(0);
        recorder.arrived(0);
        let kill = Kill { sent_ns: u64::MAX - 1, restarted_ns: u64::MAX };
        let account = Account::close(&Ledger::default(), &recorder, kill);
        assert_eq!((account.duplicates, account.unexplained.len()), (1, 1));
        assert!(account.failed());
    }
}
