//! Claims due deliveries, sends them, records what happened. Holds no transaction while sending; whatever is
//! lost here (a crash, a lost lease) costs a duplicate, never a delivery.
//!
//! # How it works
//! One task owns all bookkeeping, so there is nothing to lock. It claims what the gates let through, spawns a
//! task for each attempt, collects results as they come, and settles them in batches: while one batch is being
//! written the next gathers, so that the batches grow with the load and nobody waits for a timer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use posthouse_egress::SendReport;
use posthouse_store::{ClaimDue, Claimed, HealthChange, Next, Settle, Settlement, StoreError};
use posthouse_types::wire::Refusal;
use posthouse_types::{Attempt, AttemptId, DeliveryId, EndpointId, Outcome, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

use super::Progress;
use super::gate::{CLAIM_PER_ENDPOINT, Gates};
use crate::Engine;
use crate::target::{Target, recorded_headers, visible};

/// Deliveries claimed at a time.
const CLAIM_MAX: usize = 256;
/// Bytes of payloads in flight past which nothing more is claimed: large events to slow receivers must not fill the
/// memory. A claim may go beyond it by as much as the store hands out at a time.
const SENDING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Results settled in one commit.
const SETTLE_MAX: usize = 1024;
/// The pause after the store failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// The longest sleep: the wall clock may be set forward meanwhile, and what is due goes by it.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// The shortest sleep: a due time that has just passed is looked at again, but not in a tight loop.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// A batch on its way: the endpoints that it switched off, or why it failed and the batch itself.
type Settling = JoinHandle<Result<Vec<EndpointId>, (StoreError, Settle)>>;

/// What a sending task is about.
struct About {
    delivery: DeliveryId,
    endpoint: EndpointId,
    /// Of the payload.
    bytes: usize,
}

/// The deliver service.
pub struct Deliver {
    engine: Arc<Engine>,
    gates: Gates,
    sending: JoinSet<Settlement>,
    /// What each sending task is about: known here too, in case it panics or is aborted.
    tasks: HashMap<Id, About>,
    /// Bytes of the payloads that they send.
    sending_bytes: usize,
    /// Results not yet handed to the store.
    results: Settle,
    settling: Option<Settling>,
    /// Claimed and not yet settled.
    claimed: usize,
    settling_count: usize,
    /// Switched off here, and not yet in the registry.
    disabling: HashSet<EndpointId>,
    changed: watch::Receiver<()>,
}

impl Deliver {
    /// For this engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self {
            gates: Gates::new(engine.options.endpoint_concurrency),
            sending: JoinSet::new(),
            tasks: HashMap::new(),
            sending_bytes: 0,
            results: Settle::default(),
            settling: None,
            claimed: 0,
            settling_count: 0,
            disabling: HashSet::new(),
            changed: engine.changes.subscribe(),
            engine,
        }
    }

    /// One bounded round: takes in what has ended, settles it, claims and starts what is due. Does not wait for
    /// attempts; see [`Deliver::drain`].
    pub async fn step(&mut self) -> Result<Progress, StoreError> {
        while let Some(ended) = self.sending.try_join_next_with_id() {
            self.take_in(ended);
        }
        let settled = self.results.settlements.len();
        self.start_settling();
        self.finish_settling().await?;
        let (claimed, next) = self.claim().await?;
        Ok(Progress { did: settled + claimed, next })
    }

    /// Steps until nothing is due by the clock and nothing in flight. For tests and for shutting down.
    pub async fn drain(&mut self) -> Result<Progress, StoreError> {
        let mut did = 0;
        loop {
            let progress = self.step().await?;
            did += progress.did;
            if let Some(ended) = self.sending.join_next_with_id().await {
                self.take_in(ended);
            } else if progress.did == 0 {
                return Ok(Progress { did, next: progress.next });
            }
        }
    }

    /// Steps for as long as the process lives, each time something ends, becomes due or changes.
    /// Told to stop, it takes the time it is given at most.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<Option<Duration>>) {
        let mut due = self.engine.store.wakes().due();
        while stopped.borrow().is_none() {
            due.mark_unchanged();
            self.changed.mark_unchanged();
            let next = match self.claim().await {
                // Some were claimed: there may be more, and claiming again is cheap.
                Ok((1.., _)) => continue,
                Ok((_, next)) => {
                    next.map(|next| next.since(self.engine.clock.now()).clamp(SLEEP_MIN, SLEEP_MAX))
                }
                Err(error) => {
                    tracing::warn!(%error, "deliveries could not be claimed; trying again");
                    Some(AFTER_FAILURE)
                }
            };
            self.start_settling();
            tokio::select! {
                biased;
                result = stopped.changed() => if result.is_err() { break },
                Some(ended) = self.sending.join_next_with_id() => {
                    self.take_in(ended);
                    while let Some(ended) = self.sending.try_join_next_with_id() {
                        self.take_in(ended);
                    }
                }
                result = wait_for(&mut self.settling) => match result {
                    Ok(disabled) => self.settled(&disabled),
                    Err((error, batch)) => {
                        tracing::warn!(%error, "results could not be stored; trying again");
                        self.put_back(batch);
                        tokio::time::sleep(AFTER_FAILURE).await;
                    }
                },
                _ = due.changed() => {}
                _ = self.changed.changed() => {}
                () = sleep(next) => {}
            }
        }
        let grace = stopped.borrow().unwrap_or_default();
        self.shut_down(grace).await;
    }

    /// Claims what the gates let through and starts it. Answers how many, and when there is more by the clock.
    async fn claim(&mut self) -> Result<(usize, Option<Timestamp>), StoreError> {
        let now = self.engine.clock.now();
        self.follow_endpoints(now);
        let next_gate = self.gates.tick(now);
        let limit = CLAIM_MAX.min(self.engine.options.in_flight_max.saturating_sub(self.claimed));
        if limit == 0 || self.sending_bytes >= SENDING_BYTES_MAX {
            // Full: the next result makes room, not time.
            return Ok((0, None));
        }
        let room = self.gates.room().clone();
        let claim = ClaimDue { now, limit, per_endpoint: CLAIM_PER_ENDPOINT, room };
        let claim = self.engine.store.claim_due(claim).await?;
        let count = claim.deliveries.len();
        for claimed in claim.deliveries {
            self.start(claimed, now);
        }
        Ok((count, [claim.next_due, next_gate].into_iter().flatten().min()))
    }

    fn start(&mut self, claimed: Claimed, now: Timestamp) {
        self.claimed += 1;
        self.gates.started(claimed.endpoint, now);
        let about =
            About { delivery: claimed.id, endpoint: claimed.endpoint, bytes: claimed.event.payload.len() };
        self.sending_bytes += about.bytes;
        let task = self.sending.spawn(attempt(Arc::clone(&self.engine), claimed));
        self.tasks.insert(task.id(), about);
    }

    /// Takes in the end of an attempt.
    fn take_in(&mut self, ended: Result<(Id, Settlement), JoinError>) {
        let now = self.engine.clock.now();
        let (task, settlement) = match ended {
            Ok((task, settlement)) => (task, Some(settlement)),
            Err(error) => (error.id(), None),
        };
        let Some(About { delivery, endpoint, bytes }) = self.tasks.remove(&task) else { return };
        self.sending_bytes -= bytes;
        self.gates.finished(endpoint, now);
        let settlement = settlement.unwrap_or_else(|| {
            tracing::error!(delivery.id = %delivery, "an attempt panicked; trying it again in a minute");
            let next = Next::RetryAt(now.plus(Duration::from_secs(60)));
            Settlement { delivery, endpoint, attempt: None, at: now, next }
        });
        if let Some(attempt) = &settlement.attempt
            && self.engine.registry.get(endpoint).is_some()
        {
            self.take_in_health(endpoint, attempt, now);
        }
        self.results.settlements.push(settlement);
    }

    fn take_in_health(&mut self, endpoint: EndpointId, attempt: &Attempt, now: Timestamp) {
        let refusal = attempt.outcome.refused().map(|status| attempt.wire.after_refusal(status));
        let gone = refusal == Some(Refusal::Gone);
        let (health, change) = self.engine.health.record(endpoint, attempt.outcome, gone, now);
        self.gates.set_health(endpoint, health, now);
        let Some(change) = change else { return };
        if let Some(reason) = change.disable {
            tracing::warn!(endpoint.id = %endpoint, reason = reason.as_str(), "endpoint {endpoint} is switched off");
            self.disabling.insert(endpoint);
            self.gates.disable(endpoint, now);
        }
        merge_health(&mut self.results.health, change);
    }

    /// Hands the results to the store, unless a batch is on its way already.
    fn start_settling(&mut self) {
        if self.settling.is_some() || self.results.settlements.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.results);
        if batch.settlements.len() > SETTLE_MAX {
            self.results.settlements = batch.settlements.split_off(SETTLE_MAX);
        }
        self.settling_count = batch.settlements.len();
        let store = Arc::clone(&self.engine.store);
        let engine = Arc::clone(&self.engine);
        self.settling = Some(tokio::spawn(async move {
            let disabled: Vec<EndpointId> = batch
                .health
                .iter()
                .filter(|change| change.disable.is_some())
                .map(|change| change.endpoint)
                .collect();
            // Kept in case the store fails: results are tried again, never dropped.
            let copy = batch.clone();
            match store.settle(batch).await {
                Ok(()) => {
                    engine.reload_endpoints(&disabled).await;
                    Ok(disabled)
                }
                Err(error) => Err((error, copy)),
            }
        }));
    }

    async fn finish_settling(&mut self) -> Result<(), StoreError> {
        let result = wait_for(&mut self.settling);
        if self.settling_count == 0 {
            return Ok(());
        }
        match result.await {
            Ok(disabled) => {
                self.settled(&disabled);
                Ok(())
            }
            Err((error, batch)) => {
                self.put_back(batch);
                Err(error)
            }
        }
    }

    /// A batch is on disk.
    fn settled(&mut self, disabled: &[EndpointId]) {
        self.claimed -= std::mem::take(&mut self.settling_count);
        for id in disabled {
            self.disabling.remove(id);
        }
    }

    fn put_back(&mut self, batch: Settle) {
        self.settling_count = 0;
        let newer = std::mem::replace(&mut self.results, batch);
        self.results.settlements.extend(newer.settlements);
        for change in newer.health {
            merge_health(&mut self.results.health, change);
        }
    }

    /// Takes over settings that changed.
    fn follow_endpoints(&mut self, now: Timestamp) {
        for id in self.engine.changes.take() {
            let Some(target) = self.engine.registry.get(id) else {
                self.gates.forget(id, now);
                continue;
            };
            let settings = &target.endpoint.settings;
            let enabled = settings.enabled && !self.disabling.contains(&id);
            self.gates.set(id, enabled, settings.rate_limit, now);
            self.gates.set_health(id, self.engine.health_of(id, target.endpoint.health), now);
        }
    }

    /// Lets attempts in flight end (each has its own time limit), settling as they do, for `grace` at most; gives
    /// back what has not ended by then.
    async fn shut_down(mut self, grace: Duration) {
        let mut over = std::pin::pin!(tokio::time::sleep(grace));
        loop {
            self.start_settling();
            if self.sending.is_empty() && self.settling.is_none() {
                return;
            }
            tokio::select! {
                Some(ended) = self.sending.join_next_with_id() => self.take_in(ended),
                result = wait_for(&mut self.settling) => match result {
                    Ok(disabled) => self.settled(&disabled),
                    Err((error, _)) => {
                        tracing::warn!(%error, "results could not be stored; the deliveries will be made again");
                        return;
                    }
                },
                () = &mut over => break,
            }
        }
        let unfinished: Vec<DeliveryId> = self.tasks.values().map(|about| about.delivery).collect();
        tracing::warn!("{} attempts did not end in time; they will be made again", unfinished.len());
        self.sending.abort_all();
        if let Err(error) = self.finish_settling().await {
            tracing::warn!(%error, "results could not be stored; the deliveries will be made again");
        }
        if let Err(error) = self.engine.store.release(unfinished).await {
            tracing::warn!(%error, "deliveries could not be given back; they are due again once they count as lost");
        }
    }
}

/// Adds a change to those not yet stored; the newest of an endpoint counts, and switching off is not undone.
fn merge_health(changes: &mut Vec<HealthChange>, change: HealthChange) {
    match changes.iter_mut().find(|earlier| earlier.endpoint == change.endpoint) {
        Some(earlier) => *earlier = HealthChange { disable: change.disable.or(earlier.disable), ..change },
        None => changes.push(change),
    }
}

/// Waits for the batch on its way; for ever when there is none.
async fn wait_for(settling: &mut Option<Settling>) -> Result<Vec<EndpointId>, (StoreError, Settle)> {
    match settling {
        None => std::future::pending().await,
        Some(handle) => {
            let result = handle.await;
            *settling = None;
            // The task does nothing that panics; if it did, the claims stay ours until a restart makes them due.
            result.unwrap_or(Ok(Vec::new()))
        }
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// Makes one attempt and decides what follows.
async fn attempt(engine: Arc<Engine>, claimed: Claimed) -> Settlement {
    let started_at = engine.clock.now();
    let Some(target) = engine.registry.get(claimed.endpoint) else {
        return Settlement {
            delivery: claimed.id,
            endpoint: claimed.endpoint,
            attempt: None,
            at: started_at,
            next: Next::Cancelled,
        };
    };
    let body = engine.bodies.of(target.endpoint.settings.wire, &claimed.event);
    let request = crate::wire::request(&target, &claimed.event, &body, started_at);
    let request_headers = recorded_headers(&request);
    let report = engine.sender.send(request).await;
    // Held until here, so that others on their way share it.
    drop(body);
    let now = engine.clock.now();
    let next = what_follows(&target, &claimed, &report, now);
    log(&claimed, &report, next);
    let attempt = Attempt {
        id: AttemptId::from_u128(engine.ids.next_at(started_at)),
        number: claimed.attempt,
        wire: target.endpoint.settings.wire,
        url: Arc::clone(&target.url),
        started_at,
        duration_ms: u32::try_from(report.duration.as_millis()).unwrap_or(u32::MAX),
        outcome: report.outcome,
        request_headers,
        response_headers: report
            .response_headers
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), visible(v)))
            .collect(),
        response_body: report.response_body,
        error: report.error,
    };
    Settlement { delivery: claimed.id, endpoint: claimed.endpoint, attempt: Some(attempt), at: now, next }
}

fn what_follows(target: &Target, claimed: &Claimed, report: &SendReport, now: Timestamp) -> Next {
    let refusal = report.outcome.refused().map(|status| target.endpoint.settings.wire.after_refusal(status));
    match report.outcome {
        Outcome::Delivered { .. } => Next::Succeeded,
        // It stays replayable.
        _ if matches!(refusal, Some(Refusal::Final | Refusal::Gone)) => Next::Dead,
        outcome => {
            let asked = asked_to_wait(outcome, &report.response_headers, now);
            let policy = &target.endpoint.settings.retry_policy;
            match policy.wait_after(claimed.attempt_of_policy, asked, rand::random()) {
                Some(wait) => Next::RetryAt(now.plus(wait)),
                None => Next::Dead,
            }
        }
    }
}

/// A receiver's `Retry-After`, in either form (RFC 9110, 10.2.3), when it comes with 429 or 503.
fn asked_to_wait(outcome: Outcome, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if !matches!(outcome, Outcome::Refused { status: 429 | 503 }) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(at.as_millis()).ok()?).since(now))
}

fn log(claimed: &Claimed, report: &SendReport, next: Next) {
    let (delivery, attempt) = (claimed.id, claimed.attempt);
    match next {
        Next::Succeeded => tracing::debug!(
            delivery.id = %delivery, duration_ms = report.duration.as_millis(), "delivered {delivery} at attempt {attempt}"
        ),
        next => tracing::info!(
            delivery.id = %delivery, endpoint.id = %claimed.endpoint, outcome = %report.outcome, ?next,
            "attempt {attempt} of {delivery} failed: {}", report.outcome
        ),
    }
}

impl Engine {
    /// Reads endpoints again that the deliver service switched off.
    async fn reload_endpoints(&self, ids: &[EndpointId]) {
        if ids.is_empty() {
            return;
        }
        let _turn = self.turn.lock().await;
        for id in ids {
            let Some(target) = self.registry.get(*id) else { continue };
            match self
                .store
                .endpoint(target.endpoint.space, *id)
                .await
                .map(|record| record.map(|r| self.open(&r)))
            {
                Ok(Some(Ok(fresh))) => self.registry.put(fresh),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, endpoint.id = %id, "endpoint {id} could not be read again");
                }
            }
        }
        self.changes.mark(ids.iter().copied());
    }
}
