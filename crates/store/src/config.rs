//! What changes seldom: tenants, projects, sessions, keys, endpoints, event types.

use async_trait::async_trait;
use posthouse_types::{
    AgentId, Capabilities, Endpoint, EndpointId, EventType, IdempotencyKey, KeyId, Name, Page, PageRequest,
    ProjectId, SessionId, SourceId, Space, TenantId, Timestamp,
};
use serde_json::{Map, Value};

use crate::{Result, Sealed};

/// Configuration. Lists are newest first unless said otherwise.
#[async_trait]
pub trait Config: Send + Sync {
    /// The tenant of this name; made with the given id when there is none.
    async fn ensure_tenant(&self, tenant: Tenant) -> Result<Tenant>;

    /// All tenants, oldest first.
    async fn tenants(&self) -> Result<Vec<Tenant>>;

    /// Stores a new key.
    async fn insert_key(&self, key: KeyRecord) -> Result<()>;

    /// The key with this digest, also when another process stored it a moment ago.
    async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<KeyRecord>>;

    /// The keys of a tenant in both environments, newest first.
    async fn keys(&self, tenant: TenantId, page: PageRequest<KeyId>) -> Result<Page<KeyRecord, KeyId>>;

    /// Removes a key; the answer is what it was.
    async fn delete_key(&self, tenant: TenantId, id: KeyId) -> Result<Option<KeyRecord>>;

    /// How many things the space holds. Cheap enough to ask before each is added.
    async fn counts(&self, space: Space) -> Result<Counts>;

    /// Stores a new project. [`crate::Constraint::ProjectId`] when its id is taken within the space.
    async fn insert_project(&self, project: ProjectRecord) -> Result<()>;

    /// One project.
    async fn project(&self, space: Space, id: ProjectId) -> Result<Option<ProjectRecord>>;

    /// Projects, newest first.
    async fn projects(
        &self,
        space: Space,
        page: PageRequest<(Timestamp, ProjectId)>,
    ) -> Result<Page<ProjectRecord, (Timestamp, ProjectId)>>;

    /// Stores a new session. [`crate::Constraint::SessionId`] when its id is taken.
    async fn insert_session(&self, session: SessionRecord) -> Result<()>;

    /// One session.
    async fn session(&self, space: Space, id: &SessionId) -> Result<Option<SessionRecord>>;

    /// Sessions, newest first; of one project when given.
    async fn sessions(
        &self,
        space: Space,
        project: Option<ProjectId>,
        page: PageRequest<(Timestamp, SessionId)>,
    ) -> Result<Page<SessionRecord, (Timestamp, SessionId)>>;

    /// Replaces label, metadata, agent and `updated_at` of a session; false when there is none.
    async fn update_session(&self, session: SessionRecord) -> Result<bool>;

    /// Removes a session with its messages, their votes, and its turns, in one commit; false when there is none.
    /// Deliveries to sources whose turns go are `failed`, approved actions whose turns go an `error`. Events, endpoints and deliveries that name it stay.
    async fn delete_session(&self, space: Space, id: &SessionId) -> Result<bool>;

    /// Stores a new endpoint and, in the same commit, the answer to remember.
    /// [`crate::Constraint::IdempotencyKey`] when one is remembered under that key already, and its time is not
    /// past at the endpoint's `updated_at`: nothing is written then. One past its time is replaced.
    async fn insert_endpoint(&self, endpoint: EndpointRecord, remember: Option<Remember>) -> Result<()>;

    /// One endpoint.
    async fn endpoint(&self, space: Space, id: EndpointId) -> Result<Option<EndpointRecord>>;

    /// Endpoints, newest first.
    async fn endpoints(
        &self,
        space: Space,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<EndpointRecord, EndpointId>>;

    /// Every endpoint of every space: what a node loads to match and deliver. One that can not be read is left
    /// out, and logged.
    async fn all_endpoints(&self) -> Result<Vec<EndpointRecord>>;

    /// Replaces session, settings, `disabled_reason`, `updated_at`, headers and secrets of an endpoint (health stays
    /// as stored, unless `reset_health`). [`crate::StoreError::Stale`] unless its version is still
    /// `endpoint.version`, which goes up by one. The answer is the new record; `None` when there is none.
    /// Deliveries that waited because it was off become due. The answer to remember is written in the same
    /// commit, or the change refused, as by [`Config::insert_endpoint`]; its key is looked at first. Where there
    /// is no such endpoint, nothing is remembered.
    async fn update_endpoint(
        &self,
        endpoint: EndpointRecord,
        reset_health: bool,
        remember: Option<Remember>,
    ) -> Result<Option<EndpointRecord>>;

    /// What is remembered under an idempotency key of an endpoint's change: the fingerprint of the request, and
    /// the answer to it, unless its time is past. These keys and those of
    /// [`crate::Journal::accept`] know nothing of each other.
    async fn remembered(
        &self,
        space: Space,
        project: Option<ProjectId>,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<([u8; 32], Sealed)>>;

    /// Uses up a token: true the first time it is used in this space, false after, also when several use it at
    /// once. Durable when answered. Past `expires_at` of its first use it may be forgotten, by the next
    /// [`crate::Maintenance::prune`]; so it must be void by itself then.
    async fn use_once(&self, space: Space, token: [u8; 32], expires_at: Timestamp) -> Result<bool>;

    /// Removes an endpoint; false when there is none. Its deliveries stay readable; those still pending are
    /// cancelled in slices by [`crate::Maintenance::cancel_orphans`].
    async fn delete_endpoint(&self, space: Space, id: EndpointId) -> Result<bool>;

    /// Stores an event type, replacing one of that name but for its `created_at`.
    /// The answer is as stored.
    async fn put_event_type(&self, event_type: EventTypeRecord) -> Result<EventTypeRecord>;

    /// Every event type of every space, for matching; by name, in the order of its bytes. One that can not be
    /// read is left out, and logged.
    async fn all_event_types(&self) -> Result<Vec<EventTypeRecord>>;

    /// Event types of a space, by name, in the order of its bytes.
    async fn event_types(
        &self,
        space: Space,
        page: PageRequest<EventType>,
    ) -> Result<Page<EventTypeRecord, EventType>>;
}

/// How many things a space holds, for limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Endpoints, deleted ones not counted.
    pub endpoints: usize,
    /// Sources, deleted ones not counted.
    pub sources: usize,
    /// Agents.
    pub agents: usize,
    /// Projects.
    pub projects: usize,
    /// Event types.
    pub event_types: usize,
    /// Keys.
    pub keys: usize,
}

/// An owner of everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, unique.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An API key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// What it opens.
    pub space: Space,
    /// It sees this project only.
    pub project: Option<ProjectId>,
    /// For people.
    pub name: Name,
    /// What it may do.
    pub capabilities: Capabilities,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// Prefix and last four characters, so that people recognise it.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// Its id.
    pub id: ProjectId,
    /// Whose it is.
    pub space: Space,
    /// For people.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its id, the platform's own or ours.
    pub id: SessionId,
    /// Whose it is.
    pub space: Space,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// For people.
    pub label: String,
    /// The owner's own data.
    pub metadata: Map<String, Value>,
    /// Who answers what people say there.
    pub agent: Option<AgentId>,
    /// The source whose deliveries made it.
    pub source: Option<SourceId>,
    /// When it was registered, or first named by an event.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An endpoint with what is encrypted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointRecord {
    /// All that is not secret.
    pub endpoint: Endpoint,
    /// Its signing secrets.
    pub secrets: Sealed,
    /// Its custom headers, which may hold credentials.
    pub headers: Sealed,
    /// Counts changes by [`Config::update_endpoint`]; a change of health alone is none.
    pub version: i64,
}

/// The answer to a request, kept for when it is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remember {
    /// The caller's key, unique within the space of what is changed and the project that the caller's API key is
    /// limited to.
    pub key: IdempotencyKey,
    /// That project.
    pub project: Option<ProjectId>,
    /// A digest of the request.
    pub fingerprint: [u8; 32],
    /// The answer, which may hold secrets.
    pub answer: Sealed,
    /// When it may be forgotten: by the next [`crate::Maintenance::prune`].
    pub expires_at: Timestamp,
}

/// An entry of the event catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTypeRecord {
    /// Whose it is.
    pub space: Space,
    /// The type.
    pub event_type: EventType,
    /// For people.
    pub description: String,
    /// JSON Schema that payloads must satisfy.
    pub schema: Option<Value>,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When it was last put.
    pub updated_at: Timestamp,
}
