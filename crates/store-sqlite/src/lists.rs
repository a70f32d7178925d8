//! Reading events, deliveries and attempts. Lists are newest first; each names the index that it walks.

use posthouse_store::{AcceptedEvent, DeliveryFilter, EventFilter, PAGE_BYTES_MAX};
use posthouse_types::{
    Attempt, Delivery, DeliveryId, DeliveryState, EndpointId, Event, EventId, EventRef, IdempotencyKey, Page,
    PageRequest, ProjectId, Space, Timestamp,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Done;
use crate::reader::Reading;
use crate::rows::{self, ATTEMPT_COLUMNS, Cells, DELIVERY_COLUMNS, EVENT_COLUMNS};
use crate::walk::Walk;
use crate::work::TRAIL_STEP;

/// A limit as SQLite takes it.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn empty<T, K>() -> Page<T, K> {
    Page { items: Vec::new(), next: None }
}

/// One event.
pub(crate) fn event(reading: &Reading, space: Space, event: &EventRef) -> Done<Option<Event>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let Some(seq) = event_seq(reading.connection(), number, event)? else { return Ok(None) };
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events e WHERE seq = ?1");
    let mut statement = reading.connection().prepare_cached(&sql)?;
    rows::first(&mut statement, [seq], |row| rows::event(row, space))
}

fn event_seq(connection: &Connection, space: i64, event: &EventRef) -> Done<Option<i64>> {
    Ok(match event {
        EventRef::Internal(id) => connection
            .prepare_cached("SELECT seq FROM events WHERE space = ?1 AND id = ?2")?
            .query_row((space, id.to_bytes()), |row| row.get(0)),
        EventRef::External(id) => connection
            .prepare_cached("SELECT seq FROM events WHERE space = ?1 AND external_id = ?2")?
            .query_row((space, id.as_str()), |row| row.get(0)),
    }
    .optional()?)
}

/// What was answered to the publish that used the key.
pub(crate) fn answered(
    reading: &Reading,
    space: Space,
    project: Option<ProjectId>,
    key: &IdempotencyKey,
) -> Done<Option<([u8; 32], Vec<AcceptedEvent>)>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let mut statement = reading.connection().prepare_cached(
        "SELECT key, fingerprint, answer FROM idempotency WHERE space = ?1 AND project = ?2 AND key = ?3",
    )?;
    rows::first(&mut statement, (number, rows::project_code(project), key.as_str()), |row| {
        let cells = Cells::new("idempotency", row);
        Ok((cells.get(1, "fingerprint")?, cells.json(2, "answer")?))
    })
}

/// Events that pass the filter. The walk reads no payloads but those of the page.
pub(crate) fn events(
    reading: &Reading,
    space: Space,
    filter: &EventFilter,
    page: &PageRequest<EventId>,
) -> Done<Page<Event, EventId>> {
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let mut walk = Walk::new("events", "e.id, e.seq", "events e INDEXED BY events_id".into());
    walk.within("e.space = ?", number);
    if let Some(after) = page.after {
        walk.within("e.id < ?", after.to_bytes().to_vec());
    }
    if let Some(event_type) = &filter.event_type {
        walk.only("e.event_type = ?", event_type.as_str().to_owned());
    }
    if let Some(project) = filter.project {
        walk.only("e.project = ?", project.to_bytes().to_vec());
    }
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events e WHERE seq = ?1");
    let mut statement = reading.connection().prepare_cached(&sql)?;
    walk.page(reading.connection(), page.limit, EventId::from_bytes, |row| {
        let event = statement.query_row([row.get::<_, i64>(1)?], |row| Ok(rows::event(row, space)))??;
        let bytes = event.payload.len();
        Ok((event, bytes))
    })
}

/// Events in the order of acceptance. When the one named was pruned, its neighbour by id takes its place.
pub(crate) fn events_after(
    reading: &Reading,
    space: Space,
    after: EventId,
    count: usize,
) -> Done<Vec<Event>> {
    let Some(number) = reading.space(space)? else { return Ok(Vec::new()) };
    let seq: Option<i64> = reading
        .connection()
        .prepare_cached(
            "SELECT seq FROM events INDEXED BY events_id WHERE space = ?1 AND id <= ?2
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row((number, after.to_bytes()), |row| row.get(0))
        .optional()?;
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events e INDEXED BY events_space WHERE space = ?1 AND seq > ?2
         ORDER BY seq LIMIT ?3"
    );
    let mut statement = reading.connection().prepare_cached(&sql)?;
    let mut rows = statement.query((number, seq.unwrap_or(i64::MIN), limit(count)))?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let event = rows::event(row, space)?;
        bytes += event.payload.len();
        events.push(event);
    }
    Ok(events)
}

/// The event accepted last.
pub(crate) fn last_event(reading: &Reading, space: Space) -> Done<Option<EventId>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let mut statement = reading.connection().prepare_cached(
        "SELECT id FROM events INDEXED BY events_space WHERE space = ?1 ORDER BY seq DESC LIMIT 1",
    )?;
    rows::first(&mut statement, [number], |row| Cells::new("events", row).id(0, "id", EventId::from_bytes))
}

/// One delivery.
pub(crate) fn delivery(connection: &Connection, space: i64, id: DeliveryId) -> Done<Option<Delivery>> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d CROSS JOIN events e ON e.seq = d.event_seq
         WHERE d.id = ?1 AND d.space = ?2"
    );
    rows::first(&mut *connection.prepare_cached(&sql)?, (id.to_bytes(), space), rows::delivery)
}

/// Deliveries that pass the filter, along the index that leaves the fewest to look at.
pub(crate) fn deliveries(
    reading: &Reading,
    space: Space,
    filter: &DeliveryFilter,
    page: &PageRequest<DeliveryId>,
) -> Done<Page<Delivery, DeliveryId>> {
    let connection = reading.connection();
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let event = match &filter.event {
        None => None,
        Some(event) => match event_seq(connection, number, event)? {
            None => return Ok(empty()),
            found => found,
        },
    };
    let mut walk = along(number, event, filter);
    if let Some(event_type) = &filter.event_type {
        walk.only("e.event_type = ?", event_type.as_str().to_owned());
    }
    if let Some(project) = filter.project {
        let project = project.to_bytes().to_vec();
        walk.only("e.project = ?", project.clone());
        walk.only("(SELECT p.project FROM endpoints p WHERE p.id = d.endpoint_id) = ?", project);
    }
    if let Some(since) = filter.since {
        walk.within("d.id >= ?", first_id(since));
    }
    if let Some(until) = filter.until {
        walk.within("d.id < ?", first_id(until));
    }
    if let Some(after) = page.after {
        walk.within("d.id < ?", after.to_bytes().to_vec());
    }
    walk.page(connection, page.limit, DeliveryId::from_bytes, |row| Ok((rows::delivery(row)?, 0)))
}

/// A walk through deliveries of these events, in this state, to this endpoint, where there is the least to look
/// at.
fn along(space: i64, event: Option<i64>, filter: &DeliveryFilter) -> Walk {
    let space_only = ("d.space = ?", Value::from(space));
    let (index, (condition, value)) = match (event, filter.state, filter.endpoint) {
        (Some(seq), _, _) => ("deliveries_event", ("d.event_seq = ?", seq.into())),
        (None, Some(DeliveryState::Dead), _) => ("deliveries_dead", space_only),
        (None, _, Some(endpoint)) => ("deliveries_endpoint", ("d.endpoint_id = ?", bytes(endpoint))),
        (None, _, None) => ("deliveries_space", space_only),
    };
    let from = format!("deliveries d INDEXED BY {index} CROSS JOIN events e ON e.seq = d.event_seq");
    let mut walk = Walk::new("deliveries", DELIVERY_COLUMNS, from);
    walk.within(condition, value);
    walk.only("d.space = ?", space);
    if let Some(endpoint) = filter.endpoint {
        walk.only("d.endpoint_id = ?", bytes(endpoint));
    }
    match filter.state {
        // Written out, so that SQLite sees that the partial index holds all of them.
        Some(DeliveryState::Dead) => walk.within_plain("d.state = 2"),
        Some(state) => walk.only("d.state = ?", i64::from(state.code())),
        None => {}
    }
    walk
}

fn bytes(endpoint: EndpointId) -> Value {
    endpoint.to_bytes().to_vec().into()
}

/// The bits of an id before all ids of that moment and after all earlier ones, as they are stored.
pub(crate) fn first_id(time: Timestamp) -> Vec<u8> {
    let millis = u128::try_from(time.as_millis()).unwrap_or(0).min((1 << 48) - 1);
    (millis << 80).to_be_bytes().to_vec()
}

/// The attempts of a delivery, first to last.
pub(crate) fn attempts(reading: &Reading, space: Space, id: DeliveryId) -> Done<Option<Vec<Attempt>>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let trail: Option<Option<i64>> = reading
        .connection()
        .prepare_cached("SELECT trail FROM deliveries WHERE id = ?1 AND space = ?2")?
        .query_row((id.to_bytes(), number), |row| row.get(0))
        .optional()?;
    let Some(trail) = trail else { return Ok(None) };
    let Some(trail) = trail else { return Ok(Some(Vec::new())) };
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts WHERE seq >= ?1 AND seq < ?2 ORDER BY seq");
    let mut statement = reading.connection().prepare_cached(&sql)?;
    rows::collect(&mut statement, (trail, trail + TRAIL_STEP), rows::attempt).map(Some)
}
