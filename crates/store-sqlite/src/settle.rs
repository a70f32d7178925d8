//! Recording attempts and what follows from them; making deliveries due again.

use posthouse_store::{HealthChange, Next, Settle, Settlement};
use posthouse_types::{Attempt, Delivery, DeliveryId, DeliveryState, EndpointId, Space, Timestamp};

use crate::fault::{Done, unless_corrupt};
use crate::lists;
use crate::rows::{self, Cells};
use crate::work::Work;

/// A batch of results, made ready before it reaches the writer's thread.
#[derive(Debug)]
pub(crate) struct Prepared {
    settlements: Vec<(Settlement, Headers)>,
    health: Vec<HealthChange>,
}

#[derive(Debug, Default)]
struct Headers {
    request: String,
    response: String,
}

impl Prepared {
    /// Turns headers into text.
    pub(crate) fn new(settle: Settle) -> Self {
        let headers = |attempt: &Attempt| Headers {
            request: rows::to_json(&attempt.request_headers),
            response: rows::to_json(&attempt.response_headers),
        };
        let ready = |settlement: Settlement| {
            let headers = settlement.attempt.as_ref().map(headers).unwrap_or_default();
            (settlement, headers)
        };
        Self { settlements: settle.settlements.into_iter().map(ready).collect(), health: settle.health }
    }
}

/// A delivery as settling finds it.
struct Found {
    pending: bool,
    attempts: u16,
    trail: Option<i64>,
    space: i64,
    order_key: Option<String>,
}

/// Records all of it.
pub(crate) fn write(work: &mut Work<'_>, prepared: &Prepared) -> Done<()> {
    for (settlement, headers) in &prepared.settlements {
        unless_corrupt(write_one(work, settlement, headers))?;
    }
    prepared.health.iter().try_for_each(|change| write_health(work, change))
}

/// Reads before it writes, so that a row that can not be read is passed over whole.
fn write_one(work: &mut Work<'_>, settlement: &Settlement, headers: &Headers) -> Done<()> {
    // Whatever is found, its claimer is done with it.
    work.effects.lanes.settled.push(settlement.delivery);
    let id = settlement.delivery.to_bytes();
    let found = rows::first(&mut work.statements.select_delivery, [id], |row| {
        let cells = Cells::new("deliveries", row);
        Ok(Found {
            pending: cells.get::<i64>(0, "state")? == 0,
            attempts: cells.number(1, "attempts")?,
            trail: cells.get(2, "trail")?,
            space: cells.get(3, "space")?,
            order_key: cells.get(4, "order_key")?,
        })
    })?;
    let Some(mut found) = found else { return Ok(()) };
    if let Some(attempt) = &settlement.attempt {
        let tenant = work.spaces.space(work.connection, found.space)?.tenant;
        found.attempts = found.attempts.saturating_add(1);
        insert_attempt(work, &mut found, attempt, headers)?;
        work.tally.count_bytes(tenant, i64::try_from(attempt.response_body.len()).unwrap_or(i64::MAX));
    }
    if !found.pending {
        work.connection
            .prepare_cached("UPDATE deliveries SET attempts = ?2, trail = ?3 WHERE id = ?1")?
            .execute((id, found.attempts, found.trail))?;
        return Ok(());
    }
    let (state, due) = match what_follows(work, settlement, found.attempts)? {
        Next::Succeeded => (DeliveryState::Succeeded, None),
        Next::RetryAt(due) => (DeliveryState::Pending, Some(due)),
        Next::Dead => (DeliveryState::Dead, None),
        Next::Cancelled => (DeliveryState::Cancelled, None),
    };
    work.statements.settle_delivery.execute((
        id,
        state.code(),
        found.attempts,
        due.map(Timestamp::as_millis),
        due.is_none().then(|| settlement.at.as_millis()),
        found.trail,
    ))?;
    if let Some(due) = due {
        work.effects.lanes.due.push((settlement.endpoint, (due, settlement.delivery)));
        return Ok(());
    }
    let next = call_next(work, settlement.endpoint, found.order_key.as_deref(), settlement.at);
    unless_corrupt(next).map(drop)
}

/// What the settlement says, unless the delivery was requeued while the attempt was under way: the claimer does
/// not know of that. When the attempt failed, the delivery is due at once, and its fresh budget begins after it.
fn what_follows(work: &mut Work<'_>, settlement: &Settlement, attempts: u16) -> Done<Next> {
    let failed = matches!(settlement.next, Next::Dead | Next::RetryAt(_));
    if !failed || !work.was_requeued(settlement.delivery) {
        return Ok(settlement.next);
    }
    work.connection
        .prepare_cached("UPDATE deliveries SET attempts_base = ?2 WHERE id = ?1")?
        .execute((settlement.delivery.to_bytes(), attempts))?;
    Ok(Next::RetryAt(settlement.at))
}

fn insert_attempt(work: &mut Work<'_>, found: &mut Found, attempt: &Attempt, headers: &Headers) -> Done<()> {
    let trail = match found.trail {
        Some(trail) => trail,
        None => *found.trail.insert(work.new_trail()?),
    };
    work.statements.insert_attempt.execute((
        trail + i64::from(attempt.number),
        attempt.id.to_bytes(),
        attempt.started_at.as_millis(),
        attempt.duration_ms,
        attempt.outcome.name(),
        attempt.outcome.status(),
        attempt.error.as_deref(),
        &headers.request,
        &headers.response,
        &attempt.response_body[..],
        attempt.wire.code(),
        &*attempt.url,
    ))?;
    Ok(())
}

/// One has ended: the next with its order key is due, unless it is so already. It has been ready since it was
/// accepted, and takes the place in its lane that it would have had without the wait.
fn call_next(work: &mut Work<'_>, endpoint: EndpointId, order_key: Option<&str>, at: Timestamp) -> Done<()> {
    let Some(key) = order_key else { return Ok(()) };
    let mut statement = work.connection.prepare_cached(
        "SELECT id, due_at, created_at FROM deliveries INDEXED BY deliveries_order
         WHERE endpoint_id = ?1 AND order_key = ?2 AND state = 0 AND order_key IS NOT NULL
         ORDER BY id LIMIT 1",
    )?;
    let next = rows::first(&mut statement, (endpoint.to_bytes(), key), |row| {
        let cells = Cells::new("deliveries", row);
        let id = cells.id(0, "id", DeliveryId::from_bytes)?;
        Ok((id, cells.time(1, "due_at")?, cells.time(2, "created_at")?))
    })?;
    if let Some((id, Timestamp::NEVER, created_at)) = next {
        let due = created_at.min(at);
        work.connection
            .prepare_cached("UPDATE deliveries SET due_at = ?2 WHERE id = ?1")?
            .execute((id.to_bytes(), due.as_millis()))?;
        work.effects.lanes.due.push((endpoint, (due, id)));
    }
    Ok(())
}

/// Switching off counts as a change of settings, so that an owner's change that has not seen it is refused.
fn write_health(work: &Work<'_>, change: &HealthChange) -> Done<()> {
    let (id, health) = (change.endpoint.to_bytes(), rows::to_json(&change.health));
    match change.disable {
        None => work
            .connection
            .prepare_cached("UPDATE endpoints SET health = ?2 WHERE id = ?1 AND deleted = 0")?
            .execute((id, health))?,
        Some(reason) => work
            .connection
            .prepare_cached(
                "UPDATE endpoints SET health = ?2, enabled = 0, disabled_reason = ?3, version = version + 1
                 WHERE id = ?1 AND deleted = 0",
            )?
            .execute((id, health, reason.as_str()))?,
    };
    Ok(())
}

/// Makes a delivery due now with a fresh budget; one that waits its turn keeps its turn.
pub(crate) fn requeue(
    work: &mut Work<'_>,
    space: Space,
    id: DeliveryId,
    now: Timestamp,
) -> Done<Option<Delivery>> {
    let Some(number) = work.known_space(space)? else { return Ok(None) };
    let Some(found) = lists::delivery(work.connection, number, id)? else { return Ok(None) };
    let waits = found.next_attempt_at == Some(Timestamp::NEVER);
    let due = if waits { Timestamp::NEVER } else { now };
    work.connection
        .prepare_cached(
            "UPDATE deliveries SET state = 0, due_at = ?2, finished_at = NULL, attempts_base = attempts
             WHERE id = ?1",
        )?
        .execute((id.to_bytes(), due.as_millis()))?;
    if !waits {
        work.effects.lanes.requeued.push(id);
        work.effects.lanes.due.push((found.endpoint_id, (now, id)));
    }
    // The lanes may have forgotten by now that its endpoint was deleted.
    let deleted = work
        .connection
        .prepare_cached("SELECT 1 FROM endpoints WHERE id = ?1 AND deleted = 1")?
        .exists([found.endpoint_id.to_bytes()])?;
    if deleted {
        work.effects.lanes.deleted.push(found.endpoint_id);
    }
    lists::delivery(work.connection, number, id)
}
