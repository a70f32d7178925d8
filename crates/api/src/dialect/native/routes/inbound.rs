//! What arrived at sources: looking at it, having it worked on again, deciding about what an agent wants to do.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use posthouse_engine::{Caller, Decision, Error, ErrorKind};
use posthouse_types::{InboundRef, SourceRef};

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Id, OptionalJson, Query, Segments, page_request, path_id};

/// List what arrived at a source
///
/// Newest first; without `normalized` and `actions`. Needs `read`.
#[utoipa::path(
    get, path = "/sources/{id}/deliveries", operation_id = "listInboundDeliveries", tag = "Inbound deliveries",
    params(("id" = String, Path, description = "The source's id, or its number."), wire::InboundQuery),
    responses((status = 200, description = "A page of deliveries.", body = wire::Page<wire::InboundDelivery>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SourceRef>,
    Query(query): Query<wire::InboundQuery>,
) -> Answer<Json<wire::Page<wire::InboundDelivery>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let filter = convert::inbound_query(&query)?;
    let deliveries = api.engine.inbound_deliveries(&caller, id, filter, page).await?;
    Ok(Json(convert::page_out(deliveries, convert::inbound_out)))
}

/// Get an inbound delivery
///
/// With what an agent is told of it, and what was done about it. Needs `read`.
#[utoipa::path(
    get, path = "/inbound-deliveries/{id}", operation_id = "getInboundDelivery", tag = "Inbound deliveries",
    params(("id" = String, Path, description = "The delivery's id, or its number.")),
    responses((status = 200, description = "The delivery.", body = wire::InboundDetail))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<InboundRef>,
) -> Answer<Json<wire::InboundDetail>> {
    let detail = api.engine.inbound_delivery(&caller, id).await?;
    Ok(Json(convert::inbound_detail_out(detail)))
}

/// Get the body of an inbound delivery
///
/// Byte for byte, with the sender's content type when it is a proper one, as an attachment. Not found when it is not
/// kept (any more): that of requests that were not taken on never is. Needs `read`.
#[utoipa::path(
    get, path = "/inbound-deliveries/{id}/body", operation_id = "getInboundBody", tag = "Inbound deliveries",
    params(("id" = String, Path, description = "The delivery's id, or its number.")),
    responses((status = 200, description = "The body.", body = serde_json::Value, content_type = "*/*"))
)]
pub(crate) async fn body(State(api): State<Api>, caller: Caller, Id(id): Id<InboundRef>) -> Answer<Response> {
    let (content_type, body) = api.engine.inbound_body(&caller, id).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("the body of inbound delivery {id} is not kept"))
    })?;
    Ok(convert::body_out(content_type.as_deref(), body))
}

/// Have an agent work on an inbound delivery again
///
/// With the settings of when it arrived. Needs `manage`.
#[utoipa::path(
    post, path = "/inbound-deliveries/{id}/rerun", operation_id = "rerunInboundDelivery", tag = "Inbound deliveries",
    params(("id" = String, Path, description = "The delivery's id, or its number.")),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 202, description = "Waits for an agent again.", body = wire::InboundDelivery),
        (status = 409, description = "It has not ended yet, was never worked on, or its body is not kept any more.",
            body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rerun(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<InboundRef>,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<(StatusCode, Json<wire::InboundDelivery>)> {
    let delivery = api.engine.rerun_inbound(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(convert::inbound_out(delivery))))
}

/// Approve an action
///
/// One that waits; it is carried out soon. Needs `manage`.
#[utoipa::path(
    post, path = "/inbound-deliveries/{id}/actions/{action_id}/approve", operation_id = "approveAction",
    tag = "Inbound deliveries",
    params(
        ("id" = String, Path, description = "The delivery's id, or its number."),
        ("action_id" = String, Path, description = "The action's id."),
    ),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 202, description = "Approved.", body = wire::Action),
        (status = 409, description = "It does not wait for approval.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn approve(
    State(api): State<Api>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<(StatusCode, Json<wire::Action>)> {
    Ok((StatusCode::ACCEPTED, decide(&api, &caller, &path, Decision::Approve).await?))
}

/// Deny an action
///
/// One that waits; it is not carried out. Needs `manage`.
#[utoipa::path(
    post, path = "/inbound-deliveries/{id}/actions/{action_id}/deny", operation_id = "denyAction",
    tag = "Inbound deliveries",
    params(
        ("id" = String, Path, description = "The delivery's id, or its number."),
        ("action_id" = String, Path, description = "The action's id."),
    ),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 200, description = "Denied.", body = wire::Action),
        (status = 409, description = "It does not wait for approval.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn deny(
    State(api): State<Api>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<Json<wire::Action>> {
    decide(&api, &caller, &path, Decision::Deny).await
}

async fn decide(
    api: &Api,
    caller: &Caller,
    (delivery, action): &(String, String),
    decision: Decision,
) -> Answer<Json<wire::Action>> {
    let (delivery, action) = (path_id(delivery)?, path_id(action)?);
    let action = api.engine.decide_action(caller, delivery, action, decision).await?;
    Ok(Json(convert::action_out(action)))
}
