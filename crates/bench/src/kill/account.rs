//! The account of one trial: what was promised, what came, what came twice.

use std::ops::Range;
use std::time::Duration;

use serde::Serialize;

use super::{Kill, Outcome, Totals};
use crate::recorder::{Recorder, Repeat};
use crate::stats;

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
    pub(super) sink_refusals: usize,
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
            match kill.age(repeat.before_ns, repeat.now_ns) {
                Some(age) => account.age_max = account.age_max.max(age),
                None => account.unexplained.push(repeat),
            }
        }
        account
    }
}

impl Outcome for Account {
    fn failed(&self) -> bool {
        !self.lost.is_empty() || !self.unexplained.is_empty() || self.batches_torn > 0
    }

    fn describe(&self) -> String {
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

    fn ready_after(&self) -> Duration {
        self.ready_after
    }
}

/// All trials together.
#[derive(Debug, Default, Serialize)]
pub(super) struct Sums {
    /// Events answered 202.
    accepted: usize,
    /// Accepted and never delivered.
    lost: usize,
    /// Delivered again after the restart.
    duplicates: usize,
    /// Duplicates that were not in flight at the kill.
    duplicates_unexplained: usize,
    /// The longest that a duplicate's first arrival lay before the kill.
    duplicate_age_ms_max: f64,
    /// Events whose request was cut off by the kill.
    cut: usize,
    /// Of these, delivered: they had been stored before the kill.
    cut_delivered: usize,
    /// Batches of which some events were stored and others not.
    batches_torn: usize,
    /// Publish requests answered with something other than 202.
    refused: usize,
    /// Requests the sink answered 500 on purpose.
    sink_refusals: usize,
}

impl Totals<Account> for Sums {
    fn add(&mut self, account: &Account) {
        self.accepted += account.accepted;
        self.lost += account.lost.len();
        self.duplicates += account.duplicates;
        self.duplicates_unexplained += account.unexplained.len();
        let age_ms = stats::milliseconds(account.age_max);
        self.duplicate_age_ms_max = self.duplicate_age_ms_max.max(age_ms);
        self.cut += account.cut;
        self.cut_delivered += account.cut_delivered;
        self.batches_torn += account.batches_torn;
        self.refused += account.refused;
        self.sink_refusals += account.sink_refusals;
    }

    fn failed(&self) -> bool {
        self.lost + self.duplicates_unexplained + self.batches_torn > 0 || self.accepted == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Kill, Ledger, Outcome as _};
    use crate::recorder::Recorder;

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
