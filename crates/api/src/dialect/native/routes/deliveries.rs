//! Deliveries: what became of events, attempt by attempt; sending again.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::Caller;
use posthouse_types::DeliveryId;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Id, OptionalJson, Query, page_request};

/// List deliveries
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/deliveries", operation_id = "listDeliveries", tag = "Deliveries",
    params(wire::DeliveriesQuery),
    responses((status = 200, description = "A page of deliveries.", body = wire::Page<wire::Delivery>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::DeliveriesQuery>,
) -> Answer<Json<wire::Page<wire::Delivery>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let filter = convert::delivery_query(&query)?;
    let deliveries = api.engine.deliveries(&caller, filter, page).await?;
    Ok(Json(convert::page_out(deliveries, |delivery| convert::delivery_out(&delivery))))
}

/// Get a delivery
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/deliveries/{id}", operation_id = "getDelivery", tag = "Deliveries",
    params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery.", body = wire::Delivery))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeliveryId>,
) -> Answer<Json<wire::Delivery>> {
    let delivery = api.engine.delivery(&caller, id).await?;
    Ok(Json(convert::delivery_out(&delivery)))
}

/// List the attempts of a delivery
///
/// Newest first, each with what was sent and what came back. A page ends early when their bodies come to 4 MiB.
/// Needs `read`.
#[utoipa::path(
    get, path = "/deliveries/{id}/attempts", operation_id = "listAttempts", tag = "Deliveries",
    params(("id" = String, Path, description = "The delivery's id."), wire::PageQuery),
    responses((status = 200, description = "A page of attempts.", body = wire::Page<wire::Attempt>))
)]
pub(crate) async fn attempts(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeliveryId>,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Attempt>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let attempts = api.engine.attempts(&caller, id).await?;
    Ok(Json(convert::page_out(convert::attempts_page(attempts, &page), convert::attempt_out)))
}

/// Send a delivery again
///
/// With a fresh budget of attempts. Needs `manage`.
#[utoipa::path(
    post, path = "/deliveries/{id}/replay", operation_id = "replayDelivery", tag = "Deliveries",
    params(("id" = String, Path, description = "The delivery's id.")),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 202, description = "Pending again.", body = wire::Delivery),
        (status = 409, description = "Its endpoint was deleted.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn replay(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<DeliveryId>,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<(StatusCode, Json<wire::Delivery>)> {
    let delivery = api.engine.replay_delivery(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(convert::delivery_out(&delivery))))
}
