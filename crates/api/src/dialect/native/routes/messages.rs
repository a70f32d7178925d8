//! Messages of a session.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::Caller;
use posthouse_types::SessionId;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Id, JsonBody, Query, Writer, page_request};

/// Say something in a session
///
/// A text, or a poll that can be voted in. Needs `send`.
#[utoipa::path(
    post, path = "/sessions/{id}/messages", operation_id = "postMessage", tag = "Sessions",
    params(("id" = String, Path, description = "The session's id.")),
    request_body = wire::PostMessage,
    responses((status = 202, description = "Said, on disk.", body = wire::Message))
)]
pub(crate) async fn post(
    State(api): State<Api>,
    Writer(caller): Writer,
    Id(id): Id<SessionId>,
    JsonBody(request): JsonBody<wire::PostMessage>,
) -> Answer<(StatusCode, Json<wire::Message>)> {
    let message = api.engine.post_message(&caller, &id, convert::post_message(request)?).await?;
    Ok((StatusCode::ACCEPTED, Json(convert::message_out(message))))
}

/// List what was said in a session
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/sessions/{id}/messages", operation_id = "listMessages", tag = "Sessions",
    params(("id" = String, Path, description = "The session's id."), wire::PageQuery),
    responses((status = 200, description = "A page of messages.", body = wire::Page<wire::Message>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<SessionId>,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Message>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let messages = api.engine.messages(&caller, &id, page).await?;
    Ok(Json(convert::page_out(messages, convert::message_detail_out)))
}
