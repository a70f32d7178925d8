//! Events: publish, look up, explain.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use posthouse_engine::{Caller, Published};
use posthouse_types::EventRef;

use super::super::convert::{self, Place};
use super::super::wire;
use crate::http::{Answer, Api, BatchBody, EventBody, Id, Idempotency, Query, page_request};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Publish an event
///
/// Accepts an event: when the answer arrives it is on disk and queued for every endpoint that wants it. Needs
/// `publish`. With an `Idempotency-Key` the call may be repeated for 24 hours and has the same answer.
#[utoipa::path(
    post, path = "/events", operation_id = "publishEvent", tag = "Events",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request; repeats of it have the \
        same answer.", min_length = 1, max_length = 256, pattern = "^[!-~]+$")),
    request_body = wire::PublishEvent,
    responses(
        (status = 202, description = "Accepted.", body = wire::Accepted,
            headers(("Idempotent-Replayed" = bool, description = "True when this is the answer to an earlier request \
                with the same key; absent otherwise."))),
        (status = 409, description = "An event with this id exists, or the idempotency key was used with another \
            request.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn publish(
    State(api): State<Api>,
    caller: Caller,
    idempotency: Idempotency,
    EventBody(body): EventBody,
) -> Answer<Response> {
    let event = convert::one_event(&body)?;
    let repeatable = idempotency.with_body(&body);
    let mut published =
        api.engine.publish(&caller, vec![event], repeatable, |_| Cow::Borrowed("body")).await?;
    let accepted = published.events.pop().map(convert::accepted_out);
    Ok(accepted_response(&published, Json(accepted)))
}

/// Publish many events
///
/// Accepts up to 1,000 events in one transaction: all or none. The body is an object with `events`, or lines of
/// one event each (`application/x-ndjson`); then `body[2]` in an error is the third line that is not blank. Needs
/// `publish`.
#[utoipa::path(
    post, path = "/events/batch", operation_id = "publishEvents", tag = "Events",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request; repeats of it have the \
        same answer.", min_length = 1, max_length = 256, pattern = "^[!-~]+$")),
    request_body(content((wire::PublishBatch = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 202, description = "Accepted, all of them.", body = wire::AcceptedBatch,
            headers(("Idempotent-Replayed" = bool, description = "True when this is the answer to an earlier request \
                with the same key; absent otherwise."))),
        (status = 409, description = "An event with this id exists, or the idempotency key was used with another \
            request.", body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn publish_batch(
    State(api): State<Api>,
    caller: Caller,
    idempotency: Idempotency,
    batch: BatchBody,
) -> Answer<Response> {
    let (body, events, place): (_, _, fn(usize) -> Place) = match batch {
        BatchBody::Json(body) => (body.clone(), convert::batch(&body)?, Place::Batch),
        BatchBody::Lines(body) => (body.clone(), convert::lines(&body)?, Place::Line),
    };
    let repeatable = idempotency.with_body(&body);
    drop(body);
    let at = move |index| Cow::Owned(place(index).to_string());
    let mut published = api.engine.publish(&caller, events, repeatable, at).await?;
    let data = std::mem::take(&mut published.events).into_iter().map(convert::accepted_out).collect();
    Ok(accepted_response(&published, Json(wire::AcceptedBatch { data })))
}

fn accepted_response(published: &Published, body: impl IntoResponse) -> Response {
    let mut response = (StatusCode::ACCEPTED, body).into_response();
    if published.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// List events
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/events", operation_id = "listEvents", tag = "Events", params(wire::EventsQuery),
    responses((status = 200, description = "A page of events.", body = wire::Page<wire::Event>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::EventsQuery>,
) -> Answer<Json<wire::Page<wire::Event>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let event_type = convert::type_filter(query.event_type.as_deref())?;
    let events = api.engine.events(&caller, event_type, page).await?;
    Ok(Json(convert::page_out(events, |event| convert::event_out(&event))))
}

/// Get an event
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/events/{id}", operation_id = "getEvent", tag = "Events",
    params(("id" = String, Path, description = "The event's id: yours, or the one we made.")),
    responses((status = 200, description = "The event.", body = wire::Event))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EventRef>,
) -> Answer<Json<wire::Event>> {
    let event = api.engine.event(&caller, &id).await?;
    Ok(Json(convert::event_out(&event)))
}

/// Explain an event
///
/// Who got it, who did not, and why. Needs `read`.
#[utoipa::path(
    get, path = "/events/{id}/explain", operation_id = "explainEvent", tag = "Events",
    params(("id" = String, Path, description = "The event's id.")),
    responses((status = 200, description = "Each endpoint with a verdict.", body = wire::Explanation))
)]
pub(crate) async fn explain(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EventRef>,
) -> Answer<Json<wire::Explanation>> {
    let (event, explained) = api.engine.explain(&caller, &id).await?;
    Ok(Json(convert::explanation(&event, explained)))
}
