//! Endpoints: registering, changing, removing.

mod repeat;
mod secrets;
mod select;
mod test_events;

use std::sync::Arc;

use posthouse_store::{EndpointRecord, Remember, StoreError};
use posthouse_types::endpoint::check_timeout_ms;
use posthouse_types::limits::{DESCRIPTION_CHARS_MAX, ENDPOINTS_PER_SPACE_MAX};
use posthouse_types::{
    Capability, Endpoint, EndpointId, Headers, Health, Page, PageRequest, ProjectId, SecretText, SessionId,
    Settings, Wire,
};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result, within};
use crate::publish::Repeatable;
use crate::signing::{Keys, Secret};
use crate::target::{Target, open_headers, open_secrets, seal_headers, seal_secrets};

use repeat::Remembered;

pub use secrets::{NewSecret, Rotate, Rotated};
pub use select::{EndpointQuery, PutEndpoint};

/// How often a change is tried again when someone else changed the endpoint at the same moment.
const STALE_RETRIES: usize = 5;

/// What a new endpoint is to be.
#[derive(Debug, Clone)]
pub struct CreateEndpoint {
    /// What its owner may change later.
    pub settings: Settings,
    /// Only events of this project.
    pub project: Option<ProjectId>,
    /// Only events of this session.
    pub session: Option<SessionId>,
    /// Its signing secret.
    pub secret: NewSecret,
    /// Its custom headers.
    pub headers: Headers,
}

/// What to change of an endpoint.
pub struct UpdateEndpoint<'a> {
    /// Changes the settings; may run more than once.
    pub settings: &'a (dyn Fn(&mut Settings) + Send + Sync),
    /// Replaces the custom headers.
    pub headers: Option<Headers>,
    /// Limits it to a session, or to none.
    pub session: Option<Option<SessionId>>,
    /// Takes the place of all secrets, at once.
    pub secret: Option<NewSecret>,
}

impl<'a> UpdateEndpoint<'a> {
    /// A change of settings only.
    pub fn settings(settings: &'a (dyn Fn(&mut Settings) + Send + Sync)) -> Self {
        Self { settings, headers: None, session: None, secret: None }
    }
}

/// An endpoint with what its owner may see of its secrets.
#[derive(Debug, Clone)]
pub struct EndpointDetail {
    /// The endpoint, its health as of now.
    pub endpoint: Endpoint,
    /// Its custom headers. For callers that may manage; names only for others.
    pub headers: Headers,
}

impl Engine {
    /// Registers an endpoint. The answer is the only time that a secret which was made is volunteered; `None` when
    /// it has none. Repeated with the same idempotency key, it answers the same and registers nothing.
    pub async fn create_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreateEndpoint,
        repeatable: Option<Repeatable>,
    ) -> Result<(EndpointDetail, Option<SecretText>)> {
        caller.need(Capability::Manage)?;
        let repeatable = repeatable.as_ref();
        let done =
            self.once(caller, repeatable, |repeatable| self.register(caller, create, repeatable)).await?;
        let record = self.visible_endpoint(caller, done.endpoint).await?;
        Ok((self.detail(record)?, done.secret()))
    }

    /// Checks and writes a new endpoint.
    async fn register(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreateEndpoint,
        repeatable: Option<&Repeatable>,
    ) -> Result<Remembered> {
        self.check_settings(&create.settings)?;
        let wire = create.settings.wire;
        let project = self.known_project(caller, create.project).await?;
        if let Some(session) = &create.session {
            self.check_session(caller, session, project, wire).await?;
            let query = EndpointQuery {
                wire: Some(wire),
                session: Some(Some(session.clone())),
                ..EndpointQuery::default()
            };
            let count = self.selected(caller, &query).len();
            within("endpoints of this session", count, wire.per_session_max().unwrap_or(usize::MAX))?;
        }
        within("endpoints", self.registry.count(caller.space), ENDPOINTS_PER_SPACE_MAX)?;
        let secret = create.secret.usable(wire)?;
        let now = self.clock.now();
        let id = EndpointId::from_u128(self.ids.next_at(now));
        let record = EndpointRecord {
            endpoint: Endpoint {
                id,
                space: caller.space,
                project,
                session: create.session,
                settings: create.settings,
                disabled_reason: None,
                health: Health::default(),
                created_at: now,
                updated_at: now,
            },
            secrets: seal_secrets(&self.vault, id, &secret.iter().map(Secret::new).collect::<Vec<_>>()),
            headers: seal_headers(&self.vault, id, &create.headers),
            version: 1,
        };
        let done = Remembered::new(id, secret.as_ref());
        let remember = self.remember(caller, repeatable, &done);
        let target = self.open(&record)?;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            engine.store.insert_endpoint(record, remember).await?;
            engine.registry.put(target);
            engine.changes.mark([id]);
            Ok(())
        })
        .await?;
        Ok(done)
    }

    /// One endpoint.
    pub async fn endpoint(&self, caller: &Caller, id: EndpointId) -> Result<EndpointDetail> {
        caller.need(Capability::Read)?;
        let record = self.visible_endpoint(caller, id).await?;
        self.detail(record)
    }

    /// Endpoints, newest first.
    pub async fn endpoints(
        &self,
        caller: &Caller,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<EndpointDetail, EndpointId>> {
        caller.need(Capability::Read)?;
        let page = match caller.project {
            None => self.store.endpoints(caller.space, page).await?,
            // A key of one project sees few endpoints of few: filtered here, from memory.
            Some(_) => self.endpoints_of_project(caller, page).await?,
        };
        let Page { items, next } = page;
        Ok(Page { items: items.into_iter().map(|record| self.detail(record)).collect::<Result<_>>()?, next })
    }

    async fn endpoints_of_project(
        &self,
        caller: &Caller,
        page: PageRequest<EndpointId>,
    ) -> Result<Page<EndpointRecord, EndpointId>> {
        let before = page.after.unwrap_or(EndpointId::MAX);
        let mut rows = Vec::new();
        for target in self.registry.of_space(caller.space).iter().rev() {
            let endpoint = &target.endpoint;
            if endpoint.id < before && caller.sees(endpoint.project) && rows.len() <= page.limit {
                rows.extend(self.store.endpoint(caller.space, endpoint.id).await?);
            }
        }
        Ok(Page::from_rows(rows, page.limit, |record| record.endpoint.id))
    }

    /// Changes an endpoint. Switching it on again clears its health and lets what waited go out.
    pub async fn update_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        id: EndpointId,
        update: UpdateEndpoint<'_>,
    ) -> Result<EndpointDetail> {
        caller.need(Capability::Manage)?;
        if let Some(Some(session)) = &update.session {
            let Endpoint { project, settings, .. } = self.visible_endpoint(caller, id).await?.endpoint;
            self.check_session(caller, session, project, settings.wire).await?;
        }
        let record = self
            .change_endpoint(caller, id, |record| {
                self.apply(&update, record)?;
                Ok(None)
            })
            .await?;
        self.detail(record)
    }

    fn apply(&self, update: &UpdateEndpoint<'_>, record: &mut EndpointRecord) -> Result<()> {
        let id = record.endpoint.id;
        let before = record.endpoint.settings.wire;
        (update.settings)(&mut record.endpoint.settings);
        self.check_settings(&record.endpoint.settings)?;
        let wire = record.endpoint.settings.wire;
        if let Some(headers) = &update.headers {
            record.headers = seal_headers(&self.vault, id, headers);
        }
        if let Some(session) = &update.session {
            record.endpoint.session.clone_from(session);
        }
        if let Some(secret) = &update.secret {
            let secret = secret.clone().usable(wire)?;
            let secrets: Vec<Secret> = secret.iter().map(Secret::new).collect();
            record.secrets = seal_secrets(&self.vault, id, &secrets);
        } else if wire != before {
            let secrets = open_secrets(&self.vault, id, &record.secrets).map_err(|_| sealed_away())?;
            let unsigned = secrets.is_empty() && !wire.may_be_unsigned();
            if unsigned || Keys::read(wire, &secrets).is_err() {
                let message =
                    format!("must stay {}: the endpoint's secret is none of this format's", before.as_str());
                return Err(Error::field("body.wire", message));
            }
        }
        Ok(())
    }

    /// Removes an endpoint. What waited for it is cancelled; its history stays.
    pub async fn delete_endpoint(self: &Arc<Self>, caller: &Caller, id: EndpointId) -> Result<()> {
        caller.need(Capability::Manage)?;
        self.visible_endpoint(caller, id).await?;
        let space = caller.space;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            if !engine.store.delete_endpoint(space, id).await? {
                return Err(Error::not_found("endpoint", id));
            }
            engine.registry.remove(id);
            engine.health.forget(id);
            engine.changes.mark([id]);
            Ok(())
        })
        .await
    }

    /// Reads, changes and writes an endpoint, with what is to be remembered of it; again from the start when someone
    /// else was quicker.
    async fn change_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        id: EndpointId,
        change: impl Fn(&mut EndpointRecord) -> Result<Option<Remember>> + Send + Sync,
    ) -> Result<EndpointRecord> {
        for _ in 0..STALE_RETRIES {
            let mut record = self.visible_endpoint(caller, id).await?;
            let was_enabled = record.endpoint.settings.enabled;
            let remember = change(&mut record)?;
            record.endpoint.updated_at = self.clock.now();
            let revived = !was_enabled && record.endpoint.settings.enabled;
            if revived {
                record.endpoint.disabled_reason = None;
                record.endpoint.health = Health::default();
            }
            if let Some(updated) = self.write_endpoint(record, revived, remember).await? {
                return Ok(updated);
            }
        }
        Err(StoreError::Stale.into())
    }

    /// Writes a changed endpoint to the store and to memory; `None` when someone else was quicker.
    async fn write_endpoint(
        self: &Arc<Self>,
        record: EndpointRecord,
        revived: bool,
        remember: Option<Remember>,
    ) -> Result<Option<EndpointRecord>> {
        let id = record.endpoint.id;
        // Before the store has it: what can not be sent to must not be kept.
        let target = self.open(&record)?;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let updated = match engine.store.update_endpoint(record, revived, remember).await {
                Err(StoreError::Stale) => return Ok(None),
                updated => updated?.ok_or_else(|| Error::not_found("endpoint", id))?,
            };
            engine.registry.put(target);
            if revived {
                engine.health.forget(id);
            }
            engine.changes.mark([id]);
            Ok(Some(updated))
        })
        .await
    }

    pub(crate) async fn visible_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<EndpointRecord> {
        let record = self.store.endpoint(caller.space, id).await?;
        record.filter(|r| caller.sees(r.endpoint.project)).ok_or_else(|| Error::not_found("endpoint", id))
    }

    fn detail(&self, record: EndpointRecord) -> Result<EndpointDetail> {
        let mut endpoint = record.endpoint;
        endpoint.health = self.health_of(endpoint.id, endpoint.health);
        let headers = open_headers(&self.vault, endpoint.id, &record.headers).map_err(|_| sealed_away())?;
        Ok(EndpointDetail { endpoint, headers })
    }

    /// Makes an endpoint ready for sending.
    pub(crate) fn open(&self, record: &EndpointRecord) -> Result<Target> {
        Target::new(record, &self.vault).map_err(|_| sealed_away())
    }

    fn check_settings(&self, settings: &Settings) -> Result<()> {
        let local = self.options.http_to_loopback && settings.url.is_loopback();
        let https_only = self.options.https_only || settings.wire.needs_https();
        if https_only && !settings.url.is_https() && !local {
            return Err(Error::field("body.url", "must begin with https://"));
        }
        if settings.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(Error::field(
                "body.description",
                format!("must be at most {DESCRIPTION_CHARS_MAX} characters"),
            ));
        }
        check_timeout_ms(settings.timeout_ms).map_err(|invalid| Error::field("body.timeout_ms", invalid))?;
        crate::sessions::check_metadata(&settings.metadata)
    }

    async fn check_session(
        &self,
        caller: &Caller,
        id: &SessionId,
        project: Option<ProjectId>,
        wire: Wire,
    ) -> Result<()> {
        let session = self.store.session(caller.space, id).await?;
        match session.filter(|session| caller.sees(session.project)) {
            Some(session) if project.is_some() && session.project.is_some() && session.project != project => {
                Err(Error::field(
                    "body.session_id",
                    "must be a session of the endpoint's project, or of none",
                ))
            }
            Some(_) => Ok(()),
            None if wire.takes_unknown_sessions() => Ok(()),
            None => Err(Error::field("body.session_id", format!("there is no session {id}"))),
        }
    }
}

fn sealed_away() -> Error {
    Error::new(ErrorKind::Internal, "the endpoint's secrets can not be opened with the server's master key")
}
