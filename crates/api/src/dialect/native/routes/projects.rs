//! Projects.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::Caller;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, JsonBody, Query, page_request};

/// Make a project
///
/// Needs `manage`.
#[utoipa::path(
    post, path = "/projects", operation_id = "createProject", tag = "Projects",
    request_body = wire::CreateProject,
    responses(
        (status = 201, description = "Made.", body = wire::Project),
        (status = 409, description = "A project with this id exists.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(request): JsonBody<wire::CreateProject>,
) -> Answer<(StatusCode, Json<wire::Project>)> {
    let (id, name) = convert::create_project(&request)?;
    let project = api.engine.create_project(&caller, id, name).await?;
    Ok((StatusCode::CREATED, Json(convert::project_out(&project))))
}

/// List projects
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/projects", operation_id = "listProjects", tag = "Projects", params(wire::PageQuery),
    responses((status = 200, description = "A page of projects.", body = wire::Page<wire::Project>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Project>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let projects = api.engine.projects(&caller, page).await?;
    Ok(Json(convert::page_out(projects, |project| convert::project_out(&project))))
}
