//! Sources: where we receive from. Making, changing, removing.

mod door;
mod secrets;
mod settings;

use std::sync::Arc;

use posthouse_providers as providers;
use posthouse_store::{SourceRecord, StoreError};
use posthouse_types::limits::SOURCES_PER_SPACE_MAX;
use posthouse_types::{
    AuthMode, Capability, Page, PageRequest, ProjectId, PublicId, SecretText, Source, SourceId, SourceRef,
    SourceSettings,
};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result, within};
use crate::pages::seen;

pub use door::Door;
pub(crate) use door::{Configured, ConfiguredAgent, Doors};
pub(crate) use secrets::Credentials;
pub use secrets::{RotateSource, RotatedSource};
pub(crate) use settings::check_tools;

/// How often a change is tried again when someone else changed the source at the same moment.
const STALE_RETRIES: usize = 5;

/// What a new source is to be.
#[derive(Debug, Clone)]
pub struct CreateSource {
    /// What its owner may change later.
    pub settings: SourceSettings,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// What proves the sender; made when absent, unless nothing has to be proved.
    pub secret: Option<SecretText>,
    /// The credential for the provider's REST API.
    pub provider_token: Option<SecretText>,
}

/// What to change of a source.
pub struct UpdateSource<'a> {
    /// Changes the settings; may run more than once.
    pub settings: &'a (dyn Fn(&mut SourceSettings) + Send + Sync),
    /// Takes the place of all secrets, at once.
    pub secret: Option<SecretText>,
    /// Replaces or removes the credential for the provider's REST API.
    pub provider_token: Option<Option<SecretText>>,
}

/// A source with what its owner may know of its secrets.
#[derive(Debug, Clone)]
pub struct SourceDetail {
    /// The source.
    pub source: Source,
    /// It has a secret.
    pub has_secret: bool,
    /// It has a credential for the provider's REST API.
    pub has_provider_token: bool,
}

impl Engine {
    /// Makes a source. The secret is answered when it was made here: the only time that it is volunteered.
    pub async fn create_source(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreateSource,
    ) -> Result<(SourceDetail, Option<SecretText>)> {
        caller.need(Capability::Manage)?;
        let project = self.known_project(caller, create.project).await?;
        let mut settings = create.settings;
        self.check_source(caller, project, &mut settings)?;
        within("sources", self.store.counts(caller.space).await?.sources, SOURCES_PER_SPACE_MAX)?;
        let (credentials, made) =
            Credentials::first(settings.auth, create.secret.as_ref(), create.provider_token.as_ref())?;
        let now = self.clock.now();
        let id = SourceId::from_u128(self.ids.next_at(now));
        let record = SourceRecord {
            source: Source {
                id,
                number: 0,
                public_id: PublicId::from_bytes(rand::random()),
                space: caller.space,
                project,
                settings,
                deliveries: 0,
                last_delivery_at: None,
                created_at: now,
                updated_at: now,
            },
            secrets: credentials.seal(&self.vault, id),
            version: 1,
        };
        let record = self
            .see_through(async move |engine| {
                let _turn = engine.turn.lock().await;
                let mut record = record;
                record.source.number = engine.store.insert_source(record.clone()).await?;
                engine.open_door(&record)?;
                Ok(record)
            })
            .await?;
        Ok((self.source_detail(record), made))
    }

    /// One source.
    pub async fn source(&self, caller: &Caller, source: SourceRef) -> Result<SourceDetail> {
        caller.need(Capability::Read)?;
        let record = self.visible_source(caller, source).await?;
        Ok(self.source_detail(record))
    }

    /// The source that is meant, for a caller who is about to do something to it.
    pub async fn source_for(&self, caller: &Caller, needs: Capability, source: SourceRef) -> Result<Source> {
        caller.need(needs)?;
        Ok(self.visible_source(caller, source).await?.source)
    }

    /// Sources, newest first; a key of one project sees those of its project.
    pub async fn sources(
        &self,
        caller: &Caller,
        page: PageRequest<SourceId>,
    ) -> Result<Page<SourceDetail, SourceId>> {
        caller.need(Capability::Read)?;
        let about = |record: &SourceRecord| (record.source.project, record.source.id);
        let read = |asked| self.store.sources(caller.space, asked);
        let Page { items, next } = seen(caller, page, about, read).await?;
        let items = items.into_iter().map(|record| self.source_detail(record)).collect();
        Ok(Page { items, next })
    }

    /// Changes a source. What arrived before goes on as it was configured then.
    pub async fn update_source(
        self: &Arc<Self>,
        caller: &Caller,
        source: SourceRef,
        update: UpdateSource<'_>,
    ) -> Result<SourceDetail> {
        caller.need(Capability::Manage)?;
        for _ in 0..STALE_RETRIES {
            let mut record = self.visible_source(caller, source).await?;
            let before = record.source.settings.clone();
            (update.settings)(&mut record.source.settings);
            let mode = record.source.settings.auth;
            if record.source.settings.profile != before.profile {
                return Err(Error::field("body.profile", "can not be changed"));
            }
            self.check_source(caller, record.source.project, &mut record.source.settings)?;
            let mut credentials = match self.credentials(&record) {
                // What can not be opened is not missed by who replaces all of it.
                Err(_) if update.secret.is_some() || mode == AuthMode::None => {
                    if update.provider_token.is_none() {
                        let message =
                            "is required: the one before, if any, can not be opened (null for none)";
                        return Err(Error::field("body.provider_token", message));
                    }
                    Credentials::default()
                }
                credentials => credentials?,
            };
            credentials.change(before.auth, mode, update.secret.as_ref())?;
            match &update.provider_token {
                Some(token) => credentials.set_provider_token(token.as_ref())?,
                None => credentials.stay_with(&before, &record.source.settings)?,
            }
            record.secrets = credentials.seal(&self.vault, record.source.id);
            if let Some(updated) = self.write_source(record).await? {
                return Ok(self.source_detail(updated));
            }
        }
        Err(StoreError::Stale.into())
    }

    /// Removes a source with all its deliveries. Its sessions stay.
    pub async fn delete_source(self: &Arc<Self>, caller: &Caller, source: SourceRef) -> Result<()> {
        caller.need(Capability::Manage)?;
        let Source { id, space, .. } = self.visible_source(caller, source).await?.source;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            if !engine.store.delete_source(space, id).await? {
                return Err(Error::not_found("source", id));
            }
            engine.doors.remove(id);
            engine.leftovers.send_replace(());
            Ok(())
        })
        .await
    }

    /// Writes a changed source to the store and to memory; `None` when someone else was quicker.
    async fn write_source(self: &Arc<Self>, mut record: SourceRecord) -> Result<Option<SourceRecord>> {
        record.source.updated_at = self.clock.now();
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let id = record.source.id;
            let updated = match engine.store.update_source(record).await {
                Err(StoreError::Stale) => return Ok(None),
                updated => updated?.ok_or_else(|| Error::not_found("source", id))?,
            };
            engine.open_door(&updated)?;
            Ok(Some(updated))
        })
        .await
    }

    pub(crate) async fn visible_source(&self, caller: &Caller, source: SourceRef) -> Result<SourceRecord> {
        let record = self.store.source(caller.space, source).await?;
        record.filter(|r| caller.sees(r.source.project)).ok_or_else(|| Error::not_found("source", source))
    }

    pub(crate) fn credentials(&self, record: &SourceRecord) -> Result<Credentials> {
        Credentials::open(&self.vault, record.source.id, &record.secrets).map_err(|_| sealed_away())
    }

    /// Secrets that can not be opened are none: the source is shown all the same, and its owner can replace them.
    fn source_detail(&self, record: SourceRecord) -> SourceDetail {
        let credentials = self.credentials(&record).unwrap_or_default();
        SourceDetail {
            has_secret: credentials.has_secret(),
            has_provider_token: credentials.provider_token().is_some(),
            source: record.source,
        }
    }

    /// Makes a source ready to receive, in memory.
    fn open_door(&self, record: &SourceRecord) -> Result<()> {
        let door = self.door_of(record)?;
        self.doors.put(door);
        Ok(())
    }

    pub(crate) fn door_of(&self, record: &SourceRecord) -> Result<Door> {
        let credentials = self.credentials(record);
        if let Err(error) = &credentials {
            let id = record.source.id;
            tracing::error!(source.id = %id, %error, "{id} can not take anything");
        }
        let agent = record.source.settings.agent.and_then(|id| self.agents.get(record.source.space, id));
        Door::new(record, credentials.ok().as_ref(), agent)
            .map_err(|invalid| Error::new(ErrorKind::Internal, invalid.0))
    }

    /// The profiles that there are.
    pub fn profiles(&self) -> &'static [&'static providers::Profile] {
        providers::all()
    }
}

pub(crate) fn sealed_away() -> Error {
    Error::new(ErrorKind::Internal, "the source's secrets can not be opened with the server's master key")
}
