//! Projects, keys and event types.

use posthouse_engine::{
    Caller, CreateKey, CreatedKey, Error, EventTypeRecord, KeyRecord, Project, PutEventType,
};
use posthouse_types::{Capabilities, Capability, Environment, EventType, KeyStyle, Name, ProjectId};

use super::super::wire;
use crate::http::Fields;

pub(crate) fn create_project(request: &wire::CreateProject) -> Result<(Option<ProjectId>, Name), Error> {
    let mut fields = Fields::default();
    let id = fields.read_if(request.id.as_deref(), str::parse::<ProjectId>, || "body.id".to_owned());
    let name = fields.read(&request.name, Name::parse, || "body.name".to_owned());
    Ok((id, fields.finish_with(name)?))
}

pub(crate) fn project_out(project: &Project) -> wire::Project {
    wire::Project {
        id: project.id.to_string(),
        name: project.name.to_string(),
        created_at: project.created_at.to_string(),
    }
}

pub(crate) fn create_key(caller: &Caller, request: &wire::CreateKey) -> Result<CreateKey, Error> {
    let mut fields = Fields::default();
    let name = fields.read(&request.name, Name::parse, || "body.name".to_owned());
    let environment = request.environment.as_deref();
    let environment =
        fields.read_if(environment, str::parse::<Environment>, || "body.environment".to_owned());
    let style = fields.read_if(request.style.as_deref(), str::parse::<KeyStyle>, || "body.style".to_owned());
    let project = request.project_id.as_deref();
    let project = fields.read_if(project, str::parse::<ProjectId>, || "body.project_id".to_owned());
    let mut capabilities = Vec::new();
    for (index, text) in request.capabilities.iter().enumerate() {
        let location = || format!("body.capabilities[{index}]");
        capabilities.extend(fields.read(text, str::parse::<Capability>, location));
        if fields.is_full() {
            break;
        }
    }
    Ok(CreateKey {
        name: fields.finish_with(name)?,
        environment: environment.unwrap_or(caller.space.environment),
        capabilities: capabilities.into_iter().collect::<Capabilities>(),
        project,
        style: style.unwrap_or_default(),
    })
}

pub(crate) fn key_out(record: KeyRecord) -> wire::Key {
    wire::Key {
        id: record.id.to_string(),
        name: record.name.to_string(),
        environment: record.space.environment.as_str(),
        capabilities: record.capabilities.iter().map(Capability::as_str).collect(),
        project_id: record.project.map(|id| id.to_string()),
        created_at: record.created_at.to_string(),
        hint: record.hint,
    }
}

pub(crate) fn created_key(created: CreatedKey) -> wire::CreatedKey {
    wire::CreatedKey { key: created.key.expose().to_owned(), record: key_out(created.record) }
}

/// The type is part of the path, and this call makes it: one that is none is wrong, not missing.
pub(crate) fn put_event_type(event_type: &str, request: wire::PutEventType) -> Result<PutEventType, Error> {
    let mut fields = Fields::default();
    let event_type = fields.read(event_type, EventType::parse, || "path.type".to_owned());
    Ok(PutEventType {
        event_type: fields.finish_with(event_type)?,
        description: request.description.unwrap_or_default(),
        schema: request.schema,
    })
}

pub(crate) fn event_type_out(record: EventTypeRecord) -> wire::EventType {
    wire::EventType {
        kind: record.event_type.to_string(),
        description: record.description,
        schema: record.schema,
        created_at: record.created_at.to_string(),
        updated_at: record.updated_at.to_string(),
    }
}
