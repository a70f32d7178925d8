//! Sessions: conversations that platforms register, and that events and endpoints may belong to.

use posthouse_store::{ProjectRecord, SessionRecord};
use posthouse_types::limits::{DESCRIPTION_CHARS_MAX, METADATA_BYTES_MAX};
use posthouse_types::{AgentId, Capability, Page, PageRequest, ProjectId, SessionId, Timestamp};
use serde_json::{Map, Value};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// What a new session is to be.
#[derive(Debug, Clone, Default)]
pub struct CreateSession {
    /// The platform's own id; made when absent.
    pub id: Option<SessionId>,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// For people.
    pub label: String,
    /// The owner's own data.
    pub metadata: Map<String, Value>,
    /// Who answers what people say there.
    pub agent: Option<AgentId>,
}

/// What to change of a session; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct UpdateSession {
    /// For people.
    pub label: Option<String>,
    /// Replaces all of the owner's own data.
    pub metadata: Option<Map<String, Value>>,
    /// Who answers what people say there, or no one.
    pub agent: Option<Option<AgentId>>,
}

impl Engine {
    /// Registers a session.
    pub async fn create_session(&self, caller: &Caller, create: CreateSession) -> Result<SessionRecord> {
        caller.need(Capability::Manage)?;
        check_label(&create.label)?;
        check_metadata(&create.metadata)?;
        let project = self.known_project(caller, create.project).await?;
        self.check_session_agent(caller, project, create.agent)?;
        let now = self.clock.now();
        let id = match create.id {
            Some(id) => id,
            None => SessionId::parse(&format!("ses_{}", ulid_text(self.ids.next_at(now))))
                .expect("a prefix and a ULID are visible ASCII"),
        };
        let session = SessionRecord {
            id,
            space: caller.space,
            project,
            label: create.label,
            metadata: create.metadata,
            agent: create.agent,
            source: None,
            created_at: now,
            updated_at: now,
        };
        self.store.insert_session(session.clone()).await?;
        Ok(session)
    }

    /// One session.
    pub async fn session(&self, caller: &Caller, id: &SessionId) -> Result<SessionRecord> {
        caller.need(Capability::Read)?;
        self.visible_session(caller, id).await
    }

    /// The session that is meant, for a caller who is about to do something in it.
    pub async fn session_for(
        &self,
        caller: &Caller,
        needs: Capability,
        id: &SessionId,
    ) -> Result<SessionRecord> {
        caller.need(needs)?;
        self.visible_session(caller, id).await
    }

    /// The project that is meant, for a caller who is about to do something in it.
    pub async fn project_for(
        &self,
        caller: &Caller,
        needs: Capability,
        id: ProjectId,
    ) -> Result<ProjectRecord> {
        caller.need(needs)?;
        let project = self.store.project(caller.space, id).await?;
        project.filter(|_| caller.sees(Some(id))).ok_or_else(|| Error::not_found("project", id))
    }

    /// Sessions, newest first.
    pub async fn sessions(
        &self,
        caller: &Caller,
        project: Option<ProjectId>,
        page: PageRequest<(Timestamp, SessionId)>,
    ) -> Result<Page<SessionRecord, (Timestamp, SessionId)>> {
        caller.need(Capability::Read)?;
        let project = caller.project_for(project, "query.project_id")?;
        Ok(self.store.sessions(caller.space, project, page).await?)
    }

    /// Changes a session.
    pub async fn update_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        update: UpdateSession,
    ) -> Result<SessionRecord> {
        caller.need(Capability::Manage)?;
        let mut session = self.visible_session(caller, id).await?;
        if let Some(label) = update.label {
            check_label(&label)?;
            session.label = label;
        }
        if let Some(metadata) = update.metadata {
            check_metadata(&metadata)?;
            session.metadata = metadata;
        }
        if let Some(agent) = update.agent {
            self.check_session_agent(caller, session.project, agent)?;
            session.agent = agent;
        }
        session.updated_at = self.clock.now();
        if self.store.update_session(session.clone()).await? {
            Ok(session)
        } else {
            Err(Error::not_found("session", id))
        }
    }

    /// Removes a session. Its events and endpoints stay.
    pub async fn delete_session(&self, caller: &Caller, id: &SessionId) -> Result<()> {
        caller.need(Capability::Manage)?;
        self.visible_session(caller, id).await?;
        if self.store.delete_session(caller.space, id).await? {
            Ok(())
        } else {
            Err(Error::not_found("session", id))
        }
    }

    fn check_session_agent(
        &self,
        caller: &Caller,
        project: Option<ProjectId>,
        agent: Option<AgentId>,
    ) -> Result<()> {
        let Some(id) = agent else { return Ok(()) };
        let agent = self.agents.get(caller.space, id);
        if agent.is_some_and(|agent| agent.project.is_none() || agent.project == project) {
            return Ok(());
        }
        Err(Error::field("body.agent_id", format!("there is no agent {id}")))
    }

    pub(crate) async fn visible_session(&self, caller: &Caller, id: &SessionId) -> Result<SessionRecord> {
        let session = self.store.session(caller.space, id).await?;
        session.filter(|session| caller.sees(session.project)).ok_or_else(|| Error::not_found("session", id))
    }

    /// The project that something new belongs to; refused when there is no such project.
    pub(crate) async fn known_project(
        &self,
        caller: &Caller,
        asked: Option<ProjectId>,
    ) -> Result<Option<ProjectId>> {
        let project = caller.project_for(asked, "body.project_id")?;
        if let Some(id) = project
            && self.store.project(caller.space, id).await?.is_none()
        {
            return Err(Error::field("body.project_id", format!("there is no project {id}")));
        }
        Ok(project)
    }
}

fn ulid_text(bits: u128) -> String {
    let id = posthouse_types::EventId::from_u128(bits).to_string();
    id[posthouse_types::EventId::PREFIX.len()..].to_owned()
}

fn check_label(label: &str) -> Result<()> {
    if label.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Error::field(
            "body.label",
            format!("must be at most {DESCRIPTION_CHARS_MAX} characters"),
        ));
    }
    Ok(())
}

/// Checks the size of an owner's own data.
pub(crate) fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    let bytes = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if bytes > METADATA_BYTES_MAX {
        return Err(Error::field(
            "body.metadata",
            format!("must be at most {METADATA_BYTES_MAX} bytes as JSON"),
        ));
    }
    Ok(())
}
