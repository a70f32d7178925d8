//! API keys.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::Caller;
use posthouse_types::KeyId;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Confidential, Id, JsonBody, Query, page_request};

/// Make an API key
///
/// The answer is the only time the key is shown. Needs `admin`.
#[utoipa::path(
    post, path = "/keys", operation_id = "createKey", tag = "Keys", request_body = wire::CreateKey,
    responses((status = 201, description = "Made.", body = wire::CreatedKey))
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(request): JsonBody<wire::CreateKey>,
) -> Answer<(StatusCode, Confidential<wire::CreatedKey>)> {
    let create = convert::create_key(&caller, &request)?;
    let created = api.engine.create_key(&caller, create).await?;
    Ok((StatusCode::CREATED, Confidential(convert::created_key(created))))
}

/// List API keys
///
/// Those of the environment of the key that asks, and of its project when it is limited to one; newest first. Needs
/// `admin`.
#[utoipa::path(
    get, path = "/keys", operation_id = "listKeys", tag = "Keys", params(wire::PageQuery),
    responses((status = 200, description = "A page of keys.", body = wire::Page<wire::Key>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Key>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let keys = api.engine.keys(&caller, page).await?;
    Ok(Json(convert::page_out(keys, convert::key_out)))
}

/// Remove an API key
///
/// It stops working at once. Needs `admin`.
#[utoipa::path(
    delete, path = "/keys/{id}", operation_id = "deleteKey", tag = "Keys",
    params(("id" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "Removed."))
)]
pub(crate) async fn delete(State(api): State<Api>, caller: Caller, Id(id): Id<KeyId>) -> Answer<StatusCode> {
    api.engine.delete_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
