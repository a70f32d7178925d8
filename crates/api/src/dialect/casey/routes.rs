//! Which call is where. Handlers extract, convert, call the engine, convert.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, Error, ErrorKind};
use posthouse_types::{Capability, EndpointId};

use super::{convert, wire};
use crate::http::{Answer, Api, Confidential, Id, Manager, OptionalJson, RepeatableJson};

/// List webhook endpoints
///
/// All of them, newest first. Needs `read`.
#[utoipa::path(
    get, path = "/webhooks", operation_id = "listWebhooks", tag = "Webhooks",
    responses((status = 200, description = "The webhook endpoints.", body = wire::Data<Vec<wire::Webhook>>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
) -> Answer<Json<wire::Data<Vec<wire::Webhook>>>> {
    let found = api.engine.find_endpoints(&caller, Capability::Read, &convert::ours()).await?;
    Ok(Json(wire::Data { data: found.into_iter().map(convert::webhook_out).collect() }))
}

/// Create a new webhook endpoint
///
/// Returns the signing secret for webhook verification. Needs `manage`.
#[utoipa::path(
    post, path = "/webhooks", operation_id = "createWebhook", tag = "Webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the \
        same answer, for 24 hours.")),
    request_body = wire::CreateWebhook,
    responses(
        (status = 201, description = "Created.", body = wire::Data<wire::CreatedWebhook>),
        (status = 409, description = "The idempotency key was used with another request, or a limit is reached.",
            body = wire::Error),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    Manager(caller): Manager,
    RepeatableJson(request, repeatable): RepeatableJson<wire::CreateWebhook>,
) -> Answer<(StatusCode, Confidential<wire::Data<wire::CreatedWebhook>>)> {
    let create = convert::create(request)?;
    let (endpoint, secret) = api.engine.create_endpoint(&caller, create, repeatable).await?;
    let secret = secret.ok_or_else(|| Error::new(ErrorKind::Internal, "a new endpoint has no secret"))?;
    let data = convert::created_out(endpoint, &secret);
    Ok((StatusCode::CREATED, Confidential(wire::Data { data })))
}

/// Send a test event to all webhook endpoints
///
/// One event of type `test.event` to every endpoint that is enabled, whatever its event types. Needs `manage`.
#[utoipa::path(
    post, path = "/webhooks/test", operation_id = "testWebhooks", tag = "Webhooks",
    request_body = Option<wire::Nothing>,
    responses((status = 200, description = "On its way.", body = wire::Data<wire::TestSent>))
)]
pub(super) async fn test(
    State(api): State<Api>,
    caller: Caller,
    OptionalJson(wire::Nothing {}): OptionalJson<wire::Nothing>,
) -> Answer<Json<wire::Data<wire::TestSent>>> {
    let (event_type, payload) = convert::test_event();
    let event = api.engine.test_endpoints(&caller, &convert::ours(), event_type, payload).await?;
    Ok(Json(wire::Data { data: convert::sent_out(&event) }))
}

/// Get a webhook endpoint
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/webhooks/{id}", operation_id = "getWebhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The webhook endpoint.", body = wire::Data<wire::Webhook>))
)]
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<Json<wire::Data<wire::Webhook>>> {
    let endpoint = api.engine.find_endpoint(&caller, Capability::Read, &convert::ours(), id)?;
    Ok(Json(wire::Data { data: convert::webhook_out(endpoint) }))
}

/// Delete a webhook endpoint
///
/// What waits for it is cancelled. Needs `manage`.
#[utoipa::path(
    delete, path = "/webhooks/{id}", operation_id = "deleteWebhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 204, description = "Deleted."))
)]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<StatusCode> {
    api.engine.find_endpoint(&caller, Capability::Manage, &convert::ours(), id)?;
    api.engine.delete_endpoint(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get the signing secret for a webhook endpoint
///
/// For verifying webhook signatures. Needs `manage`.
#[utoipa::path(
    get, path = "/webhooks/{id}/secret", operation_id = "getWebhookSecret", tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.")),
    responses((status = 200, description = "The secret that signs now.", body = wire::Data<wire::Secret>))
)]
pub(super) async fn secret(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<EndpointId>,
) -> Answer<Confidential<wire::Data<wire::Secret>>> {
    api.engine.find_endpoint(&caller, Capability::Manage, &convert::ours(), id)?;
    let secret = api.engine.endpoint_secret(&caller, id).await?;
    Ok(Confidential(wire::Data { data: convert::secret_out(&secret) }))
}
