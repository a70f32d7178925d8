//! Reading events, deliveries and attempts. Lists are newest first; each names the index that it walks.

use posthouse_store::DeliveryFilter;
use posthouse_types::{
    Attempt, Delivery, DeliveryId, DeliveryState, Event, EventId, EventRef, EventType, Page, PageRequest,
    Space,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::fault::Done;
use crate::reader::Reading;
use crate::rows::{self, ATTEMPT_COLUMNS, Cells, DELIVERY_COLUMNS, EVENT_COLUMNS};
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

/// Events, newest first.
pub(crate) fn events(
    reading: &Reading,
    space: Space,
    event_type: Option<&EventType>,
    page: &PageRequest<EventId>,
) -> Done<Page<Event, EventId>> {
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let mut query = Query::new(format!("SELECT {EVENT_COLUMNS} FROM events e INDEXED BY events_id"));
    query.and("e.space = ?", number);
    if let Some(after) = page.after {
        query.and("e.id < ?", after.to_bytes().to_vec());
    }
    if let Some(event_type) = event_type {
        query.and("e.event_type = ?", event_type.as_str().to_owned());
    }
    query.end("ORDER BY e.id DESC LIMIT ?", limit(page.limit + 1));
    let items = query.rows(reading.connection(), |row| rows::event(row, space))?;
    Ok(Page::from_rows(items, page.limit, |event| event.id))
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
    rows::collect(&mut statement, (number, seq.unwrap_or(i64::MIN), limit(count)), |row| {
        rows::event(row, space)
    })
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
    let index = match (event, filter.state, filter.endpoint) {
        (Some(_), _, _) => "deliveries_event",
        (None, Some(DeliveryState::Dead), _) => "deliveries_dead",
        (None, _, Some(_)) => "deliveries_endpoint",
        (None, _, None) => "deliveries_space",
    };
    let mut query = Query::new(format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d INDEXED BY {index}
         CROSS JOIN events e ON e.seq = d.event_seq"
    ));
    query.and("d.space = ?", number);
    if let Some(seq) = event {
        query.and("d.event_seq = ?", seq);
    }
    match filter.state {
        // Written out, so that SQLite sees that the partial index holds all of them.
        Some(DeliveryState::Dead) => query.and_plain("d.state = 2"),
        Some(state) => query.and("d.state = ?", i64::from(state.code())),
        None => {}
    }
    if let Some(endpoint) = filter.endpoint {
        query.and("d.endpoint_id = ?", endpoint.to_bytes().to_vec());
    }
    if let Some(event_type) = &filter.event_type {
        query.and("e.event_type = ?", event_type.as_str().to_owned());
    }
    if let Some(since) = filter.since {
        query.and("d.created_at >= ?", since.as_millis());
    }
    if let Some(until) = filter.until {
        query.and("d.created_at < ?", until.as_millis());
    }
    if let Some(after) = page.after {
        query.and("d.id < ?", after.to_bytes().to_vec());
    }
    query.end("ORDER BY d.id DESC LIMIT ?", limit(page.limit + 1));
    let items = query.rows(connection, rows::delivery)?;
    Ok(Page::from_rows(items, page.limit, |delivery| delivery.id))
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

/// A query whose conditions depend on what is asked. Values are bound, never written into the text.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn new(select: String) -> Self {
        Self { sql: select, values: Vec::new() }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.and_plain(condition);
        self.values.push(value.into());
    }

    fn and_plain(&mut self, condition: &str) {
        self.sql.push_str(if self.sql.contains(" WHERE ") { " AND " } else { " WHERE " });
        self.sql.push_str(condition);
    }

    fn end(&mut self, clause: &str, value: impl Into<Value>) {
        self.sql.push(' ');
        self.sql.push_str(clause);
        self.values.push(value.into());
    }

    fn rows<T>(
        self,
        connection: &Connection,
        read: impl FnMut(&rusqlite::Row<'_>) -> Done<T>,
    ) -> Done<Vec<T>> {
        rows::collect(&mut *connection.prepare_cached(&self.sql)?, params_from_iter(self.values), read)
    }
}
