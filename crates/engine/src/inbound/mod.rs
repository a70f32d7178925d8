//! Receiving: from a request at a source's door to a delivery that an agent will work on.

mod compose;
mod headers;
mod inspect;
mod session;
mod template;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use posthouse_providers::auth::Refused;
use posthouse_providers::{DeliveryKey, Incoming, Reading};
use posthouse_store::{Arrival, Arrived, DedupKey, InboundContent, NewTurn};
use posthouse_types::{
    ActionId, ActionStatus, InboundDelivery, InboundId, InboundStatus, PublicId, Timestamp, TurnId,
};

use crate::Engine;
use crate::error::{Error, Result};
use crate::measure;
use crate::sources::Door;
use crate::unhindered::see_through;
use crate::window::Window;

pub(crate) use compose::{Told, cut, payload_of, tell};
pub(crate) use inspect::content_type;
pub use inspect::{Decision, InboundDetail, InboundQuery};
pub(crate) use session::label_of;

/// Refused requests of one source recorded in a minute: a flood of them must not fill the disk. All are counted.
const REFUSED_RECORDED_PER_MINUTE: u32 = 60;
/// The same over all sources.
const REFUSED_RECORDED_PER_MINUTE_GLOBAL: u32 = 600;
/// Filtered and repeated requests of one source recorded in a minute: their senders are known.
const PASSED_OVER_RECORDED_PER_MINUTE: u32 = 1_000;
/// How long after an action began, or was given up, an event with its mark is taken for its doing although the provider
/// has not answered what it made. Ours: providers send events within seconds.
const UNANSWERED_FOR: Duration = Duration::from_secs(10 * 60);

/// A request to a source.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who sent it, when that is known.
    pub remote: Option<IpAddr>,
}

/// What its sender is told of a request that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It is stored, and will be worked on.
    Accepted {
        /// Its number.
        number: u64,
        /// Its type.
        event_type: Option<String>,
        /// When it arrived.
        received_at: Timestamp,
    },
    /// Its type is not wanted, or it is our own doing.
    Filtered {
        /// Its type.
        event_type: Option<String>,
    },
    /// It was here before.
    Deduplicated {
        /// The number of the one before.
        existing: u64,
    },
    /// It only tests the URL, and wants this answer.
    Challenge(String),
}

/// Why a request was refused.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such source, or it is off.
    NoSource,
    /// Its address is not among those that may send.
    Address,
    /// Its body is longer than the source takes.
    TooLarge {
        /// What it takes, bytes.
        limit: usize,
    },
    /// It does not prove who sent it.
    Unauthenticated(Refused),
    /// Too many were taken on in the last minute.
    RateLimited {
        /// When there will be room.
        retry_after: Duration,
    },
    /// It could not be stored.
    Failed(Error),
}

impl Refusal {
    /// What the record says.
    fn reason(&self) -> String {
        match self {
            Self::NoSource => "no_source".to_owned(),
            Self::Address => "address_not_allowed".to_owned(),
            Self::TooLarge { .. } => "payload_too_large".to_owned(),
            Self::Unauthenticated(refused) => refused.to_string(),
            Self::RateLimited { .. } => "rate_limited".to_owned(),
            Self::Failed(_) => "not_stored".to_owned(),
        }
    }
}

impl Engine {
    /// The source behind a URL; none when it is off.
    pub fn door(&self, public_id: PublicId) -> Option<Arc<Door>> {
        self.doors.get(public_id).filter(|door| door.source.settings.enabled)
    }

    /// Takes on a request whose whole body is here: checks the sender, filters, looks for repeats, keeps to the
    /// limits, stores. What it answers is on disk.
    ///
    /// What seldom happens is boxed: every request has room for all that may come of it, and carries that along.
    pub async fn receive(
        &self,
        door: &Door,
        received: Received<'_>,
        body: Bytes,
    ) -> std::result::Result<Receipt, Refusal> {
        let now = self.clock.now();
        if let Err(refused) = door.verify(received.headers, &body, now) {
            return Err(Refusal::Unauthenticated(refused));
        }
        let incoming = Incoming {
            headers: received.headers,
            body: &body,
            event_header: door.source.settings.event_header.as_deref(),
        };
        if let Some(answer) = door.profile.challenge.and_then(|challenge| challenge(&incoming)) {
            return Ok(Receipt::Challenge(answer));
        }
        let mut taken = {
            let reading = (door.profile.read)(&incoming);
            let id = self.ids.next_at(now);
            let (delivery, reading) = arriving(door, received.remote, body.len(), reading, (id, now));
            Box::new(Taken { delivery, reading, body })
        };
        taken.delivery.headers = headers::safe(door, received.headers);
        if let Some(reason) = taken.unwanted_by(door) {
            return Box::pin(self.pass_over(door, taken.delivery, InboundStatus::Filtered, reason)).await;
        }
        if let Some(mark) = taken.reading.mark
            && Box::pin(self.is_own_doing(door, &taken.reading, mark)).await.map_err(Refusal::Failed)?
        {
            return Box::pin(self.pass_over(door, taken.delivery, InboundStatus::Filtered, "own_action"))
                .await;
        }
        self.take_on(door, taken).await
    }

    /// Stores a request, within the limits. Repeats do not count against them: so the limits are charged first and
    /// given back when the store knows the key.
    async fn take_on(&self, door: &Door, mut taken: Box<Taken>) -> std::result::Result<Receipt, Refusal> {
        let dedup = dedup_key(door, taken.reading.delivery_key.take(), taken.delivery.received_at);
        taken.delivery.dedup_key = dedup.as_ref().map(|dedup| dedup.key.clone());
        let charge = match self.charge(door) {
            Ok(charge) => charge,
            Err(retry_after) => return Box::pin(self.over_limit(door, taken.delivery, retry_after)).await,
        };
        let delivery = Arc::new(taken.delivery);
        let arrival = arrival(door, Arc::clone(&delivery), dedup, taken.body);
        match self.arrive(arrival, charge).await.map_err(Refusal::Failed)? {
            Arrived::Stored(number) => {
                door.count_received(delivery.event_type.as_deref());
                let (event_type, received_at) = (delivery.event_type.clone(), delivery.received_at);
                Ok(Receipt::Accepted { number, event_type, received_at })
            }
            Arrived::Duplicate { number, .. } => {
                Box::pin(self.repeated(door, Arc::unwrap_or_clone(delivery), number)).await
            }
            Arrived::NoSource => Err(Refusal::NoSource),
        }
    }

    /// What comes of a request for which the limits have no room: a repeat needs none.
    async fn over_limit(
        &self,
        door: &Door,
        delivery: InboundDelivery,
        retry_after: Duration,
    ) -> std::result::Result<Receipt, Refusal> {
        if let Some(key) = delivery.dedup_key.as_deref()
            && let Some((_, existing)) =
                self.store.holder_of(door.source.id, key, delivery.received_at).await.map_err(failed)?
        {
            return self.repeated(door, delivery, existing).await;
        }
        Err(Refusal::RateLimited { retry_after })
    }

    /// Stores what is charged for, to the end even if the sender hangs up: the store carries out what it was asked to,
    /// and only its answer tells whether the charge is kept. A charge given back with the sender would let those
    /// through the limits who do not wait for an answer.
    fn arrive(&self, arrival: Arrival, charge: Charge) -> impl Future<Output = Result<Arrived>> + use<> {
        let store = Arc::clone(&self.store);
        see_through(async move {
            let arrived = store.arrive(arrival).await;
            if matches!(arrived, Ok(Arrived::Stored(_))) {
                charge.keep();
            }
            Ok(arrived?)
        })
    }

    /// Counts a request against both limits; else says when there is room.
    fn charge(&self, door: &Door) -> std::result::Result<Charge, Duration> {
        // Not the time of arrival: that of a request which had to wait is behind that of others.
        let now = self.clock.now();
        let mut charge = Charge::default();
        let settings = &door.source.settings;
        charge.take(&self.ingest.accepted, self.options.ingest_global_per_minute, now)?;
        charge.take(&door.traffic.accepted, settings.rate_limit_per_minute, now)?;
        Ok(charge)
    }

    async fn repeated(
        &self,
        door: &Door,
        delivery: InboundDelivery,
        existing: u64,
    ) -> std::result::Result<Receipt, Refusal> {
        self.pass_over(door, delivery, InboundStatus::Deduplicated, "repeated").await?;
        Ok(Receipt::Deduplicated { existing })
    }

    /// Records a request that nothing follows from, without its body.
    async fn pass_over(
        &self,
        door: &Door,
        mut delivery: InboundDelivery,
        status: InboundStatus,
        reason: &str,
    ) -> std::result::Result<Receipt, Refusal> {
        delivery.status = status;
        delivery.reason = Some(reason.to_owned());
        measure::passed_over(&delivery, door.counted_type(delivery.event_type.as_deref()));
        let event_type = delivery.event_type.clone();
        let now = delivery.received_at;
        if door.traffic.passed_over.take(PASSED_OVER_RECORDED_PER_MINUTE, now).is_ok() {
            self.record(delivery).await.map_err(Refusal::Failed)?;
        }
        Ok(Receipt::Filtered { event_type })
    }

    /// Counts and records a refused request, as long as there are not too many of them.
    pub async fn note_refusal(
        &self,
        door: &Door,
        received: Received<'_>,
        body_bytes: usize,
        refusal: &Refusal,
    ) {
        let now = self.clock.now();
        let limited = matches!(refusal, Refusal::RateLimited { .. });
        measure::refused(door.source.id, refusal.reason(), limited);
        let room = door.traffic.refused.take(REFUSED_RECORDED_PER_MINUTE, now).is_ok()
            && self.ingest.refused.take(REFUSED_RECORDED_PER_MINUTE_GLOBAL, now).is_ok();
        if !room || matches!(refusal, Refusal::Failed(_) | Refusal::NoSource) {
            return;
        }
        // Nothing in it is proved, so nothing is read from it.
        let id = self.ids.next_at(now);
        let (mut delivery, _) = arriving(door, received.remote, body_bytes, Reading::default(), (id, now));
        delivery.headers = headers::of_refused(door, received.headers);
        delivery.status = InboundStatus::Rejected;
        delivery.reason = Some(refusal.reason());
        if let Err(error) = self.record(delivery).await {
            tracing::warn!(source.id = %door.source.id, %error, "a refused request could not be recorded");
        }
    }

    async fn record(&self, delivery: InboundDelivery) -> Result<()> {
        let arrival = Arrival { delivery: Arc::new(delivery), content: None, dedup: None, turn: None };
        self.store.arrive(arrival).await?;
        Ok(())
    }

    /// Whether the event tells of something that an agent of this source made: it must not wake it again. The mark
    /// could be copied by someone else, so it also has to stand in the very thing that the action made. What that is
    /// the provider may not have said yet, since its event can be here before its answer; only then, and for a while,
    /// the mark suffices.
    async fn is_own_doing(&self, door: &Door, reading: &Reading, mark: ActionId) -> Result<bool> {
        let space = door.source.space;
        let Some(action) = self.store.action(space, mark).await? else { return Ok(false) };
        let delivery = self.store.inbound(space, action.delivery.into()).await?;
        let same_source = delivery.is_some_and(|delivery| delivery.source == door.source.id);
        let same_thing = match &action.object {
            _ if reading.mark_is_proof => true,
            Some(_) => action.object == reading.object,
            None => {
                let unanswered = matches!(action.status, ActionStatus::Running | ActionStatus::Unknown);
                unanswered && self.clock.now() < action.updated_at.plus(UNANSWERED_FOR)
            }
        };
        Ok(same_source && same_thing)
    }
}

/// A verified request, read.
struct Taken {
    delivery: InboundDelivery,
    /// What is known beyond the delivery.
    reading: Reading,
    body: Bytes,
}

impl Taken {
    /// Why nothing is to follow from it, by the source's settings.
    fn unwanted_by(&self, door: &Door) -> Option<&'static str> {
        let settings = &door.source.settings;
        if !settings.events.admits(self.delivery.event_type.as_deref()) {
            return Some("event_type");
        }
        let ignored = |sender| settings.ignored_senders.contains(sender);
        self.reading.sender.as_ref().is_some_and(ignored).then_some("sender")
    }
}

/// A request as it is stored, with the work it makes.
fn arrival(door: &Door, delivery: Arc<InboundDelivery>, dedup: Option<DedupKey>, body: Bytes) -> Arrival {
    let source = &door.source;
    let session =
        session::session_of(&source.settings.session, source.public_id, delivery.entity_key.as_deref());
    Arrival {
        content: Some(InboundContent { body, snapshot: Arc::clone(&door.snapshot) }),
        turn: Some(NewTurn { id: TurnId::from_u128(delivery.id.as_u128()), session }),
        delivery,
        dedup,
    }
}

/// A request, but for its headers, as a delivery that has just arrived, and what was read of it beyond that.
fn arriving(
    door: &Door,
    remote: Option<IpAddr>,
    body_bytes: usize,
    mut reading: Reading,
    (id, now): (u128, Timestamp),
) -> (InboundDelivery, Reading) {
    let delivery = InboundDelivery {
        id: InboundId::from_u128(id),
        number: 0,
        space: door.source.space,
        source: door.source.id,
        status: InboundStatus::Received,
        reason: None,
        event_type: reading.event_type.take(),
        entity_key: reading.entity_key.take(),
        dedup_key: reading.delivery_key.as_ref().map(|key| key.as_str().to_owned()),
        remote_ip: remote,
        headers: Vec::new(),
        body_bytes: body_bytes as u64,
        session: None,
        runs: 0,
        error: None,
        received_at: now,
        started_at: None,
        finished_at: None,
        tokens: None,
    };
    (delivery, reading)
}

fn dedup_key(door: &Door, key: Option<DeliveryKey>, now: Timestamp) -> Option<DedupKey> {
    match key? {
        DeliveryKey::Given(key) => Some(DedupKey { key, until: None }),
        DeliveryKey::Body(key) => {
            let window = Duration::from_secs(door.source.settings.dedup_by_body_s.into());
            (!window.is_zero()).then(|| DedupKey { key, until: Some(now.plus(window)) })
        }
    }
}

fn failed(error: posthouse_store::StoreError) -> Refusal {
    Refusal::Failed(error.into())
}

/// What one request was counted in; given back when it is dropped without being kept.
#[derive(Default)]
struct Charge {
    taken: Vec<Window>,
}

impl Charge {
    fn take(&mut self, window: &Window, limit: u32, now: Timestamp) -> std::result::Result<(), Duration> {
        window.take(limit, now)?;
        self.taken.push(window.clone());
        Ok(())
    }

    fn keep(mut self) {
        self.taken.clear();
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.taken.iter().for_each(Window::give_back);
    }
}

/// What is counted over all sources.
#[derive(Default)]
pub(crate) struct Ingest {
    accepted: Window,
    refused: Window,
}
