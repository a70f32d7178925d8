//! Arrivals: every request to a source comes through here.

use posthouse_store::{Arrival, Arrived, DedupKey, StoreError, TurnSession};
use posthouse_types::{InboundId, InboundStatus, SessionId, Timestamp, Work as Subject};

use crate::fault::{Done, Fault};
use crate::rows::{self, Cells};
use crate::turns::{self, NewTurn, Place};
use crate::work::Work;

/// What the rows of an arrival cost in memory and on disk beside its texts, roughly.
const ROWS_BYTES: usize = 1024;

/// An arrival, made ready before it reaches the writer's thread.
pub(super) struct Prepared {
    arrival: Arrival,
    headers: String,
    remote_ip: Option<String>,
}

impl Prepared {
    /// Turns headers and address into text.
    pub(super) fn new(arrival: Arrival) -> Self {
        let headers = rows::to_json(&arrival.delivery.headers);
        let remote_ip = arrival.delivery.remote_ip.map(|ip| ip.to_string());
        Self { arrival, headers, remote_ip }
    }

    /// What it takes in memory and on disk, roughly.
    pub(super) fn bytes(&self) -> usize {
        let body = self.arrival.content.as_ref().map_or(0, |content| content.body.len());
        ROWS_BYTES + self.headers.len() + body
    }
}

/// Stores it, unless another delivery holds its key. All looks come before the first row.
pub(super) fn write(work: &mut Work<'_>, prepared: &Prepared) -> Done<Arrived> {
    let Arrival { delivery, content, dedup, turn } = &prepared.arrival;
    let Some(space) = work.known_space(delivery.space)? else { return Ok(Arrived::NoSource) };
    let Some(source) = work.source(space, delivery.source)? else { return Ok(Arrived::NoSource) };
    let mut lapsed = None;
    if let Some(dedup) = dedup {
        match holder(work, source, dedup, delivery.received_at)? {
            Some(Holder { id, number, holds: true }) => return Ok(Arrived::Duplicate { id, number }),
            found => lapsed = found.map(|holder| holder.number),
        }
    }
    let number = work.next_inbound()?;
    let session = match turn {
        Some(turn) => Some(session_of(&turn.session, number)?),
        None => None,
    };
    if let Some(lapsed) = lapsed {
        work.connection
            .prepare_cached("UPDATE inbound SET holds = 0 WHERE number = ?1")?
            .execute([rows::stored(lapsed)])?;
    }
    insert(work, prepared, Place { source, delivery: number }, (space, session.as_ref()))?;
    if let Some(content) = content {
        let snapshot = work.snapshot(&content.snapshot)?;
        work.statements.insert_body.execute((number, space, snapshot, &content.body[..]))?;
        work.tally.count_uses(snapshot, 1);
        work.tally.count_inbound(delivery.space.tenant, rows::stored(content.body.len() as u64));
    }
    if let (Some(turn), Some(session)) = (turn, &session) {
        work.tally.count_delivery(source, delivery.received_at);
        let new = NewTurn {
            id: turn.id,
            space,
            session,
            work: Subject::Delivery(delivery.id),
            of: Some(Place { source, delivery: number }),
            starts: 0,
            queued_at: delivery.received_at,
        };
        turns::insert(work, &new)?;
    }
    u64::try_from(number)
        .map(Arrived::Stored)
        .map_err(|_| Fault::corrupt("inbound", "number", number.to_string()))
}

/// The delivery that has a key.
struct Holder {
    id: InboundId,
    number: u64,
    /// It still keeps others out.
    holds: bool,
}

fn holder(work: &mut Work<'_>, source: i64, dedup: &DedupKey, now: Timestamp) -> Done<Option<Holder>> {
    rows::first(&mut work.statements.select_holder, (source, &dedup.key), |row| {
        let cells = Cells::new("inbound", row);
        let failed = cells.get::<u8>(2, "status")? == InboundStatus::Failed.code();
        let past = cells.time_or_none(3, "held_until")?.is_some_and(|until| until <= now);
        Ok(Holder {
            id: cells.id(0, "id", InboundId::from_bytes)?,
            number: cells.number(1, "number")?,
            holds: !failed && !past,
        })
    })
}

fn session_of(session: &TurnSession, number: i64) -> Done<SessionId> {
    match session {
        TurnSession::Named(session) => Ok(session.clone()),
        TurnSession::Numbered(text) => SessionId::parse(&format!("{text}{number}")).map_err(|invalid| {
            Fault::Refused(StoreError::Unavailable(format!("the session's id {invalid}")))
        }),
    }
}

fn insert(
    work: &mut Work<'_>,
    prepared: &Prepared,
    place: Place,
    (space, session): (i64, Option<&SessionId>),
) -> Done<()> {
    let Arrival { delivery, dedup, .. } = &prepared.arrival;
    let (input, output) = rows::tokens(delivery.tokens);
    let dedup_key = dedup.as_ref().map(|dedup| &dedup.key).or(delivery.dedup_key.as_ref());
    let held_until = dedup.as_ref().and_then(|dedup| dedup.until);
    work.statements.insert_inbound.execute(rusqlite::params![
        place.delivery,
        delivery.id.to_bytes(),
        space,
        place.source,
        delivery.status.code(),
        delivery.runs,
        rows::stored(delivery.body_bytes),
        delivery.received_at.as_millis(),
        delivery.started_at.map(Timestamp::as_millis),
        delivery.finished_at.map(Timestamp::as_millis),
        input,
        output,
        dedup.is_some(),
        held_until.map(Timestamp::as_millis),
        dedup_key,
        session.map(SessionId::as_str),
        delivery.event_type,
        delivery.entity_key,
        delivery.reason,
        delivery.error,
        prepared.remote_ip,
        prepared.headers,
    ])?;
    Ok(())
}
