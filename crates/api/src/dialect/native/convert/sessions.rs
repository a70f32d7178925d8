//! Sessions.

use posthouse_engine::{CreateSession, Error, SessionRecord, UpdateSession};
use posthouse_types::{AgentId, ProjectId, SessionId};

use super::super::wire;
use crate::http::Fields;

pub(crate) fn create_session(request: wire::CreateSession) -> Result<CreateSession, Error> {
    let mut fields = Fields::default();
    let id = fields.read_if(request.id.as_deref(), SessionId::parse, || "body.id".to_owned());
    let project = request.project_id.as_deref();
    let project = fields.read_if(project, str::parse::<ProjectId>, || "body.project_id".to_owned());
    let agent = request.agent_id.as_deref();
    let agent = fields.read_if(agent, str::parse::<AgentId>, || "body.agent_id".to_owned());
    fields.finish()?;
    Ok(CreateSession {
        id,
        project,
        label: request.label.unwrap_or_default(),
        metadata: request.metadata.unwrap_or_default(),
        agent,
    })
}

pub(crate) fn update_session(request: wire::UpdateSession) -> Result<UpdateSession, Error> {
    let mut fields = Fields::default();
    let agent = request
        .agent_id
        .map(|agent| fields.read_if(agent.as_deref(), str::parse::<AgentId>, || "body.agent_id".to_owned()));
    fields.finish()?;
    Ok(UpdateSession {
        label: request.label.map(Option::unwrap_or_default),
        metadata: request.metadata.map(Option::unwrap_or_default),
        agent,
    })
}

/// The `project_id` parameter of a list.
pub(crate) fn project_filter(project_id: Option<&str>) -> Result<Option<ProjectId>, Error> {
    let mut fields = Fields::default();
    let project = fields.read_if(project_id, str::parse::<ProjectId>, || "query.project_id".to_owned());
    fields.finish()?;
    Ok(project)
}

pub(crate) fn session_out(session: SessionRecord) -> wire::Session {
    wire::Session {
        id: session.id.to_string(),
        project_id: session.project.map(|id| id.to_string()),
        label: session.label,
        metadata: session.metadata,
        agent_id: session.agent.map(|id| id.to_string()),
        source_id: session.source.map(|id| id.to_string()),
        created_at: session.created_at.to_string(),
        updated_at: session.updated_at.to_string(),
    }
}
