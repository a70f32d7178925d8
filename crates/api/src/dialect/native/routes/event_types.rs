//! The event catalogue.

use axum::Json;
use axum::extract::{Path, State};
use posthouse_engine::Caller;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, JsonBody, Query, page_request};

/// List event types
///
/// By name. Needs `read`.
#[utoipa::path(
    get, path = "/event-types", operation_id = "listEventTypes", tag = "Event types", params(wire::PageQuery),
    responses((status = 200, description = "A page of event types.", body = wire::Page<wire::EventType>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::EventType>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let event_types = api.engine.event_types(&caller, page).await?;
    Ok(Json(convert::page_out(event_types, convert::event_type_out)))
}

/// Describe an event type
///
/// Puts it into the catalogue, or changes it. A schema is enforced at publish from then on. Needs `manage`.
#[utoipa::path(
    put, path = "/event-types/{type}", operation_id = "putEventType", tag = "Event types",
    params(("type" = String, Path, description = "The event type.", min_length = 1, max_length = 128,
        pattern = r"^[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*$")),
    request_body = wire::PutEventType,
    responses((status = 200, description = "The event type.", body = wire::EventType))
)]
pub(crate) async fn put(
    State(api): State<Api>,
    caller: Caller,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    JsonBody(request): JsonBody<wire::PutEventType>,
) -> Answer<Json<wire::EventType>> {
    // A path that is no text is no event type either.
    let event_type = path.map_or_else(|_| String::new(), |Path(event_type)| event_type);
    let put = convert::put_event_type(&event_type, request)?;
    let event_type = api.engine.put_event_type(&caller, put).await?;
    Ok(Json(convert::event_type_out(event_type)))
}
