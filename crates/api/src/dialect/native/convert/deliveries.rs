//! Deliveries and attempts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posthouse_engine::{AttemptDetail, DeliveryQuery, Error};
use posthouse_types::{
    AttemptId, Delivery, DeliveryState, EndpointId, EventRef, EventType, Page, PageRequest, Timestamp,
};

use super::super::wire;
use super::time_out;
use crate::http::{ATTEMPTS_PAGE_BYTES_MAX, Fields};

pub(crate) fn delivery_query(query: &wire::DeliveriesQuery) -> Result<DeliveryQuery, Error> {
    let mut fields = Fields::default();
    let at = |name: &'static str| move || format!("query.{name}");
    let read = DeliveryQuery {
        endpoint: fields.read_if(query.endpoint_id.as_deref(), str::parse::<EndpointId>, at("endpoint_id")),
        event: fields.read_if(query.event_id.as_deref(), str::parse::<EventRef>, at("event_id")),
        event_type: fields.read_if(query.event_type.as_deref(), EventType::parse, at("event_type")),
        state: fields.read_if(query.status.as_deref(), state_in, at("status")),
        since: fields.read_if(query.since.as_deref(), str::parse::<Timestamp>, at("since")),
        until: fields.read_if(query.until.as_deref(), str::parse::<Timestamp>, at("until")),
        ..DeliveryQuery::default()
    };
    fields.finish()?;
    Ok(read)
}

fn state_in(name: &str) -> Result<DeliveryState, &'static str> {
    let state = DeliveryState::ALL.into_iter().find(|state| state.as_str() == name);
    state.ok_or("must be pending, succeeded, dead or cancelled")
}

pub(crate) fn delivery_out(delivery: &Delivery) -> wire::Delivery {
    let next = delivery.next_attempt_at;
    wire::Delivery {
        id: delivery.id.to_string(),
        event_id: delivery.event_ref.to_string(),
        endpoint_id: delivery.endpoint_id.to_string(),
        event_type: delivery.event_type.to_string(),
        status: delivery.state.as_str(),
        attempts: delivery.attempts,
        next_attempt_at: time_out(next.filter(|next| *next != Timestamp::NEVER)),
        waiting_for_order: next == Some(Timestamp::NEVER),
        created_at: delivery.created_at.to_string(),
        finished_at: time_out(delivery.finished_at),
    }
}

/// A page of a delivery's attempts, newest first. It ends early when their bodies are much to send at once.
pub(crate) fn attempts_page(
    mut attempts: Vec<AttemptDetail>,
    page: &PageRequest<AttemptId>,
) -> Page<AttemptDetail, AttemptId> {
    attempts.retain(|detail| page.after.is_none_or(|after| detail.attempt.id < after));
    attempts.sort_by_key(|detail| Reverse(detail.attempt.id));
    let mut bytes = 0;
    let fitting = attempts.iter().take(page.limit).take_while(|detail| {
        let is_first = bytes == 0;
        bytes += detail.attempt.response_body.len() + detail.request_body.len();
        is_first || bytes <= ATTEMPTS_PAGE_BYTES_MAX
    });
    let count = fitting.count();
    let more = count < attempts.len();
    attempts.truncate(count);
    let next = attempts.last().filter(|_| more).map(|detail| detail.attempt.id);
    Page { items: attempts, next }
}

pub(crate) fn attempt_out(detail: AttemptDetail) -> wire::Attempt {
    let AttemptDetail { attempt, request_body } = detail;
    let (response_body, encoding) = match std::str::from_utf8(&attempt.response_body) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (STANDARD.encode(&attempt.response_body), Some("base64")),
    };
    wire::Attempt {
        id: attempt.id.to_string(),
        number: attempt.number,
        url: attempt.url.as_ref().to_owned(),
        wire: attempt.wire.as_str(),
        started_at: attempt.started_at.to_string(),
        duration_ms: attempt.duration_ms,
        outcome: attempt.outcome.name(),
        response_status: attempt.outcome.status(),
        response_headers: headers_out(attempt.response_headers),
        response_body,
        response_body_encoding: encoding,
        request_headers: headers_out(attempt.request_headers),
        // Payloads are JSON, which is UTF-8.
        request_body: String::from_utf8_lossy(&request_body).into_owned(),
        error: attempt.error,
    }
}

/// Headers by name; the values of one that was sent several times are joined as HTTP joins them.
pub(super) fn headers_out(headers: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        joined
            .entry(name)
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert(value);
    }
    joined
}
