//! From rows to values. A value that can not be read back names its table, column and row.

use std::str::FromStr;

use bytes::Bytes;
use posthouse_types::{
    Attempt, AttemptId, Delivery, DeliveryId, DeliveryState, EndpointId, Event, EventId, EventRef, Outcome,
    ProjectId, Space, Timestamp, Tokens, Wire,
};
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Params, Row, Statement};
use serde::de::DeserializeOwned;

use crate::fault::{Done, Fault, unless_corrupt};

/// A row of a table; the first column names the row in errors.
pub(crate) struct Cells<'r> {
    row: &'r Row<'r>,
    table: &'static str,
}

impl<'r> Cells<'r> {
    /// A row of that table.
    pub(crate) fn new(table: &'static str, row: &'r Row<'r>) -> Self {
        Self { row, table }
    }

    /// The error for a value that can not be read back.
    pub(crate) fn corrupt(&self, column: &'static str) -> Fault {
        let id = match self.row.get_ref(0) {
            Ok(ValueRef::Blob(bytes)) => {
                bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
            }
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Ok(ValueRef::Integer(number)) => number.to_string(),
            _ => "?".to_owned(),
        };
        Fault::corrupt(self.table, column, id)
    }

    /// A value that SQLite knows.
    pub(crate) fn get<T: FromSql>(&self, index: usize, column: &'static str) -> Done<T> {
        self.row.get(index).map_err(|_| self.corrupt(column))
    }

    /// A number that fits.
    pub(crate) fn number<T: TryFrom<i64>>(&self, index: usize, column: &'static str) -> Done<T> {
        T::try_from(self.get(index, column)?).map_err(|_| self.corrupt(column))
    }

    /// Bytes that `read` takes.
    pub(crate) fn id<T>(&self, index: usize, column: &'static str, read: fn(&[u8]) -> Option<T>) -> Done<T> {
        self.id_or_none(index, column, read)?.ok_or_else(|| self.corrupt(column))
    }

    /// Bytes that `read` takes, or NULL.
    pub(crate) fn id_or_none<T>(
        &self,
        index: usize,
        column: &'static str,
        read: fn(&[u8]) -> Option<T>,
    ) -> Done<Option<T>> {
        match self.row.get_ref(index).map_err(|_| self.corrupt(column))? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => read(bytes).map(Some).ok_or_else(|| self.corrupt(column)),
            _ => Err(self.corrupt(column)),
        }
    }

    /// Text that the type takes.
    pub(crate) fn text<T: FromStr>(&self, index: usize, column: &'static str) -> Done<T> {
        self.text_or_none(index, column)?.ok_or_else(|| self.corrupt(column))
    }

    /// Text that the type takes, or NULL.
    pub(crate) fn text_or_none<T: FromStr>(&self, index: usize, column: &'static str) -> Done<Option<T>> {
        match self.row.get_ref(index).map_err(|_| self.corrupt(column))? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or_else(|| self.corrupt(column)),
            _ => Err(self.corrupt(column)),
        }
    }

    /// A moment.
    pub(crate) fn time(&self, index: usize, column: &'static str) -> Done<Timestamp> {
        Ok(Timestamp::from_millis(self.get(index, column)?))
    }

    /// A moment, or NULL.
    pub(crate) fn time_or_none(&self, index: usize, column: &'static str) -> Done<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(index, column)?.map(Timestamp::from_millis))
    }

    /// A value stored as JSON text.
    pub(crate) fn json<T: DeserializeOwned>(&self, index: usize, column: &'static str) -> Done<T> {
        let text = self.row.get_ref(index).ok().and_then(|value| value.as_bytes().ok());
        text.and_then(|text| serde_json::from_slice(text).ok()).ok_or_else(|| self.corrupt(column))
    }

    /// Counted tokens: this column and the next, or NULL.
    pub(crate) fn tokens(&self, index: usize) -> Done<Option<Tokens>> {
        match self.get::<Option<i64>>(index, "input_tokens")? {
            None => Ok(None),
            Some(_) => Ok(Some(Tokens {
                input: self.number(index, "input_tokens")?,
                output: self.number(index + 1, "output_tokens")?,
            })),
        }
    }

    /// A value that `read` makes of a name.
    pub(crate) fn named<T>(
        &self,
        index: usize,
        column: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Done<T> {
        let text = self.row.get_ref(index).ok().and_then(|value| value.as_str().ok());
        text.and_then(read).ok_or_else(|| self.corrupt(column))
    }
}

/// All rows of a query.
pub(crate) fn collect<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Done<T>,
) -> Done<Vec<T>> {
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Up to `max` rows of a query, without those that can not be read.
pub(crate) fn readable<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    max: usize,
    mut read: impl FnMut(&Row<'_>) -> Done<T>,
) -> Done<Vec<T>> {
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while all.len() < max
        && let Some(row) = rows.next()?
    {
        all.extend(unless_corrupt(read(row))?);
    }
    Ok(all)
}

/// The first row of a query.
pub(crate) fn first<T>(
    statement: &mut Statement<'_>,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Done<T>,
) -> Done<Option<T>> {
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// A value as JSON text. What we store always has string keys, which is all that serialising can fail for.
pub(crate) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("stored values serialise")
}

/// A count as it is stored. What does not fit never comes up.
pub(crate) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Counted tokens as two columns.
pub(crate) fn tokens(tokens: Option<Tokens>) -> (Option<i64>, Option<i64>) {
    tokens.map(|tokens| (stored(tokens.input), stored(tokens.output))).unzip()
}

/// How a project that may be absent is stored in a key, where NULL would never equal itself.
pub(crate) fn project_code(project: Option<ProjectId>) -> Vec<u8> {
    project.map_or_else(Vec::new, |project| project.to_bytes().to_vec())
}

/// What [`event`] reads, of a table named or aliased `e`.
pub(crate) const EVENT_COLUMNS: &str =
    "e.id, e.event_type, e.project, e.session, e.external_id, e.ordering_key,
    e.occurred_at, e.created_at, e.payload";

/// An event.
pub(crate) fn event(row: &Row<'_>, space: Space) -> Done<Event> {
    let cells = Cells::new("events", row);
    Ok(Event {
        id: cells.id(0, "id", EventId::from_bytes)?,
        external_id: cells.text_or_none(4, "external_id")?,
        space,
        project: cells.id_or_none(2, "project", ProjectId::from_bytes)?,
        session: cells.text_or_none(3, "session")?,
        event_type: cells.text(1, "event_type")?,
        payload: Bytes::from(cells.get::<Vec<u8>>(8, "payload")?),
        ordering_key: cells.text_or_none(5, "ordering_key")?,
        occurred_at: cells.time_or_none(6, "occurred_at")?,
        created_at: cells.time(7, "created_at")?,
    })
}

/// What [`delivery`] reads.
pub(crate) const DELIVERY_COLUMNS: &str =
    "d.id, e.id, e.external_id, e.event_type, d.endpoint_id, d.state, d.attempts,
    d.due_at, d.created_at, d.finished_at";

/// A delivery.
pub(crate) fn delivery(row: &Row<'_>) -> Done<Delivery> {
    let cells = Cells::new("deliveries", row);
    let event_id = cells.id(1, "event_seq", EventId::from_bytes)?;
    let external = cells.text_or_none(2, "event_seq")?;
    let state = DeliveryState::from_code(cells.get(5, "state")?).ok_or_else(|| cells.corrupt("state"))?;
    Ok(Delivery {
        id: cells.id(0, "id", DeliveryId::from_bytes)?,
        event_id,
        event_ref: external.map_or(EventRef::Internal(event_id), EventRef::External),
        event_type: cells.text(3, "event_seq")?,
        endpoint_id: cells.id(4, "endpoint_id", EndpointId::from_bytes)?,
        state,
        attempts: cells.number(6, "attempts")?,
        next_attempt_at: cells.time_or_none(7, "due_at")?,
        created_at: cells.time(8, "created_at")?,
        finished_at: cells.time_or_none(9, "finished_at")?,
    })
}

/// What [`attempt`] reads.
pub(crate) const ATTEMPT_COLUMNS: &str = "seq, id, started_at, duration_ms, outcome, status, error,
    request_headers, response_headers, response_body, wire, url";

/// An attempt.
pub(crate) fn attempt(row: &Row<'_>) -> Done<Attempt> {
    let cells = Cells::new("attempts", row);
    let status = cells.get::<Option<u16>>(5, "status")?;
    Ok(Attempt {
        id: cells.id(1, "id", AttemptId::from_bytes)?,
        number: number_of(&cells)?,
        wire: Wire::from_code(cells.get(10, "wire")?).ok_or_else(|| cells.corrupt("wire"))?,
        url: cells.get(11, "url")?,
        started_at: cells.time(2, "started_at")?,
        duration_ms: cells.number(3, "duration_ms")?,
        outcome: cells.named(4, "outcome", |name| Outcome::from_parts(name, status))?,
        request_headers: cells.json(7, "request_headers")?,
        response_headers: cells.json(8, "response_headers")?,
        response_body: Bytes::from(cells.get::<Vec<u8>>(9, "response_body")?),
        error: cells.get(6, "error")?,
    })
}

/// The number that `seq` ends in.
fn number_of(cells: &Cells<'_>) -> Done<u16> {
    let seq: i64 = cells.get(0, "seq")?;
    u16::try_from(seq & (crate::work::TRAIL_STEP - 1)).map_err(|_| cells.corrupt("seq"))
}
