//! Senders that go on until their time is over or the gateway dies, remember what it had promised, and afterwards send
//! again what was not answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::faults::Random;
use crate::hook::Hook;
use crate::kill::publisher::Numbers;
use crate::load::{Answer, Connection, Target};
use crate::signature::Signer;
use crate::stats;

const BYTES_MAX: u64 = 4_096;
/// Pull requests, and so sessions of a source that has one for each.
const ENTITIES: usize = 8;
/// What was answered and is sent again all the same, as someone does who presses "Redeliver".
const REPEATED_MAX: usize = 20;

/// One request, or several with the same key.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// The number in its key.
    pub(super) number: usize,
    /// Which of the sources it was for.
    pub(super) source: usize,
    /// When it was first sent.
    pub(super) began_ns: u64,
    /// When it was answered.
    pub(super) answered_ns: Option<u64>,
    /// The number of the delivery that was promised.
    pub(super) promised: Option<u64>,
}

/// What the senders know.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) sent: Vec<Sent>,
    /// Requests without an answer when the gateway died.
    pub(super) cut: usize,
    /// Of these, those that turned out to have been stored when they were sent again.
    pub(super) cut_stored: usize,
    /// Sent again although they had been answered 202.
    pub(super) repeated: usize,
    /// Of these, those that were not answered with the same delivery.
    pub(super) forgotten: Vec<usize>,
}

/// Where to send to, and the clock of the trial.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) target: Target,
    /// Of the source.
    pub(super) path: String,
    pub(super) source: usize,
    pub(super) signer: Signer,
    pub(super) epoch: Instant,
}

/// How one sender sends.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) seed: u64,
    /// Between an answer and the next request.
    pub(super) pause_ms_max: u64,
    /// When it stops by itself.
    pub(super) until: Instant,
}

/// Of the answer to a request that was taken on, or had been.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    delivery_id: Option<u64>,
    existing_delivery_id: Option<u64>,
}

impl Ledger {
    pub(super) fn merge(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.cut += other.cut;
    }
}

impl Door {
    fn now_ns(&self) -> u64 {
        stats::nanoseconds(self.epoch.elapsed())
    }

    fn hook(&self, number: usize) -> Result<Hook> {
        // By its number, so that it is the same when it is sent again.
        let bytes = usize::try_from(Random::new(number as u64).below(BYTES_MAX)).unwrap_or_default();
        Hook::new(&self.signer, number, number % ENTITIES, bytes)
    }

    async fn post(&self, connection: &mut Connection, number: usize) -> Result<Answer> {
        let Hook { headers, body } = self.hook(number)?;
        connection.post_keyless(&self.path, headers, body).await
    }
}

/// Sends until the time is over, or a request fails: that is the kill.
pub(super) async fn send(door: Door, numbers: Arc<Numbers>, pace: Pace) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut random = Random::new(pace.seed);
    let Ok(mut connection) = Connection::open(&door.target).await else { return Ok(ledger) };
    while Instant::now() < pace.until {
        let Some(number) = numbers.take(1).map(|range| range.start) else { break };
        let sent = Sent { number, source: door.source, began_ns: door.now_ns(), ..Sent::default() };
        let Ok(answer) = door.post(&mut connection, number).await else {
            ledger.cut += 1;
            ledger.sent.push(sent);
            break;
        };
        let promised = Some(stored(answer)?);
        ledger.sent.push(Sent { answered_ns: Some(door.now_ns()), promised, ..sent });
        tokio::time::sleep(Duration::from_millis(random.below(pace.pause_ms_max + 1))).await;
    }
    Ok(ledger)
}

fn stored(answer: Answer) -> Result<u64> {
    let body = answer.expect(StatusCode::ACCEPTED)?;
    let receipt: Receipt = serde_json::from_slice(&body).context("answer to a delivery")?;
    receipt.delivery_id.context("202 without the number of a delivery")
}

/// Sends again what was not answered, and some of what was: but nothing that `may_fail`, because a delivery that
/// failed does not keep the next one with its key out.
pub(super) async fn send_again(
    doors: &[Door],
    ledger: &mut Ledger,
    may_fail: impl Fn(usize) -> bool,
) -> Result<()> {
    let Some(first) = doors.first() else { return Ok(()) };
    let mut connection = Connection::open(&first.target).await?;
    let mut repeats = 0;
    let step = (ledger.sent.len() / REPEATED_MAX).max(1);
    for (place, sent) in ledger.sent.iter_mut().enumerate() {
        let is_repeat = sent.promised.is_some();
        if is_repeat && (place % step != 0 || may_fail(sent.number)) {
            continue;
        }
        let door = &doors[sent.source];
        let answer = door.post(&mut connection, sent.number).await.context("send again")?;
        if !matches!(answer.status, StatusCode::OK | StatusCode::ACCEPTED) {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::new(format!("sent again, answered {}: {text}", answer.status)));
        }
        let receipt: Receipt = serde_json::from_slice(&answer.body).context("answer to a delivery")?;
        if is_repeat {
            repeats += 1;
            if receipt.existing_delivery_id != sent.promised {
                ledger.forgotten.push(sent.number);
            }
            continue;
        }
        ledger.cut_stored += usize::from(receipt.existing_delivery_id.is_some());
        sent.promised = receipt.existing_delivery_id.or(receipt.delivery_id);
        sent.answered_ns = Some(door.now_ns());
    }
    ledger.repeated = repeats;
    Ok(())
}
