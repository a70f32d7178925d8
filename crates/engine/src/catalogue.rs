//! Projects and event types: the little that describes events.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use parking_lot::RwLock;
use posthouse_store::{EventTypeRecord, ProjectRecord};
use posthouse_types::limits::{
    DESCRIPTION_CHARS_MAX, EVENT_TYPES_PER_SPACE_MAX, PROJECTS_PER_SPACE_MAX, SCHEMA_BYTES_MAX,
};
use posthouse_types::{Capability, EventType, Name, Page, PageRequest, ProjectId, Space, Timestamp};
use serde_json::Value;

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, Result, within};
use crate::schema;

/// A project as callers see it.
pub type Project = ProjectRecord;

/// What an event type is to be.
#[derive(Debug, Clone)]
pub struct PutEventType {
    /// Its name.
    pub event_type: EventType,
    /// For people.
    pub description: String,
    /// JSON Schema that payloads must satisfy from now on.
    pub schema: Option<Value>,
}

/// Compiled schemas of all spaces, by event type.
#[derive(Default)]
pub(crate) struct Catalogue {
    schemas: RwLock<HashMap<(Space, EventType), Arc<Validator>>>,
}

impl Catalogue {
    pub(crate) fn replace_all(&self, records: Vec<EventTypeRecord>) {
        let mut fresh = HashMap::new();
        for record in records {
            let Some(schema) = &record.schema else { continue };
            match compile(schema) {
                Ok(validator) => drop(fresh.insert((record.space, record.event_type), Arc::new(validator))),
                Err(error) => tracing::error!(%error, "the schema of {} is not enforced", record.event_type),
            }
        }
        *self.schemas.write() = fresh;
    }

    fn put(&self, space: Space, event_type: EventType, validator: Option<Validator>) {
        let mut schemas = self.schemas.write();
        match validator {
            Some(validator) => schemas.insert((space, event_type), Arc::new(validator)),
            None => schemas.remove(&(space, event_type)),
        };
    }

    /// The schema that payloads of this type must satisfy.
    pub(crate) fn schema(&self, space: Space, event_type: &EventType) -> Option<Arc<Validator>> {
        let schemas = self.schemas.read();
        if schemas.is_empty() {
            return None;
        }
        schemas.get(&(space, event_type.clone())).cloned()
    }
}

/// Compiles a schema. References to other documents are not followed: a schema is data from a stranger.
fn compile(schema: &Value) -> Result<Validator> {
    schema::check_effort(schema).map_err(|invalid| Error::field("body.schema", invalid))?;
    jsonschema::options()
        // Patterns without backtracking take time in proportion to the text, whatever the pattern.
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| Error::field("body.schema", format!("is not a usable JSON Schema: {error}")))
}

impl Engine {
    /// Makes a project.
    pub async fn create_project(
        &self,
        caller: &Caller,
        id: Option<ProjectId>,
        name: Name,
    ) -> Result<Project> {
        caller.need_whole_space(Capability::Manage)?;
        within("projects", self.store.counts(caller.space).await?.projects, PROJECTS_PER_SPACE_MAX)?;
        let project = ProjectRecord {
            id: id.unwrap_or_else(ProjectId::random),
            space: caller.space,
            name,
            created_at: self.clock.now(),
        };
        self.store.insert_project(project.clone()).await?;
        Ok(project)
    }

    /// Projects, newest first.
    pub async fn projects(
        &self,
        caller: &Caller,
        page: PageRequest<(Timestamp, ProjectId)>,
    ) -> Result<Page<Project, (Timestamp, ProjectId)>> {
        caller.need(Capability::Read)?;
        if let Some(own) = caller.project {
            let items = self.store.project(caller.space, own).await?.into_iter().collect();
            return Ok(Page { items, next: None });
        }
        Ok(self.store.projects(caller.space, page).await?)
    }

    /// Puts an event type into the catalogue, or changes it. A schema is enforced from then on.
    pub async fn put_event_type(
        self: &Arc<Self>,
        caller: &Caller,
        put: PutEventType,
    ) -> Result<EventTypeRecord> {
        caller.need_whole_space(Capability::Manage)?;
        within("event types", self.store.counts(caller.space).await?.event_types, EVENT_TYPES_PER_SPACE_MAX)?;
        if put.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(Error::field(
                "body.description",
                format!("must be at most {DESCRIPTION_CHARS_MAX} characters"),
            ));
        }
        let validator = match &put.schema {
            Some(schema) if !schema.is_object() => {
                return Err(Error::field("body.schema", "must be an object"));
            }
            Some(schema) if schema.to_string().len() > SCHEMA_BYTES_MAX => {
                return Err(Error::field("body.schema", format!("must be at most {SCHEMA_BYTES_MAX} bytes")));
            }
            Some(schema) => Some(compile(schema)?),
            None => None,
        };
        let now = self.clock.now();
        let record = EventTypeRecord {
            space: caller.space,
            event_type: put.event_type.clone(),
            description: put.description,
            schema: put.schema,
            created_at: now,
            updated_at: now,
        };
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let stored = engine.store.put_event_type(record).await?;
            engine.catalogue.put(stored.space, stored.event_type.clone(), validator);
            Ok(stored)
        })
        .await
    }

    /// The event catalogue, by name.
    pub async fn event_types(
        &self,
        caller: &Caller,
        page: PageRequest<EventType>,
    ) -> Result<Page<EventTypeRecord, EventType>> {
        caller.need(Capability::Read)?;
        Ok(self.store.event_types(caller.space, page).await?)
    }
}
