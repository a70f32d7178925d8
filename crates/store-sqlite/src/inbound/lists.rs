//! Reading deliveries to sources. Those of a deleted source are not found. The list is newest first; each walk
//! names the index that it follows.

use std::sync::Arc;

use bytes::Bytes;
use posthouse_store::{InboundContent, InboundFilter, Snapshot};
use posthouse_types::{
    InboundDelivery, InboundId, InboundRef, InboundStatus, Page, PageRequest, SessionId, SourceId, Space,
    Timestamp,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row};

use crate::fault::Done;
use crate::lists::first_id;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::walk::Walk;

/// Deliveries that one slice of skipping looks at: a reader is held for a few milliseconds.
const SKIP_ROWS: usize = 2000;

const COLUMNS: &str =
    "d.id, d.number, s.id, d.status, d.reason, d.event_type, d.entity_key, d.dedup_key, d.remote_ip,
    d.headers, d.body_bytes, d.session, d.runs, d.error, d.received_at, d.started_at, d.finished_at,
    d.input_tokens, d.output_tokens";

fn delivery(row: &Row<'_>, space: Space) -> Done<InboundDelivery> {
    let cells = Cells::new("inbound", row);
    Ok(InboundDelivery {
        id: cells.id(0, "id", InboundId::from_bytes)?,
        number: cells.number(1, "number")?,
        space,
        source: cells.id(2, "source", SourceId::from_bytes)?,
        status: InboundStatus::from_code(cells.get(3, "status")?).ok_or_else(|| cells.corrupt("status"))?,
        reason: cells.get(4, "reason")?,
        event_type: cells.get(5, "event_type")?,
        entity_key: cells.get(6, "entity_key")?,
        dedup_key: cells.get(7, "dedup_key")?,
        remote_ip: match cells.get::<Option<String>>(8, "remote_ip")? {
            None => None,
            Some(ip) => Some(ip.parse().map_err(|_| cells.corrupt("remote_ip"))?),
        },
        headers: cells.json(9, "headers")?,
        body_bytes: cells.number(10, "body_bytes")?,
        session: cells.text_or_none(11, "session")?,
        runs: cells.number(12, "runs")?,
        error: cells.get(13, "error")?,
        received_at: cells.time(14, "received_at")?,
        started_at: cells.time_or_none(15, "started_at")?,
        finished_at: cells.time_or_none(16, "finished_at")?,
        tokens: cells.tokens(17)?,
    })
}

/// One delivery.
pub(super) fn one(reading: &Reading, space: Space, wanted: InboundRef) -> Done<Option<InboundDelivery>> {
    let Some(space_number) = reading.space(space)? else { return Ok(None) };
    let of = |column| {
        format!(
            "SELECT {COLUMNS} FROM inbound d CROSS JOIN sources s ON s.number = d.source AND s.deleted = 0
             WHERE d.{column} = ?1 AND d.space = ?2"
        )
    };
    let connection = reading.connection();
    match wanted {
        InboundRef::Id(id) => {
            let mut statement = connection.prepare_cached(&of("id"))?;
            rows::first(&mut statement, (id.to_bytes(), space_number), |row| delivery(row, space))
        }
        InboundRef::Number(number) => {
            let mut statement = connection.prepare_cached(&of("number"))?;
            rows::first(&mut statement, (rows::stored(number), space_number), |row| delivery(row, space))
        }
    }
}

/// The delivery that holds a key.
pub(super) fn holder(
    reading: &Reading,
    source: SourceId,
    key: &str,
    now: Timestamp,
) -> Done<Option<(InboundId, u64)>> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT d.id, d.number FROM sources s CROSS JOIN inbound d INDEXED BY inbound_held
         ON d.source = s.number AND d.dedup_key = ?2 AND d.holds = 1
         WHERE s.id = ?1 AND s.deleted = 0 AND d.status <> ?3 AND (d.held_until IS NULL OR d.held_until > ?4)",
    )?;
    let failed = InboundStatus::Failed.code();
    rows::first(&mut statement, (source.to_bytes(), key, failed, now.as_millis()), |row| {
        let cells = Cells::new("inbound", row);
        Ok((cells.id(0, "id", InboundId::from_bytes)?, cells.number(1, "number")?))
    })
}

/// The body of a delivery, with the configuration of its arrival.
pub(super) fn content(reading: &Reading, space: Space, id: InboundId) -> Done<Option<InboundContent>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let mut statement = reading.connection().prepare_cached(
        "SELECT d.id, c.digest, c.text, b.body FROM inbound d INDEXED BY inbound_space
         CROSS JOIN sources s ON s.number = d.source AND s.deleted = 0
         CROSS JOIN bodies b ON b.number = d.number
         CROSS JOIN snapshots c ON c.number = b.snapshot
         WHERE d.space = ?1 AND d.id = ?2",
    )?;
    rows::first(&mut statement, (number, id.to_bytes()), |row| {
        let cells = Cells::new("inbound", row);
        let snapshot = Snapshot { digest: cells.get(1, "snapshot")?, text: cells.get(2, "snapshot")? };
        Ok(InboundContent {
            body: Bytes::from(cells.get::<Vec<u8>>(3, "body")?),
            snapshot: Arc::new(snapshot),
        })
    })
}

/// One page of deliveries.
pub(super) fn page(
    reading: &Reading,
    space: Space,
    filter: &InboundFilter,
    page: &PageRequest<InboundId>,
) -> Done<Page<InboundDelivery, InboundId>> {
    let Some(walk) = along(reading, COLUMNS, space, filter, page.after)? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    walk.page(reading.connection(), page.limit, InboundId::from_bytes, |row| Ok((delivery(row, space)?, 0)))
}

/// Passes over as many deliveries as it may in one slice: where it has come to, and how many are left to pass.
/// `None` when there is nothing behind them.
pub(super) fn skip(
    reading: &Reading,
    space: Space,
    filter: &InboundFilter,
    after: Option<InboundId>,
    left: usize,
) -> Done<Option<(InboundId, usize)>> {
    let Some(walk) = along(reading, "d.id", space, filter, after)? else { return Ok(None) };
    walk.skip(reading.connection(), (left, SKIP_ROWS), InboundId::from_bytes)
}

/// A walk where there is the least to look at; `None` when there is nothing at all.
fn along(
    reading: &Reading,
    columns: &'static str,
    space: Space,
    filter: &InboundFilter,
    after: Option<InboundId>,
) -> Done<Option<Walk>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let source: Option<i64> = match filter.source {
        None => None,
        Some(id) => {
            let found = reading
                .connection()
                .prepare_cached("SELECT number FROM sources WHERE id = ?1 AND space = ?2 AND deleted = 0")?
                .query_row((id.to_bytes(), number), |row| row.get(0))
                .optional()?;
            let Some(found) = found else { return Ok(None) };
            Some(found)
        }
    };
    let session = filter.session.as_ref().map(SessionId::as_str);
    let index = match (session, source, filter.status) {
        (Some(_), _, _) => "inbound_session",
        (None, _, Some(InboundStatus::Failed)) => "inbound_failed",
        (None, Some(_), _) => "inbound_source",
        (None, None, _) => "inbound_space",
    };
    let from = format!("inbound d INDEXED BY {index} CROSS JOIN sources s ON s.number = d.source");
    let mut walk = Walk::new("inbound", columns, from);
    let mut bound = |on: &str, condition: &str, value: Value| {
        if index == on { walk.within(condition, value) } else { walk.only(condition, value) }
    };
    if let Some(source) = source {
        bound("inbound_source", "d.source = ?", source.into());
    }
    if let Some(session) = session {
        bound("inbound_session", "d.session = ?", session.to_owned().into());
    }
    if index == "inbound_source" {
        walk.only("d.space = ?", number);
    } else {
        walk.within("d.space = ?", number);
    }
    match filter.status {
        // Written out, so that SQLite sees that the partial index holds all of them.
        Some(InboundStatus::Failed) if index == "inbound_failed" => walk.within_plain("d.status = 7"),
        Some(status) => walk.only("d.status = ?", i64::from(status.code())),
        None => {}
    }
    narrow(&mut walk, filter, after);
    Ok(Some(walk))
}

fn narrow(walk: &mut Walk, filter: &InboundFilter, after: Option<InboundId>) {
    walk.only("s.deleted = ?", 0);
    if let Some(event_type) = &filter.event_type {
        walk.only("d.event_type = ?", event_type.clone());
    }
    if let Some(ip) = filter.remote_ip {
        walk.only("d.remote_ip = ?", ip.to_string());
    }
    if let Some(since) = filter.since {
        walk.within("d.id >= ?", first_id(since));
    }
    if let Some(until) = filter.until {
        walk.within("d.id < ?", first_id(until));
    }
    if let Some(after) = after {
        walk.within("d.id < ?", after.to_bytes().to_vec());
    }
}
