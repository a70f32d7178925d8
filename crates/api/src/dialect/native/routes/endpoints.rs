//! Endpoints: register, change, remove; secrets; test events.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, UpdateEndpoint};
use posthouse_types::{EndpointId, Settings};

use super::super::convert;
use super::super::wire;
use crate::http::{
    Answer, Api, Confidential, Id, JsonBody, Manager, OptionalJson, Query, RepeatableJson,
    RepeatableOptionalJson, page_request,
};

/// Register an endpoint
///
/// The answer holds the signing secret. Needs `manage`.
#[utoipa::path(
    post, path = "/endpoints", operation_id = "createEndpoint", tag = "Endpoints",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the \
        same answer, for 24 hours.")),
    request_body = wire::CreateEndpoint,
    responses(
        (status = 201, description = "Registered.", body = wire::CreatedEndpoint),
        (status = 409, description = "The idempotency key was used with another request, or a limit is reached.",
            body = wire::Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Manager(caller): Manager,
    RepeatableJson(request, repeatable): RepeatableJson<wire::CreateEndpoint>,
) -> Answer<(StatusCode, Confidential<wire::CreatedEndpoint>)> {
    let create = convert::create_endpoint(request)?;
    let (endpoint, secret) = api.engine.create_endpoint(&caller, create, repeatable).await?;
    Ok((StatusCode::CREATED, Confidential(convert::created_endpoint(&caller, endpoint, secret.as_ref()))))
}

/// List endpoints
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/endpoints", operation_id = "listEndpoints", tag = "Endpoints", params(wire::PageQuery),
    responses((status = 200, description = "A page of endpoints.", body = wire::Page<wire::Endpoint>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Endpoint>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let endpoints = api.engine.endpoints(&caller, page).await?;
    Ok(Json(convert::page_out(endpoints, |endpoint| convert::endpoint_out(&caller, endpoint))))
}

/// Get an endpoint
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/endpoints/{id}", operation_id = "getEndpoint", tag = "Endpoints",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The endpoint.", body = wire::Endpoint))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<Json<wire::Endpoint>> {
    let endpoint = api.engine.endpoint(&caller, id).await?;
    Ok(Json(convert::endpoint_out(&caller, endpoint)))
}

/// Change an endpoint
///
/// What is absent stays; null puts back what an endpoint has when nothing is said. Needs `manage`.
#[utoipa::path(
    patch, path = "/endpoints/{id}", operation_id = "updateEndpoint", tag = "Endpoints",
    params(("id" = String, Path, description = "The endpoint's id.")),
    request_body = wire::UpdateEndpoint,
    responses(
        (status = 200, description = "The endpoint, changed.", body = wire::Endpoint),
        (status = 409, description = "Someone else changed it at the same moment.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(id): Id<EndpointId>,
    JsonBody(request): JsonBody<wire::UpdateEndpoint>,
) -> Answer<Json<wire::Endpoint>> {
    let (change, headers) = convert::settings_change(request)?;
    let settings = |settings: &mut Settings| change.apply(settings);
    let update = UpdateEndpoint { headers, ..UpdateEndpoint::settings(&settings) };
    let endpoint = api.engine.update_endpoint(&caller, id, update).await?;
    Ok(Json(convert::endpoint_out(&caller, endpoint)))
}

/// Remove an endpoint
///
/// What waits for it is cancelled; its history stays. Needs `manage`.
#[utoipa::path(
    delete, path = "/endpoints/{id}", operation_id = "deleteEndpoint", tag = "Endpoints",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 204, description = "Removed."))
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<StatusCode> {
    api.engine.delete_endpoint(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reveal the signing secret
///
/// Needs `manage`.
#[utoipa::path(
    get, path = "/endpoints/{id}/secret", operation_id = "getEndpointSecret", tag = "Endpoints",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The secret that signs now.", body = wire::Secret))
)]
pub(crate) async fn secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<Confidential<wire::Secret>> {
    let secret = api.engine.endpoint_secret(&caller, id).await?;
    Ok(Confidential(wire::Secret { secret: secret.expose().to_owned() }))
}

/// Rotate the signing secret
///
/// The old secret signs beside the new one for a while, so that receivers can change over. Without a body: a
/// secret of ours and a day. Needs `manage`.
#[utoipa::path(
    post, path = "/endpoints/{id}/rotate-secret", operation_id = "rotateEndpointSecret", tag = "Endpoints",
    params(
        ("id" = String, Path, description = "The endpoint's id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the same \
            answer, for 24 hours."),
    ),
    request_body = Option<wire::RotateSecret>,
    responses(
        (status = 200, description = "The secret that signs from now on.", body = wire::Rotated),
        (status = 409, description = "Someone else changed the endpoint at the same moment.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_secret(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(id): Id<EndpointId>,
    RepeatableOptionalJson(request, repeatable): RepeatableOptionalJson<wire::RotateSecret>,
) -> Answer<Confidential<wire::Rotated>> {
    let rotated = api.engine.rotate_secret(&caller, id, convert::rotate(request), repeatable).await?;
    Ok(Confidential(convert::rotated(&rotated)))
}

/// Send a test event
///
/// An event of type `endpoint.test` for this endpoint alone, whatever its filters. Needs `manage`.
#[utoipa::path(
    post, path = "/endpoints/{id}/test", operation_id = "testEndpoint", tag = "Endpoints",
    params(("id" = String, Path, description = "The endpoint's id.")),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 202, description = "On its way.", body = wire::TestSent),
        (status = 409, description = "The endpoint is disabled.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn test(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<(StatusCode, Json<wire::TestSent>)> {
    let (event, delivery) = api.engine.test_endpoint(&caller, id).await?;
    let sent = wire::TestSent { event_id: event.to_string(), delivery_id: delivery.to_string() };
    Ok((StatusCode::ACCEPTED, Json(sent)))
}
