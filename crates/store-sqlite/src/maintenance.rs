//! Housekeeping, in slices: what to remove is looked up beside the writer, which then only removes.

use async_trait::async_trait;
use posthouse_store::{Maintenance, Prune, Pruned, Result, StoreError};
use posthouse_types::{DeliveryId, EndpointId, EventId, TenantId, Timestamp};

use crate::SqliteStore;
use crate::fault::{Done, closed, unless_corrupt};
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::{TRAIL_STEP, Work};

/// A place in the order of acceptance, by both its names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    id: EventId,
    seq: i64,
}

/// An event to be looked at.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    place: Place,
    space: i64,
    created_at: Timestamp,
}

/// Deliveries that one slice looks at: a few tens of milliseconds of the writer's time.
const SLICE_DELIVERIES: usize = 2000;

/// What a slice removed.
#[derive(Debug, Default)]
struct Removed {
    events: usize,
    /// As many records of some kind expired as a slice removes.
    more_expired: bool,
    /// Where it ended early, because there were too many deliveries.
    stopped_at: Option<Place>,
}

/// One slice's worth of candidates, in order of acceptance.
struct Slice {
    candidates: Vec<Candidate>,
    more: bool,
}

#[async_trait]
impl Maintenance for SqliteStore {
    async fn prune(&self, prune: Prune) -> Result<Pruned> {
        let known = *self.pruned_to.lock();
        let slice = self.readers.lists.read(move |reading| look(reading, &prune, known)).await?;
        let last = slice.candidates.last().map(|candidate| candidate.place).filter(|_| slice.more);
        let removed = self.writer.write(move |work| remove(work, &prune, &slice.candidates)).await?;
        let reached = removed.stopped_at.or(last);
        *self.pruned_to.lock() = reached;
        let next = reached.map(|place| place.id);
        Ok(Pruned { events: removed.events, next, more: removed.more_expired })
    }

    async fn cancel_orphans(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let orphans = self.lanes.lock().orphans(now);
        if orphans.is_empty() {
            return Ok(0);
        }
        self.writer.write(move |work| cancel(work, &orphans, now, limit)).await
    }

    async fn release_expired(&self, _now: Timestamp) -> Result<usize> {
        Ok(0)
    }

    async fn ping(&self) -> Result<()> {
        if !self.writer.is_running() {
            return Err(closed());
        }
        self.readers
            .points
            .read(|reading| {
                let mut statement =
                    reading.connection().prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")?;
                Ok(statement.query_row([], |_| Ok(()))?)
            })
            .await
    }

    async fn close(&self) -> Result<()> {
        self.readers.close().await;
        let writer = self.writer.clone();
        tokio::task::spawn_blocking(move || writer.stop())
            .await
            .map_err(|error| StoreError::Unavailable(format!("closing broke off: {error}")))?;
        self.lock.lock().take();
        Ok(())
    }
}

/// Finds what may have to go: events that are too old, and events of tenants that keep too much.
fn look(reading: &Reading, prune: &Prune, known: Option<Place>) -> Done<Slice> {
    let from = place_after(reading, prune, known)?;
    let mut candidates = Vec::new();
    let aged = after(reading, "events e", None, from, prune.limit)?;
    // Times follow acceptance closely, not exactly: a slice without a single old event ends the search.
    let mut more = aged.len() >= prune.limit && aged.iter().any(|event| event.created_at < prune.before);
    candidates.extend(aged.into_iter().filter(|event| event.created_at < prune.before));
    for space in crowded_spaces(reading, prune.tenant_bytes_max)? {
        let kept = after(reading, "events e INDEXED BY events_space", Some(space), from, prune.limit)?;
        more |= kept.len() >= prune.limit;
        candidates.extend(kept);
    }
    candidates.sort_unstable_by_key(|event| event.place.seq);
    candidates.dedup_by_key(|event| event.place.seq);
    more |= candidates.len() > prune.limit;
    candidates.truncate(prune.limit);
    Ok(Slice { candidates, more })
}

/// Where the last slice ended. Usually that is remembered; after a restart it is looked up, and when the event
/// is gone the round begins anew, which costs time and nothing else.
fn place_after(reading: &Reading, prune: &Prune, known: Option<Place>) -> Done<i64> {
    let Some(id) = prune.after else { return Ok(i64::MIN) };
    if let Some(place) = known.filter(|place| place.id == id) {
        return Ok(place.seq);
    }
    let mut statement = reading.connection().prepare_cached(
        "SELECT e.seq FROM spaces s CROSS JOIN events e ON e.space = s.number AND e.id = ?1 LIMIT 1",
    )?;
    let seq = rows::first(&mut statement, [id.to_bytes()], |row| Ok(row.get(0)?))?;
    Ok(seq.unwrap_or(i64::MIN))
}

fn after(
    reading: &Reading,
    table: &str,
    space: Option<i64>,
    from: i64,
    count: usize,
) -> Done<Vec<Candidate>> {
    let condition = if space.is_some() { "AND e.space = ?3" } else { "AND ?3 IS NULL" };
    let sql = format!(
        "SELECT e.id, e.seq, e.space, e.created_at FROM {table} WHERE e.seq > ?1 {condition}
         ORDER BY e.seq LIMIT ?2"
    );
    rows::collect(&mut *reading.connection().prepare_cached(&sql)?, (from, limit(count), space), |row| {
        let cells = Cells::new("events", row);
        Ok(Candidate {
            place: Place { id: cells.id(0, "id", EventId::from_bytes)?, seq: cells.get(1, "seq")? },
            space: cells.get(2, "space")?,
            created_at: cells.time(3, "created_at")?,
        })
    })
}

/// The spaces of tenants that keep too much.
fn crowded_spaces(reading: &Reading, bytes_max: u64) -> Done<Vec<i64>> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT s.number FROM usage u CROSS JOIN spaces s ON s.tenant = u.tenant WHERE u.bytes > ?1",
    )?;
    rows::collect(&mut statement, [i64::try_from(bytes_max).unwrap_or(i64::MAX)], |row| Ok(row.get(0)?))
}

/// Removes those candidates that still have to go and may.
fn remove(work: &mut Work<'_>, prune: &Prune, candidates: &[Candidate]) -> Done<Removed> {
    let mut removed = Removed { more_expired: remove_expired(work, prune)?, ..Removed::default() };
    let bytes_max = i64::try_from(prune.tenant_bytes_max).unwrap_or(i64::MAX);
    let mut deliveries = 0;
    for candidate in candidates {
        let Some(space) = unless_corrupt(work.spaces.space(work.connection, candidate.space))? else {
            continue;
        };
        let old = candidate.created_at < prune.before;
        if !old && work.tally.kept(work.connection, space.tenant)?.events <= bytes_max {
            continue;
        }
        let gone = remove_event(work, candidate.place.seq, space.tenant, &mut deliveries);
        removed.events += usize::from(unless_corrupt(gone)? == Some(true));
        if deliveries >= SLICE_DELIVERIES {
            removed.stopped_at = Some(candidate.place);
            break;
        }
    }
    Ok(removed)
}

/// What goes by its own time, oldest first.
const EXPIRED: [&str; 3] = [
    "DELETE FROM idempotency WHERE rowid IN
         (SELECT rowid FROM idempotency INDEXED BY idempotency_expires
          WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    "DELETE FROM remembered WHERE rowid IN
         (SELECT rowid FROM remembered INDEXED BY remembered_expires
          WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    "DELETE FROM used_tokens WHERE rowid IN
         (SELECT rowid FROM used_tokens INDEXED BY used_tokens_expires
          WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
];

/// Removes what is past its time; whether there may be more of it.
fn remove_expired(work: &Work<'_>, prune: &Prune) -> Done<bool> {
    let mut more = false;
    for sql in EXPIRED {
        let mut statement = work.connection.prepare_cached(sql)?;
        more |= statement.execute((prune.now.as_millis(), limit(prune.limit)))? >= prune.limit;
    }
    Ok(more)
}

/// Removes an event with all that belongs to it, unless something of it is pending; counts the deliveries that
/// it looked at. Reads before it writes.
fn remove_event(work: &mut Work<'_>, seq: i64, tenant: TenantId, looked: &mut usize) -> Done<bool> {
    let connection = work.connection;
    let mut statement = connection.prepare_cached(
        "SELECT id, state, trail FROM deliveries INDEXED BY deliveries_event WHERE event_seq = ?1",
    )?;
    let deliveries: Vec<(DeliveryId, i64, Option<i64>)> = rows::collect(&mut statement, [seq], |row| {
        let cells = Cells::new("deliveries", row);
        Ok((cells.id(0, "id", DeliveryId::from_bytes)?, cells.get(1, "state")?, cells.get(2, "trail")?))
    })?;
    *looked += deliveries.len();
    if deliveries.iter().any(|(_, state, _)| *state == 0) {
        return Ok(false);
    }
    let mut statement = connection.prepare_cached("SELECT length(payload) FROM events WHERE seq = ?1")?;
    let Some(mut bytes) = rows::first(&mut statement, [seq], |row| Ok(row.get::<_, i64>(0)?))? else {
        return Ok(false);
    };
    for (id, _, trail) in deliveries {
        if let Some(trail) = trail {
            let range = (trail, trail + TRAIL_STEP);
            bytes += connection
                .prepare_cached(
                    "SELECT coalesce(sum(length(response_body)), 0) FROM attempts
                     WHERE seq >= ?1 AND seq < ?2",
                )?
                .query_row(range, |row| row.get::<_, i64>(0))?;
            connection.prepare_cached("DELETE FROM attempts WHERE seq >= ?1 AND seq < ?2")?.execute(range)?;
        }
        connection.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?.execute([id.to_bytes()])?;
    }
    connection.prepare_cached("DELETE FROM events WHERE seq = ?1")?.execute([seq])?;
    work.tally.count_bytes(tenant, -bytes);
    Ok(true)
}

/// Those that wait their turn, then those that are due: whatever a slice leaves is found by the queue's index.
const ORPHANS: [&str; 2] = [
    "SELECT id FROM deliveries INDEXED BY deliveries_order
     WHERE endpoint_id = ?1 AND state = 0 AND order_key IS NOT NULL AND due_at = 9223372036854775807 LIMIT ?2",
    "SELECT id FROM deliveries INDEXED BY deliveries_due
     WHERE endpoint_id = ?1 AND state = 0 AND due_at < 9223372036854775807 LIMIT ?2",
];

fn cancel(work: &mut Work<'_>, orphans: &[EndpointId], now: Timestamp, count: usize) -> Done<usize> {
    let mut cancelled = 0;
    for endpoint in orphans {
        for sql in ORPHANS {
            let room = count - cancelled;
            let mut statement = work.connection.prepare_cached(sql)?;
            let ids = rows::collect(&mut statement, (endpoint.to_bytes(), limit(room)), |row| {
                Cells::new("deliveries", row).id(0, "id", DeliveryId::from_bytes)
            })?;
            for id in &ids {
                work.connection
                    .prepare_cached(
                        "UPDATE deliveries SET state = 3, due_at = NULL, finished_at = ?2 WHERE id = ?1",
                    )?
                    .execute((id.to_bytes(), now.as_millis()))?;
            }
            cancelled += ids.len();
        }
        if cancelled >= count {
            return Ok(cancelled);
        }
        work.effects.lanes.cancelled.push(*endpoint);
    }
    Ok(cancelled)
}
