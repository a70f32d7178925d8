//! Agents: make, change, remove.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use posthouse_engine::{Caller, UpdateAgent};
use posthouse_types::{AgentId, AgentSettings, Capability};

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Id, JsonBody, Manager, Query, page_request};

/// Make an agent
///
/// Needs `manage`.
#[utoipa::path(
    post, path = "/agents", operation_id = "createAgent", tag = "Agents",
    request_body = wire::CreateAgent,
    responses(
        (status = 201, description = "Made.", body = wire::Agent),
        (status = 409, description = "A limit is reached.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Manager(caller): Manager,
    JsonBody(request): JsonBody<wire::CreateAgent>,
) -> Answer<(StatusCode, Json<wire::Agent>)> {
    let agent = api.engine.create_agent(&caller, convert::create_agent(request)?).await?;
    Ok((StatusCode::CREATED, Json(convert::agent_out(agent))))
}

/// List agents
///
/// Newest first. Needs `read`.
#[utoipa::path(
    get, path = "/agents", operation_id = "listAgents", tag = "Agents", params(wire::PageQuery),
    responses((status = 200, description = "A page of agents.", body = wire::Page<wire::Agent>))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(query): Query<wire::PageQuery>,
) -> Answer<Json<wire::Page<wire::Agent>>> {
    let page = page_request(query.limit.as_deref(), query.cursor.as_deref())?;
    let agents = api.engine.agents(&caller, page).await?;
    Ok(Json(convert::page_out(agents, convert::agent_out)))
}

/// Get an agent
///
/// Needs `read`.
#[utoipa::path(
    get, path = "/agents/{id}", operation_id = "getAgent", tag = "Agents",
    params(("id" = String, Path, description = "The agent's id.")),
    responses((status = 200, description = "The agent.", body = wire::Agent))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AgentId>,
) -> Answer<Json<wire::Agent>> {
    let agent = api.engine.agent(&caller, id).await?;
    Ok(Json(convert::agent_out(agent)))
}

/// Change an agent
///
/// What is absent stays, also inside of objects; null puts back what an agent has when nothing is said. What arrived
/// before goes on with the agent as it was then. Needs `manage`.
#[utoipa::path(
    patch, path = "/agents/{id}", operation_id = "updateAgent", tag = "Agents",
    params(("id" = String, Path, description = "The agent's id.")),
    request_body = wire::UpdateAgent,
    responses(
        (status = 200, description = "The agent, changed.", body = wire::Agent),
        (status = 409, description = "Someone else changed it at the same moment.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(api): State<Api>,
    Manager(caller): Manager,
    Id(id): Id<AgentId>,
    JsonBody(request): JsonBody<wire::UpdateAgent>,
) -> Answer<Json<wire::Agent>> {
    // What may be said depends on what the agent runs.
    let now = api.engine.agent_for(&caller, Capability::Manage, id).await?;
    let patch = convert::agent_patch(request, &now.settings.runner)?;
    let settings = |settings: &mut AgentSettings| patch.settings.apply(settings);
    let update = UpdateAgent { settings: &settings, secret: patch.secret };
    let agent = api.engine.update_agent(&caller, id, update).await?;
    Ok(Json(convert::agent_out(agent)))
}

/// Remove an agent
///
/// Sessions that it was bound to are answered by no one. Needs `manage`.
#[utoipa::path(
    delete, path = "/agents/{id}", operation_id = "deleteAgent", tag = "Agents",
    params(("id" = String, Path, description = "The agent's id.")),
    responses(
        (status = 204, description = "Removed."),
        (status = 409, description = "A source is bound to it.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<AgentId>,
) -> Answer<StatusCode> {
    api.engine.delete_agent(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
