//! Webhooks: list, register, change, remove.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, EndpointDetail, EndpointQuery, Error, ErrorKind, UpdateEndpoint};
use posthouse_types::{Capability, EndpointId, Settings, Wire};

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, JsonBody, Manager, Query, RepeatableJson, Segments};

/// List webhooks
///
/// All webhooks of the organization, newest first, on one page; there are no parameters. Needs `manage`.
#[utoipa::path(
    get, path = "/api/v1/webhooks", operation_id = "listWebhooks", tag = "Webhooks",
    responses(
        (status = 200, description = "The webhooks.", body = wire::Webhooks),
        (status = 422, description = "There is a parameter.", body = wire::ErrorBody),
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(wire::NoQuery {}): Query<wire::NoQuery>,
) -> Answer<Json<wire::Webhooks>> {
    let webhooks = api.engine.find_endpoints(&caller, Capability::Manage, &ours()).await?;
    Ok(Json(convert::webhooks_out(webhooks)))
}

/// Create a webhook
///
/// When an event matches, its envelope is sent to `url` with `POST`, signed when there is a `secret`. Needs `manage`.
#[utoipa::path(
    post, path = "/api/v1/webhooks", operation_id = "createWebhook", tag = "Webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the \
        same webhook, for 24 hours.")),
    request_body = wire::CreateWebhook,
    responses(
        (status = 201, description = "Registered.", body = wire::Webhook),
        (status = 409, description = "The idempotency key was used with another request, or a limit is reached.",
            body = wire::ErrorBody),
        (status = 422, description = "The body is not valid.", body = wire::ErrorBody),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Manager(caller): Manager,
    RepeatableJson(request, repeatable): RepeatableJson<wire::CreateWebhook>,
) -> Answer<(StatusCode, Json<wire::Webhook>)> {
    let create = convert::create_webhook(request)?;
    let (webhook, _) = api.engine.create_endpoint(&caller, create, repeatable).await?;
    Ok((StatusCode::CREATED, Json(convert::webhook_out(webhook))))
}

/// Get a webhook
///
/// Needs `manage`.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", operation_id = "getWebhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook.", body = wire::Webhook))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Segments(id): Segments<String>,
) -> Answer<Json<wire::Webhook>> {
    let webhook = find(&api, &caller, &id)?;
    Ok(Json(convert::webhook_out(webhook)))
}

/// Update a webhook
///
/// What is absent stays. Needs `manage`.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{id}", operation_id = "updateWebhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    request_body = wire::UpdateWebhook,
    responses(
        (status = 200, description = "The webhook, changed.", body = wire::Webhook),
        (status = 409, description = "Someone else changed it at the same moment.", body = wire::ErrorBody),
        (status = 422, description = "The body is not valid.", body = wire::ErrorBody),
    )
)]
pub(crate) async fn update(
    State(api): State<Api>,
    Manager(caller): Manager,
    Segments(id): Segments<String>,
    JsonBody(request): JsonBody<wire::UpdateWebhook>,
) -> Answer<Json<wire::Webhook>> {
    let endpoint = find(&api, &caller, &id)?.endpoint.id;
    let changes = convert::changes(request)?;
    let settings = |settings: &mut Settings| changes.apply(settings);
    let update = UpdateEndpoint {
        settings: &settings,
        headers: changes.headers.clone(),
        session: changes.session.clone(),
        secret: changes.secret.clone(),
    };
    let webhook = api.engine.update_endpoint(&caller, endpoint, update).await;
    Ok(Json(convert::webhook_out(webhook.map_err(|error| named(error, &id))?)))
}

/// Delete a webhook
///
/// For good: what waits for it is not sent any more. Needs `manage`.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", operation_id = "deleteWebhook", tag = "Webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 204, description = "Removed."))
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Segments(id): Segments<String>,
) -> Answer<StatusCode> {
    let endpoint = find(&api, &caller, &id)?.endpoint.id;
    api.engine.delete_endpoint(&caller, endpoint).await.map_err(|error| named(error, &id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Webhooks are the endpoints of this format; those of the others are not there.
fn ours() -> EndpointQuery {
    EndpointQuery::of(Wire::Whatsapp)
}

/// The webhook that a path names.
fn find(api: &Api, caller: &Caller, text: &str) -> Result<EndpointDetail, Error> {
    let id: EndpointId = convert::webhook_id(text)?;
    let found = api.engine.find_endpoint(caller, Capability::Manage, &ours(), id);
    found.map_err(|error| named(error, text))
}

/// What is not there is called by the name that the caller has for it.
fn named(error: Error, text: &str) -> Error {
    if error.kind == ErrorKind::NotFound { Error::not_found("webhook", text) } else { error }
}
