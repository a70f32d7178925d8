//! Publishers that go on until the gateway dies, and remember what it had promised.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::account::Ledger;
use crate::faults::Random;
use crate::load::{Answer, Connection, Target};
use crate::payload;

const KIND: &str = "kill.event";
const PAYLOAD_BYTES_MAX: u64 = 1_500;
const BATCH_EVENTS_MAX: u64 = 100;
/// Between two batches of one publisher, so that a trial stays small enough to be drained in a second.
const BATCH_PAUSE_MS_MAX: u64 = 30;
/// Between two refused publishes.
const REFUSED_PAUSE: Duration = Duration::from_millis(5);

/// The event numbers of a trial, dealt out to its publishers.
pub(super) struct Numbers {
    next: AtomicUsize,
    end: usize,
}

impl Numbers {
    pub(super) fn new(range: Range<usize>) -> Arc<Self> {
        Arc::new(Self { next: AtomicUsize::new(range.start), end: range.end })
    }

    /// The next so many; none when the trial has no more.
    pub(super) fn take(&self, count: usize) -> Option<Range<usize>> {
        let start = self.next.fetch_add(count, Ordering::Relaxed);
        let end = start + count;
        (end <= self.end).then_some(start..end)
    }
}

/// How a publisher publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Single,
    Batch,
}

/// Publishes until a request fails; that is the kill.
pub(super) async fn publish(target: Target, numbers: Arc<Numbers>, manner: Manner, seed: u64) -> Ledger {
    let mut ledger = Ledger::default();
    let mut random = Random::new(seed);
    let Ok(mut connection) = Connection::open(&target).await else { return ledger };
    loop {
        let count = match manner {
            Manner::Single => 1,
            Manner::Batch => 2 + usize::try_from(random.below(BATCH_EVENTS_MAX - 1)).unwrap_or_default(),
        };
        let Some(range) = numbers.take(count) else { return ledger };
        let bytes = payload::BYTES_MIN + usize::try_from(random.below(PAYLOAD_BYTES_MAX)).unwrap_or_default();
        let Ok(answer) = send(&mut connection, manner, range.clone(), bytes).await else {
            ledger.cut.push(range);
            return ledger;
        };
        if answer.status == StatusCode::ACCEPTED {
            ledger.accepted.push(range);
        } else {
            // Not promised, so it may come or not: as if cut off.
            ledger.cut.push(range);
            ledger.refused += 1;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            ledger.refusal.get_or_insert_with(|| format!("{} {text}", answer.status));
            tokio::time::sleep(REFUSED_PAUSE).await;
        }
        if manner == Manner::Batch {
            tokio::time::sleep(Duration::from_millis(random.below(BATCH_PAUSE_MS_MAX))).await;
        }
    }
}

async fn send(
    connection: &mut Connection,
    manner: Manner,
    range: Range<usize>,
    bytes: usize,
) -> crate::error::Result<Answer> {
    const JSON: &str = "application/json";
    let events: Vec<String> =
        range.map(|number| payload::event(KIND, &payload::payload(number, bytes))).collect();
    match manner {
        Manner::Single => connection.post("/api/v1/events", JSON, Bytes::from(events.concat())).await,
        Manner::Batch => connection.post("/api/v1/events/batch", JSON, payload::json_batch(&events)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_are_dealt_once_and_end() {
        let numbers = Numbers::new(10..15);
        assert_eq!(numbers.take(2), Some(10..12));
        assert_eq!(numbers.take(3), Some(12..15));
        assert_eq!(numbers.take(1), None);
    }
}
