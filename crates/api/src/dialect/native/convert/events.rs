//! Events. The hot path: one pass over the body, locations made only for errors.

use std::fmt;

use bytes::Bytes;
use posthouse_engine::{AcceptedEvent, Error, ErrorKind, Explained, Publish};
use posthouse_types::limits::BATCH_EVENTS_MAX;
use posthouse_types::{Event, EventRef, EventType, ExternalId, OrderingKey, ProjectId, SessionId, Timestamp};
use serde_json::value::RawValue;

use super::super::wire;
use super::time_out;
use crate::http::{Fields, Object, PAYLOAD_DEPTH_MAX, PAYLOAD_SHARED_BYTES_MIN, is_too_deep, parse};
use crate::realtime::Frame;

/// Where in a request an event stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// It is the body.
    Body,
    /// In the `events` of the body.
    Batch(usize),
    /// On a line of its own, blank lines not counted.
    Line(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Batch(index) => write!(f, "body.events[{index}]"),
            Self::Line(index) => write!(f, "body[{index}]"),
        }
    }
}

/// The body of a publish.
pub(crate) fn one_event(body: &Bytes) -> Result<Publish, Error> {
    let Object(event) = parse(body, "body")?;
    let mut fields = Fields::default();
    let publish = publish(&event, body, Place::Body, &mut fields)?;
    fields.finish_with(publish)
}

/// The body of a batch as one JSON object.
pub(crate) fn batch(body: &Bytes) -> Result<Vec<Publish>, Error> {
    let Object(batch) = parse::<Object<wire::PublishBatch<'_>>>(body, "body")?;
    let mut fields = Fields::default();
    let mut events = Vec::with_capacity(batch.events.len());
    for (index, Object(event)) in batch.events.iter().enumerate() {
        events.extend(publish(event, body, Place::Batch(index), &mut fields)?);
        if fields.is_full() {
            break;
        }
    }
    fields.finish()?;
    Ok(events)
}

/// The body of a batch as lines.
pub(crate) fn lines(body: &Bytes) -> Result<Vec<Publish>, Error> {
    let mut fields = Fields::default();
    let mut events = Vec::new();
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for (index, line) in lines.enumerate() {
        if index == BATCH_EVENTS_MAX {
            return Err(Error::field("body", format!("must have 1 to {BATCH_EVENTS_MAX} lines")));
        }
        let place = Place::Line(index);
        // The root's name is needed for errors only, so the plain parser goes first here too.
        let Object(event) = match serde_json::from_slice::<Object<wire::PublishEvent<'_>>>(line) {
            Ok(event) => event,
            Err(_) => parse(line, &place.to_string())?,
        };
        events.extend(publish(&event, body, place, &mut fields)?);
        if fields.is_full() {
            break;
        }
    }
    fields.finish()?;
    Ok(events)
}

fn publish(
    event: &wire::PublishEvent<'_>,
    body: &Bytes,
    place: Place,
    fields: &mut Fields,
) -> Result<Option<Publish>, Error> {
    let payload = event.payload.get();
    if is_too_deep(payload.as_bytes(), PAYLOAD_DEPTH_MAX) {
        return Err(Error::new(
            ErrorKind::Malformed { location: format!("{place}.payload").into() },
            format!("{place}.payload is nested deeper than {PAYLOAD_DEPTH_MAX} levels"),
        ));
    }
    let at = |member: &'static str| move || format!("{place}.{member}");
    let event_type = fields.read(&event.event_type, EventType::parse, at("type"));
    let publish = Publish {
        session: fields.read_if(event.session_id.as_deref(), SessionId::parse, at("session_id")),
        project: fields.read_if(event.project_id.as_deref(), str::parse::<ProjectId>, at("project_id")),
        ordering_key: fields.read_if(event.ordering_key.as_deref(), OrderingKey::parse, at("ordering_key")),
        occurred_at: fields.read_if(event.occurred_at.as_deref(), str::parse::<Timestamp>, at("occurred_at")),
        external_id: fields.read_if(event.id.as_deref(), ExternalId::parse, at("id")),
        payload: kept(payload.as_bytes(), body),
        event_type: match event_type {
            Some(event_type) => event_type,
            None => return Ok(None),
        },
    };
    Ok(Some(publish))
}

/// The payload by itself: shared with the request when it is large and most of it, else copied, so that an event
/// that waits does not keep a whole batch, or a connection's read buffer, in memory.
fn kept(payload: &[u8], body: &Bytes) -> Bytes {
    if payload.len() >= PAYLOAD_SHARED_BYTES_MIN && payload.len() * 2 >= body.len() {
        body.slice_ref(payload)
    } else {
        Bytes::copy_from_slice(payload)
    }
}

pub(crate) fn accepted_out(event: AcceptedEvent) -> wire::Accepted {
    wire::Accepted {
        event_type: event.event_type.to_string(),
        created_at: event.created_at.to_string(),
        deliveries: event.deliveries,
        id: event.id,
    }
}

pub(crate) fn event_out(event: &Event) -> wire::Event {
    wire::Event {
        id: event.public_id().to_string(),
        kind: event.event_type.to_string(),
        // Payloads were JSON when they were accepted; null stands in for one that was damaged since.
        payload: serde_json::from_slice(&event.payload).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        session_id: event.session.as_ref().map(SessionId::to_string),
        project_id: event.project.as_ref().map(ProjectId::to_string),
        ordering_key: event.ordering_key.as_ref().map(OrderingKey::to_string),
        occurred_at: time_out(event.occurred_at),
        created_at: event.created_at.to_string(),
    }
}

pub(crate) fn explanation(event: &EventRef, explained: Vec<Explained>) -> wire::Explanation {
    let endpoints = explained.into_iter().map(|one| wire::Explained {
        endpoint_id: one.endpoint.to_string(),
        verdict: one.verdict.as_str(),
        reason: one.reason,
        delivery_id: one.delivery.map(|id| id.to_string()),
    });
    wire::Explanation { event_id: event.to_string(), endpoints: endpoints.collect() }
}

/// The `type` parameter of a list.
pub(crate) fn type_filter(event_type: Option<&str>) -> Result<Option<EventType>, Error> {
    let mut fields = Fields::default();
    let event_type = fields.read_if(event_type, EventType::parse, || "query.type".to_owned());
    fields.finish()?;
    Ok(event_type)
}

/// An event on a live stream: the same JSON as `GET /events/{id}`.
pub(crate) fn frame(event: &Event) -> Frame {
    Frame {
        id: event.public_id().to_string(),
        event_type: event.event_type.to_string(),
        json: serde_json::to_string(&event_out(event)).expect("texts and JSON always have a JSON form"),
    }
}
