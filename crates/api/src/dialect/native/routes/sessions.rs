//! Sessions.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::Caller;
use posthouse_types::SessionId;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Id, JsonBody, Query, page_request};

/// Register a session
///
/// Needs `manage`.
#[utoipa::path(
    post, path = "/sessions", operation_id = "createSession", tag = "Sessions",
    request_body = wire::CreateSession,
    responses(
        (status = 201, description = "Registered.", body = wire::Session),
        (status = 409, description = "A session with this id exists.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(request): JsonBody<wire::CreateSession>,
) -> Answer<(StatusCode, Json<wire::Session>)> {
    let create = convert::create_session(request)?;
    let session = api.engine.create_session(&caller, create).await?;
    Ok((StatusCode::CREATED, Json(convert::session_out(session))))
}

/// List sessions
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/sessions", operation_id = "listSessions", tag = "Sessions", params(wire::SessionsQuery),
    responses((status = 200, description = "A page of sessions.", body = wire::Page<wire::Session>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::SessionsQuery>,
) -> Answer<Json<wire::Page<wire::Session>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let project = convert::project_filter(query.project_id.as_deref())?;
    let sessions = api.engine.sessions(&caller, project, page).await?;
    Ok(Json(convert::page_out(sessions, convert::session_out)))
}

/// Get a session
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/sessions/{id}", operation_id = "getSession", tag = "Sessions",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 200, description = "The session.", body = wire::Session))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Answer<Json<wire::Session>> {
    let session = api.engine.session(&caller, &id).await?;
    Ok(Json(convert::session_out(session)))
}

/// Change a session
///
/// What is absent stays; null makes it empty. Needs `manage`.
#[utoipa::path(
    patch, path = "/sessions/{id}", operation_id = "updateSession", tag = "Sessions",
    params(("id" = String, Path, description = "The session's id.")),
    request_body = wire::UpdateSession,
    responses((status = 200, description = "The session, changed.", body = wire::Session))
)]
pub(crate) async fn update(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SessionId>,
    JsonBody(request): JsonBody<wire::UpdateSession>,
) -> Answer<Json<wire::Session>> {
    let session = api.engine.update_session(&caller, &id, convert::update_session(request)?).await?;
    Ok(Json(convert::session_out(session)))
}

/// Remove a session
///
/// Its events and endpoints stay. Needs `manage`.
#[utoipa::path(
    delete, path = "/sessions/{id}", operation_id = "deleteSession", tag = "Sessions",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "Removed."))
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Answer<StatusCode> {
    api.engine.delete_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
