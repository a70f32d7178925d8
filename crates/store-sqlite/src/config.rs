//! What changes seldom: each call a statement or two.

use async_trait::async_trait;
use posthouse_store::{
    Config, Counts, EndpointRecord, EventTypeRecord, KeyRecord, ProjectRecord, Remember, Result, Sealed,
    SessionRecord, Tenant,
};
use posthouse_types::{
    EndpointId, EventType, IdempotencyKey, KeyId, Page, PageRequest, ProjectId, SessionId, Space, TenantId,
    Timestamp,
};

use crate::{SqliteStore, catalogue, endpoints, remembered, tenants};

#[async_trait]
impl Config for SqliteStore {
    async fn ensure_tenant(&self, tenant: Tenant) -> Result<Tenant> {
        self.writer.write(move |work| tenants::ensure(work, &tenant)).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>> {
        self.readers.lists.read(tenants::all).await
    }

    async fn insert_key(&self, key: KeyRecord) -> Result<()> {
        self.writer.write(move |work| tenants::insert_key(work, &key)).await
    }

    async fn key_by_digest(&self, digest: &[u8; 32]) -> Result<Option<KeyRecord>> {
        let digest = *digest;
        self.readers.points.read(move |reading| tenants::key_by_digest(reading, &digest)).await
    }

    async fn keys(&self, tenant: TenantId, page: PageRequest<KeyId>) -> Result<Page<KeyRecord, KeyId>> {
        self.readers.lists.read(move |reading| tenants::keys(reading, tenant, &page)).await
    }

    async fn delete_key(&self, tenant: TenantId, id: KeyId) -> Result<Option<KeyRecord>> {
        self.writer.write(move |work| tenants::delete_key(work, tenant, id)).await
    }

    async fn counts(&self, space: Space) -> Result<Counts> {
        self.readers.points.read(move |reading| catalogue::counts(reading, space)).await
    }

    async fn insert_project(&self, project: ProjectRecord) -> Result<()> {
        self.writer.write(move |work| catalogue::insert_project(work, &project)).await
    }

    async fn project(&self, space: Space, id: ProjectId) -> Result<Option<ProjectRecord>> {
        self.readers.points.read(move |reading| catalogue::project(reading, space, id)).await
    }

    async fn projects(
        &self,
        space: Space,
        page: PageRequest<(Timestamp, ProjectId)>,
    ) -> Result<Page<ProjectRecord, (Timestamp, ProjectId)>> {
        self.readers.lists.read(move |reading| catalogue::projects(reading, space, &page)).await
    }

    async fn insert_session(&self, session: SessionRecord) -> Result<()> {
        self.writer.write(move |work| catalogue::insert_session(work, &session)).await
    }

    async fn session(&self, space: Space, id: &SessionId) -> Result<Option<SessionRecord>> {
        let id = id.clone();
        self.readers.points.read(move |reading| catalogue::session(reading, space, &id)).await
    }

    async fn sessions(
        &self,
        space: Space,
        project: Option<ProjectId>,
        page: PageRequest<(Timestamp, SessionId)>,
    ) -> Result<Page<SessionRecord, (Timestamp, SessionId)>> {
        self.readers.lists.read(move |reading| catalogue::sessions(reading, space, project, &page)).await
    }

    async fn update_session(&self, session: SessionRecord) -> Result<bool> {
        self.writer.write(move |work| catalogue::update_session(work, &session)).await
    }

    async fn delete_session(&self, space: Space, id: &SessionId) -> Result<bool> {
        let id = id.clone();
        self.writer.write(move |work| catalogue::delete_session(work, space, &id)).await
    }

    async fn insert_endpoint(&self, endpoint: EndpointRecord, remember: Option<Remember>) -> Result<()> {
        self.writer.write(move |work| endpoints::insert(work, &endpoint, remember.as_ref())).await
    }

    async fn endpoint(&self, space: Space, id: EndpointId) -> Result<Option<EndpointRecord>> {
        self.readers.points.read(move |reading| endpoints::read(reading, space, id)).await
    }

    async fn endpoints(
        &self,
        space: Space,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<EndpointRecord, EndpointId>> {
        self.readers.lists.read(move |reading| endpoints::list(reading, space, &page)).await
    }

    async fn all_endpoints(&self) -> Result<Vec<EndpointRecord>> {
        self.readers.lists.read(endpoints::all).await
    }

    async fn update_endpoint(
        &self,
        endpoint: EndpointRecord,
        reset_health: bool,
        remember: Option<Remember>,
    ) -> Result<Option<EndpointRecord>> {
        self.writer
            .write(move |work| endpoints::update(work, &endpoint, reset_health, remember.as_ref()))
            .await
    }

    async fn remembered(
        &self,
        space: Space,
        project: Option<ProjectId>,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<([u8; 32], Sealed)>> {
        let key = key.clone();
        self.readers.points.read(move |reading| remembered::read(reading, space, project, &key, now)).await
    }

    async fn use_once(&self, space: Space, token: [u8; 32], expires_at: Timestamp) -> Result<bool> {
        self.writer.write(move |work| remembered::use_once(work, space, &token, expires_at)).await
    }

    async fn delete_endpoint(&self, space: Space, id: EndpointId) -> Result<bool> {
        self.writer.write(move |work| endpoints::delete(work, space, id)).await
    }

    async fn put_event_type(&self, event_type: EventTypeRecord) -> Result<EventTypeRecord> {
        self.writer.write(move |work| catalogue::put_event_type(work, &event_type)).await
    }

    async fn all_event_types(&self) -> Result<Vec<EventTypeRecord>> {
        self.readers.lists.read(catalogue::all_event_types).await
    }

    async fn event_types(
        &self,
        space: Space,
        page: PageRequest<EventType>,
    ) -> Result<Page<EventTypeRecord, EventType>> {
        self.readers.lists.read(move |reading| catalogue::event_types(reading, space, &page)).await
    }
}
