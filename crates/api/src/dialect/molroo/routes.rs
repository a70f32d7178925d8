//! The calls: extract, convert, call the engine, convert.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, EndpointQuery};
use posthouse_types::{Capability, EndpointId, SessionId, Wire};

use super::convert;
use super::wire;
use crate::http::{Answer, Api, Id, Manager, RepeatableJson, Segments, path_id};

/// Register Webhook
///
/// Register a new webhook endpoint for a session, which must be there. Needs `manage`.
#[utoipa::path(
    post, path = "/v1/webhook/{sessionId}", operation_id = "registerWebhook", tag = "Webhook",
    params(
        ("sessionId" = String, Path, description = "The session ID to register for."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the same \
            answer, for 24 hours."),
    ),
    request_body = wire::Register,
    responses((status = 201, description = "Registered.", body = wire::Webhook))
)]
pub(super) async fn register(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(session): Id<SessionId>,
    RepeatableJson(request, repeatable): RepeatableJson<wire::Register>,
) -> Answer<(StatusCode, Json<wire::Webhook>)> {
    api.engine.session_for(&caller, Capability::Manage, &session).await?;
    let create = convert::register(session, request)?;
    let (endpoint, _) = api.engine.create_endpoint(&caller, create, repeatable).await?;
    Ok((StatusCode::CREATED, Json(convert::webhook_out(endpoint))))
}

/// List Webhooks
///
/// List all registered webhooks for a session, newest first. Needs `read`.
#[utoipa::path(
    get, path = "/v1/webhook/{sessionId}", operation_id = "listWebhooks", tag = "Webhook",
    params(("sessionId" = String, Path, description = "The session ID to query.")),
    responses((status = 200, description = "The session's webhooks.", body = Vec<wire::Webhook>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(session): Id<SessionId>,
) -> Answer<Json<Vec<wire::Webhook>>> {
    let endpoints = api.engine.find_endpoints(&caller, Capability::Read, &of(session)).await?;
    Ok(Json(endpoints.into_iter().map(convert::webhook_out).collect()))
}

/// Delete Webhook
///
/// Remove a registered webhook. What waits for it is cancelled. Needs `manage`.
#[utoipa::path(
    delete, path = "/v1/webhook/{sessionId}/{webhookId}", operation_id = "deleteWebhook", tag = "Webhook",
    params(
        ("sessionId" = String, Path, description = "The session ID."),
        ("webhookId" = String, Path, description = "The webhook ID to delete."),
    ),
    responses((status = 200, description = "Removed.", body = wire::Deleted))
)]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Segments((session, webhook)): Segments<(String, String)>,
) -> Answer<Json<wire::Deleted>> {
    let session: SessionId = path_id(&session)?;
    let id: EndpointId = path_id(&webhook)?;
    api.engine.session_for(&caller, Capability::Manage, &session).await?;
    api.engine.find_endpoint(&caller, Capability::Manage, &of(session), id)?;
    api.engine.delete_endpoint(&caller, id).await?;
    Ok(Json(wire::Deleted { deleted: true, id: id.to_string() }))
}

fn of(session: SessionId) -> EndpointQuery {
    EndpointQuery { session: Some(Some(session)), ..EndpointQuery::of(Wire::Molroo) }
}
