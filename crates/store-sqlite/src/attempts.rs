//! The attempts of an endpoint. They have no index of their own: they are found through its deliveries, newest
//! first, whose counts say how many there are before one of them is read.

use posthouse_store::{EndpointAttempt, PAGE_BYTES_MAX, SCAN_ROWS_MAX};
use posthouse_types::{DeliveryId, EndpointId, Page, PageRequest, Space};

use crate::fault::Done;
use crate::lists;
use crate::reader::Reading;
use crate::rows::{self, ATTEMPT_COLUMNS, Cells};
use crate::work::TRAIL_STEP;

/// Deliveries that one slice of skipping looks at: a reader is held for a millisecond or so.
const SKIP_ROWS: usize = 1000;

/// A delivery and the number of an attempt: what comes after is older.
pub(crate) type Cursor = (DeliveryId, u16);

/// How far skipping has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skip {
    /// Where the page would begin now; `None` at the top.
    pub(crate) after: Option<Cursor>,
    /// Attempts still to be passed over.
    pub(crate) left: usize,
}

/// A delivery as the walk finds it.
struct Stop {
    id: DeliveryId,
    space: i64,
    attempts: u16,
    trail: Option<i64>,
}

/// Deliveries of an endpoint from the cursor's own down, which may have older attempts.
const STOPS: &str = "SELECT id, space, attempts, trail FROM deliveries INDEXED BY deliveries_endpoint
     WHERE endpoint_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3";

fn stop(row: &rusqlite::Row<'_>) -> Done<Stop> {
    let cells = Cells::new("deliveries", row);
    Ok(Stop {
        id: cells.id(0, "id", DeliveryId::from_bytes)?,
        space: cells.get(1, "space")?,
        attempts: cells.number(2, "attempts")?,
        trail: cells.get(3, "trail")?,
    })
}

/// The number below which the attempts of a delivery come after the cursor; `None`: all do.
fn bound(id: DeliveryId, after: Option<Cursor>) -> Option<u16> {
    after.filter(|(at, _)| *at == id).map(|(_, number)| number)
}

/// Passes over as many attempts as it may in one slice. `None` when there is nothing behind them.
pub(crate) fn skip(reading: &Reading, space: Space, endpoint: EndpointId, skip: Skip) -> Done<Option<Skip>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let from = skip.after.map_or(DeliveryId::MAX, |(id, _)| id);
    let mut statement = reading.connection().prepare_cached(STOPS)?;
    let mut rows = statement.query((endpoint.to_bytes(), from.to_bytes(), lists::limit(SKIP_ROWS)))?;
    let (mut now, mut looked) = (skip, 0);
    while let Some(row) = rows.next()? {
        let stop = stop(row)?;
        // All deliveries to an endpoint are of its space: this one is a stranger's.
        if stop.space != number {
            return Ok(None);
        }
        // Attempts are numbered without gaps, from 1.
        let here = match bound(stop.id, skip.after) {
            Some(below) => stop.attempts.min(below.saturating_sub(1)),
            None => stop.attempts,
        };
        if usize::from(here) >= now.left {
            let passed = u16::try_from(now.left).unwrap_or(here);
            return Ok(Some(Skip { after: Some((stop.id, here - passed + 1)), left: 0 }));
        }
        now = Skip { after: Some((stop.id, 1)), left: now.left - usize::from(here) };
        looked += 1;
    }
    // The cursor's own delivery is looked at again by the next slice, so one row alone is no progress.
    Ok(Some(now).filter(|_| looked == SKIP_ROWS))
}

/// Reads a page. Deliveries without attempts cost a look, no more.
pub(crate) fn page(
    reading: &Reading,
    space: Space,
    endpoint: EndpointId,
    page: &PageRequest<Cursor>,
) -> Done<Page<EndpointAttempt, Cursor>> {
    let mut read = Page { items: Vec::new(), next: None };
    let Some(number) = reading.space(space)? else { return Ok(read) };
    let connection = reading.connection();
    let from = page.after.map_or(DeliveryId::MAX, |(id, _)| id);
    let mut stops = connection.prepare_cached(STOPS)?;
    let mut rows = stops.query((endpoint.to_bytes(), from.to_bytes(), lists::limit(usize::MAX)))?;
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE seq > ?1 AND seq < ?2 ORDER BY seq DESC");
    let mut attempts = connection.prepare_cached(&sql)?;
    let (mut last, mut bytes, mut looked) = (None, 0, 0);
    while let Some(row) = rows.next()? {
        let stop = stop(row)?;
        if stop.space != number {
            break;
        }
        if looked >= SCAN_ROWS_MAX {
            read.next = last;
            break;
        }
        looked += 1;
        last = Some((stop.id, 1));
        let Some(trail) = stop.trail else { continue };
        let below = trail + bound(stop.id, page.after).map_or(TRAIL_STEP, i64::from);
        let Some(delivery) = lists::delivery(connection, number, stop.id)? else { continue };
        let mut rows = attempts.query((trail, below))?;
        while let Some(row) = rows.next()? {
            if read.items.len() >= page.limit || bytes >= PAGE_BYTES_MAX {
                read.next =
                    read.items.last().map(|item: &EndpointAttempt| (item.delivery.id, item.attempt.number));
                return Ok(read);
            }
            let attempt = rows::attempt(row)?;
            bytes += attempt.response_body.len();
            read.items.push(EndpointAttempt { delivery: delivery.clone(), attempt });
        }
    }
    Ok(read)
}
