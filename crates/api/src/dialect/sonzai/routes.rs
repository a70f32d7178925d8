//! The calls: extract, convert, call the engine, convert. Each is described as it is for a project;
//! `openapi::for_tenant` makes the other half of the family from it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, Error, ErrorKind, Rotate};
use posthouse_types::{Capability, EndpointId, ProjectId};
use serde_json::Value;

use super::convert;
use super::schema;
use super::wire;
use crate::http::{
    Answer, Api, Confidential, Manager, Place, Query, RepeatableJson, RepeatableOptionalJson, Segments,
};

/// List webhooks for a project
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/webhooks", operation_id = "listWebhooks", tag = "Webhooks",
    params(("projectId" = String, Path, description = "Project UUID.")),
    responses((status = 200, description = "OK.", body = wire::ListWebhooksOutputBody))
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    place: Place,
    Segments(named): Segments<wire::Named>,
) -> Answer<Confidential<wire::ListWebhooksOutputBody>> {
    let project = project_of(&api, &caller, Capability::Read, &named).await?;
    let found = api.engine.find_endpoints(&caller, Capability::Read, &convert::webhooks(project)).await?;
    Ok(Confidential(wire::ListWebhooksOutputBody {
        schema: schema::url(&place, "ListWebhooksOutputBody"),
        webhooks: found.into_iter().filter_map(|endpoint| convert::webhook_out(&caller, endpoint)).collect(),
    }))
}

/// Register or update a webhook
///
/// There is one webhook for an event type: a second call replaces URL and `auth_header`, and switches it on. Needs
/// `manage`.
#[utoipa::path(
    put, path = "/api/v1/projects/{projectId}/webhooks/{eventType}", operation_id = "upsertWebhook", tag = "Webhooks",
    params(
        ("projectId" = String, Path, description = "Project UUID."),
        ("eventType" = String, Path, description = "Webhook event type (e.g. session.end, memory.created)."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key and body for the same \
            answer, for 24 hours."),
    ),
    request_body = wire::UpsertWebhookInputBody,
    responses(
        (status = 200, description = "OK.", body = wire::UpsertWebhookOutputBody),
        (status = 409, description = "The idempotency key was used with another request, a limit is reached, or someone \
            else changed the webhook at the same moment.", body = wire::ErrorModel,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn upsert(
    State(api): State<Api>,
    Manager(caller): Manager,
    place: Place,
    Segments(named): Segments<wire::Named>,
    RepeatableJson(body, repeatable): RepeatableJson<wire::UpsertWebhookInputBody>,
) -> Answer<Confidential<wire::UpsertWebhookOutputBody>> {
    let project = project_of(&api, &caller, Capability::Manage, &named).await?;
    let put = convert::put(project, &named.event_type, body)?;
    let secret = api.engine.put_endpoint(&caller, put, repeatable).await.map_err(convert::put_refused)?;
    Ok(Confidential(wire::UpsertWebhookOutputBody {
        schema: schema::url(&place, "UpsertWebhookOutputBody"),
        success: true,
        signing_secret: secret.map(|secret| secret.expose().to_owned()),
    }))
}

/// Delete a webhook
///
/// What waits for it is cancelled. Needs `manage`.
#[utoipa::path(
    delete, path = "/api/v1/projects/{projectId}/webhooks/{eventType}", operation_id = "deleteWebhook",
    tag = "Webhooks",
    params(
        ("projectId" = String, Path, description = "Project UUID."),
        ("eventType" = String, Path, description = "Webhook event type to delete."),
    ),
    responses((status = 204, description = "No Content."))
)]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Segments(named): Segments<wire::Named>,
) -> Answer<StatusCode> {
    let project = project_of(&api, &caller, Capability::Manage, &named).await?;
    let id = webhook_of(&api, &caller, Capability::Manage, project, &named.event_type)?;
    api.engine.delete_endpoint(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List webhook delivery attempts
///
/// Of the newest delivery first, and of each its newest attempt first. Needs `read`.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/webhooks/{eventType}/attempts", operation_id = "listDeliveryAttempts",
    tag = "Webhooks",
    params(
        ("projectId" = String, Path, description = "Project UUID."),
        ("eventType" = String, Path, description = "Webhook event type."),
        wire::AttemptsQuery,
    ),
    responses((status = 200, description = "OK.", body = wire::ListDeliveryAttemptsOutputBody))
)]
pub(super) async fn attempts(
    State(api): State<Api>,
    caller: Caller,
    place: Place,
    Segments(named): Segments<wire::Named>,
    Query(query): Query<wire::AttemptsQuery>,
) -> Answer<Json<wire::ListDeliveryAttemptsOutputBody>> {
    let project = project_of(&api, &caller, Capability::Read, &named).await?;
    let (page, skip) = convert::attempts_query(&query)?;
    let id = webhook_of(&api, &caller, Capability::Read, project, &named.event_type)?;
    let page = api.engine.endpoint_attempts(&caller, id, page, skip).await?;
    let schema = schema::url(&place, "ListDeliveryAttemptsOutputBody");
    Ok(Json(convert::attempts_out(&caller, project, page, schema)))
}

/// Rotate webhook signing secret
///
/// The old secret is void at once. Needs `manage`.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/webhooks/{eventType}/rotate-secret",
    operation_id = "rotateWebhookSigningSecret", tag = "Webhooks",
    params(
        ("projectId" = String, Path, description = "Project UUID."),
        ("eventType" = String, Path, description = "Webhook event type whose secret to rotate."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeat with the same key for the same answer, for \
            24 hours."),
    ),
    request_body = Option<wire::Nothing>,
    responses(
        (status = 200, description = "OK.", body = wire::RotateSigningSecretOutputBody),
        (status = 409, description = "The idempotency key was used with another request, or someone else changed the \
            webhook at the same moment.", body = wire::ErrorModel, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rotate_secret(
    State(api): State<Api>,
    caller: Caller,
    place: Place,
    Segments(named): Segments<wire::Named>,
    RepeatableOptionalJson(wire::Nothing {}, repeatable): RepeatableOptionalJson<wire::Nothing>,
) -> Answer<Confidential<wire::RotateSigningSecretOutputBody>> {
    let project = project_of(&api, &caller, Capability::Manage, &named).await?;
    let id = webhook_of(&api, &caller, Capability::Manage, project, &named.event_type)?;
    let rotate = Rotate { secret: None, overlap: Some(Duration::ZERO) };
    let rotated = api.engine.rotate_secret(&caller, id, rotate, repeatable).await?;
    Ok(Confidential(wire::RotateSigningSecretOutputBody {
        schema: schema::url(&place, "RotateSigningSecretOutputBody"),
        success: true,
        signing_secret: rotated.secret.expose().to_owned(),
    }))
}

/// Get a JSON Schema
///
/// What a body's `$schema` leads to. Needs no key.
#[utoipa::path(
    get, path = "/api/v1/schemas/{name}", operation_id = "getSchema", tag = "Schemas", security(()),
    params(("name" = String, Path, description = "The schema's file (e.g. ErrorModel.json).")),
    responses((status = 200, description = "The JSON Schema.", body = Object))
)]
pub(super) async fn schema(Segments(name): Segments<String>) -> Answer<Json<Value>> {
    let schema = schema::get(&name).ok_or_else(|| Error::not_found("schema", name))?;
    Ok(Json(schema.clone()))
}

/// The project that is meant: the one that the path names, else the key's own.
async fn project_of(
    api: &Api,
    caller: &Caller,
    needs: Capability,
    named: &wire::Named,
) -> Result<Option<ProjectId>, Error> {
    let Some(text) = &named.project else { return Ok(caller.project) };
    let project = api.engine.project_for(caller, needs, convert::project(text)?).await?;
    Ok(Some(project.id))
}

/// The endpoint behind a webhook.
fn webhook_of(
    api: &Api,
    caller: &Caller,
    needs: Capability,
    project: Option<ProjectId>,
    event_type: &str,
) -> Result<EndpointId, Error> {
    let query = convert::webhook(project, event_type)?;
    match api.engine.endpoint_for(caller, needs, &query) {
        Ok(found) => Ok(found.endpoint.id),
        Err(error) if error.kind == ErrorKind::NotFound => Err(convert::no_webhook(event_type)),
        Err(error) => Err(error),
    }
}
