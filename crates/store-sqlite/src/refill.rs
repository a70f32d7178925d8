//! Filling the lanes from the database: at the start, and whenever due work lies behind a window.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use posthouse_store::{Claimed, Next, Settlement};
use posthouse_types::{DeliveryId, EndpointId, Event, Timestamp};
use rusqlite::Connection;

use crate::fault::{Done, unless_corrupt};
use crate::lanes::{Key, Lanes, Want};
use crate::reader::Reading;
use crate::rows::{self, Cells, EVENT_COLUMNS};

/// Payload read in one batch; lanes that it leaves are asked for again.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Finds the endpoints with pending work, each with its earliest, by leaping from endpoint to endpoint along
/// the queue's index: it costs what the endpoints cost, however much waits.
const RESTORE: &str = "
    WITH RECURSIVE lane (endpoint_id) AS (
        SELECT min(endpoint_id) FROM deliveries INDEXED BY deliveries_due
        WHERE state = 0 AND due_at < 9223372036854775807
        UNION ALL
        SELECT (SELECT min(d.endpoint_id) FROM deliveries d INDEXED BY deliveries_due
                WHERE d.state = 0 AND d.due_at < 9223372036854775807 AND d.endpoint_id > lane.endpoint_id)
        FROM lane WHERE lane.endpoint_id IS NOT NULL
    )
    SELECT lane.endpoint_id,
           (SELECT min(d.due_at) FROM deliveries d INDEXED BY deliveries_due
            WHERE d.state = 0 AND d.due_at < 9223372036854775807 AND d.endpoint_id = lane.endpoint_id),
           coalesce((SELECT e.deleted FROM endpoints e WHERE e.id = lane.endpoint_id), 0)
    FROM lane WHERE lane.endpoint_id IS NOT NULL";

/// Tells the lanes of all work that waits.
pub(crate) fn restore(connection: &Connection, lanes: &mut Lanes) -> Done<()> {
    let mut statement = connection.prepare(RESTORE)?;
    rows::readable(&mut statement, [], usize::MAX, |row| {
        let cells = Cells::new("deliveries", row);
        let endpoint = cells.id(0, "endpoint_id", EndpointId::from_bytes)?;
        lanes.restore(endpoint, (cells.time(1, "due_at")?, DeliveryId::MIN), cells.get(2, "deleted")?);
        Ok(())
    })
    .map(drop)
}

/// Refills these lanes, one after the other. The answer is what can not be delivered, because its event can not
/// be read: it is in no lane any more.
pub(crate) fn refill(
    reading: &Reading,
    lanes: &Mutex<Lanes>,
    wants: &[Want],
    now: Timestamp,
) -> Done<Vec<Settlement>> {
    lanes.lock().begin_refills();
    let mut batch = Batch::default();
    let result = wants.iter().try_for_each(|want| {
        if batch.bytes < BATCH_BYTES_MAX {
            refill_lane(reading, lanes, *want, now, &mut batch)
        } else {
            Ok(())
        }
    });
    lanes.lock().end_refills();
    result.map(|()| batch.lost)
}

/// What one batch of refills came to.
#[derive(Default)]
struct Batch {
    bytes: usize,
    lost: Vec<Settlement>,
}

/// A due delivery that is not in memory, without its event.
struct Waiting {
    key: Key,
    event_seq: i64,
    attempts: u16,
    attempts_base: u16,
}

fn refill_lane(
    reading: &Reading,
    lanes: &Mutex<Lanes>,
    want: Want,
    now: Timestamp,
    batch: &mut Batch,
) -> Done<()> {
    let Some(from) = lanes.lock().begin_refill(want.endpoint) else { return Ok(()) };
    let (mut waiting, mut rest) = scan(reading.connection(), want, from, now)?;
    {
        let lanes = lanes.lock();
        waiting.retain(|waiting| lanes.is_wanted(waiting.key.1));
    }
    let mut events = HashMap::new();
    let mut read = Vec::with_capacity(waiting.len());
    let mut bytes = 0;
    for waiting in waiting {
        if bytes >= want.bytes {
            rest = Some(waiting.key);
            break;
        }
        let event = match events.entry(waiting.event_seq) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(unless_corrupt(read_event(reading, waiting.event_seq))?.flatten())
            }
        };
        let Some(event) = event else {
            tracing::error!("delivery {} ends as dead: its event can not be read", waiting.key.1);
            batch.lost.push(lost(want.endpoint, waiting.key.1, now));
            continue;
        };
        bytes += event.payload.len();
        let claimed = Claimed {
            id: waiting.key.1,
            endpoint: want.endpoint,
            attempt: waiting.attempts.saturating_add(1),
            attempt_of_policy: waiting.attempts.saturating_sub(waiting.attempts_base).saturating_add(1),
            event: Arc::clone(event),
        };
        read.push((waiting.key.0, claimed));
    }
    batch.bytes += bytes;
    lanes.lock().finish_refill(want.endpoint, read, rest);
    Ok(())
}

/// The end of a delivery that there is nothing to send for.
fn lost(endpoint: EndpointId, delivery: DeliveryId, at: Timestamp) -> Settlement {
    Settlement { delivery, endpoint, attempt: None, at, next: Next::Dead }
}

/// The due deliveries of a lane from `from` on, and the key of the first that was not read.
fn scan(connection: &Connection, want: Want, from: Key, now: Timestamp) -> Done<(Vec<Waiting>, Option<Key>)> {
    let mut statement = connection.prepare_cached(
        "SELECT id, due_at, event_seq, attempts, attempts_base FROM deliveries INDEXED BY deliveries_due
         WHERE endpoint_id = ?1 AND state = 0 AND due_at < 9223372036854775807 AND (due_at, id) >= (?2, ?3)
         ORDER BY due_at, id",
    )?;
    let rows = want.rows.max(1);
    let mut waiting = rows::readable(
        &mut statement,
        (want.endpoint.to_bytes(), from.0.as_millis(), from.1.to_bytes()),
        rows + 1,
        |row| {
            let cells = Cells::new("deliveries", row);
            Ok(Waiting {
                key: (cells.time(1, "due_at")?, cells.id(0, "id", DeliveryId::from_bytes)?),
                event_seq: cells.get(2, "event_seq")?,
                attempts: cells.number(3, "attempts")?,
                attempts_base: cells.number(4, "attempts_base")?,
            })
        },
    )?;
    let taken = waiting.iter().take(rows).take_while(|waiting| waiting.key.0 <= now).count();
    let rest = waiting.get(taken).map(|waiting| waiting.key);
    waiting.truncate(taken);
    Ok((waiting, rest))
}

fn read_event(reading: &Reading, seq: i64) -> Done<Option<Arc<Event>>> {
    let sql = format!("SELECT {EVENT_COLUMNS}, e.space FROM events e WHERE e.seq = ?1");
    let mut statement = reading.connection().prepare_cached(&sql)?;
    rows::first(&mut statement, [seq], |row| {
        let space = reading.space_of(Cells::new("events", row).get(9, "space")?)?;
        Ok(Arc::new(rows::event(row, space)?))
    })
}
