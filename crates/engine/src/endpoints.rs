//! Endpoints: registering, changing, secrets, test events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthouse_sign::standard::{StandardKey, StandardSecret};
use posthouse_store::{Accept, Acceptance, EndpointRecord, NewDelivery, NewEvent, StoreError};
use posthouse_types::endpoint::check_timeout_ms;
use posthouse_types::limits::{
    DESCRIPTION_CHARS_MAX, ENDPOINTS_PER_SPACE_MAX, SECRET_OVERLAP_DEFAULT, SECRET_OVERLAP_MAX, SECRETS_MAX,
};
use posthouse_types::{
    Capability, DeliveryId, Endpoint, EndpointId, Event, EventId, EventRef, EventType, Headers, Health, Page,
    PageRequest, ProjectId, SecretText, SessionId, Settings,
};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result, within};
use crate::target::{Secret, Target, open_headers, open_secrets, seal_headers, seal_secrets};

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
    /// Its signing secret; made when absent.
    pub secret: Option<SecretText>,
    /// Its custom headers.
    pub headers: Headers,
}

/// What to change of an endpoint.
pub struct UpdateEndpoint<'a> {
    /// Changes the settings; may run more than once.
    pub settings: &'a (dyn Fn(&mut Settings) + Send + Sync),
    /// Replaces the custom headers.
    pub headers: Option<Headers>,
}

/// An endpoint with what its owner may see of its secrets.
#[derive(Debug, Clone)]
pub struct EndpointDetail {
    /// The endpoint, its health as of now.
    pub endpoint: Endpoint,
    /// Its custom headers. For callers that may manage; names only for others.
    pub headers: Headers,
}

/// A new signing secret.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// It signs from now on.
    pub secret: SecretText,
    /// Until when the old ones sign beside it.
    pub overlap: Duration,
}

impl Engine {
    /// Registers an endpoint. The answer is the only time a generated secret is volunteered.
    pub async fn create_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreateEndpoint,
    ) -> Result<(EndpointDetail, SecretText)> {
        caller.need(Capability::Manage)?;
        self.check_settings(&create.settings)?;
        let project = self.known_project(caller, create.project).await?;
        if let Some(session) = &create.session {
            self.known_session(caller, session, project).await?;
        }
        within("endpoints", self.registry.count(caller.space), ENDPOINTS_PER_SPACE_MAX)?;
        let secret = usable_secret(create.secret)?;
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
            secrets: seal_secrets(&self.vault, id, &[Secret::new(&secret)]),
            headers: seal_headers(&self.vault, id, &create.headers),
            version: 1,
        };
        let endpoint = record.endpoint.clone();
        let target = self.open(&record)?;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            engine.store.insert_endpoint(record).await?;
            engine.registry.put(target);
            engine.changes.mark([id]);
            Ok(())
        })
        .await?;
        Ok((EndpointDetail { endpoint, headers: create.headers }, secret))
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
        let record = self
            .change_endpoint(caller, id, |record| {
                (update.settings)(&mut record.endpoint.settings);
                self.check_settings(&record.endpoint.settings)?;
                if let Some(headers) = &update.headers {
                    record.headers = seal_headers(&self.vault, id, headers);
                }
                Ok(())
            })
            .await?;
        self.detail(record)
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

    /// The secret that signs now.
    pub async fn endpoint_secret(&self, caller: &Caller, id: EndpointId) -> Result<SecretText> {
        caller.need(Capability::Manage)?;
        let record = self.visible_endpoint(caller, id).await?;
        let secrets = open_secrets(&self.vault, id, &record.secrets).map_err(|_| sealed_away())?;
        secrets.first().map(Secret::text).ok_or_else(sealed_away)
    }

    /// Puts a new secret (given or made) in front. The old ones sign beside it for `overlap` (24 h unless
    /// said), so that receivers can change over.
    pub async fn rotate_secret(
        self: &Arc<Self>,
        caller: &Caller,
        id: EndpointId,
        secret: Option<SecretText>,
        overlap: Option<Duration>,
    ) -> Result<Rotated> {
        caller.need(Capability::Manage)?;
        let overlap = overlap.unwrap_or(SECRET_OVERLAP_DEFAULT);
        if overlap > SECRET_OVERLAP_MAX {
            let max = SECRET_OVERLAP_MAX.as_secs();
            return Err(Error::field("body.overlap_seconds", format!("must be 0 to {max}")));
        }
        let secret = usable_secret(secret)?;
        let now = self.clock.now();
        self.change_endpoint(caller, id, |record| {
            let old = open_secrets(&self.vault, id, &record.secrets).map_err(|_| sealed_away())?;
            let mut secrets = vec![Secret::new(&secret)];
            secrets.extend(old.into_iter().map(|mut secret| {
                let end = now.plus(overlap);
                secret.expires_at = Some(secret.expires_at.map_or(end, |earlier| earlier.min(end)));
                secret
            }));
            secrets.retain(|secret| secret.expires_at.is_none_or(|end| end > now));
            secrets.truncate(SECRETS_MAX);
            record.secrets = seal_secrets(&self.vault, id, &secrets);
            Ok(())
        })
        .await?;
        Ok(Rotated { secret, overlap })
    }

    /// Sends a test event to one endpoint alone, whatever its filters.
    pub async fn test_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<(EventRef, DeliveryId)> {
        caller.need(Capability::Manage)?;
        let record = self.visible_endpoint(caller, id).await?;
        if !record.endpoint.settings.enabled {
            return Err(Error::new(
                ErrorKind::Conflict { location: None },
                format!("endpoint {id} is disabled: enable it first"),
            ));
        }
        let now = self.clock.now();
        let event = Event {
            id: EventId::from_u128(self.ids.next_at(now)),
            external_id: None,
            space: caller.space,
            project: record.endpoint.project,
            session: record.endpoint.session,
            event_type: EventType::parse("endpoint.test").expect("a constant event type"),
            payload: Bytes::from(format!(
                r#"{{"type":"endpoint.test","endpoint_id":"{id}","timestamp":"{now}"}}"#
            )),
            ordering_key: None,
            occurred_at: None,
            created_at: now,
        };
        let reference = event.public_id();
        let delivery = DeliveryId::from_u128(self.ids.next_at(now));
        let deliveries = vec![NewDelivery { id: delivery, endpoint: id, order_key: None }];
        let events = vec![NewEvent { event: event.into(), deliveries }];
        match self.store.accept(Accept { space: caller.space, events, idempotency: None }).await? {
            Acceptance::New => Ok((reference, delivery)),
            other => Err(Error::new(ErrorKind::Internal, format!("a fresh event was answered {other:?}"))),
        }
    }

    /// Reads, changes and writes an endpoint; again from the start when someone else was quicker.
    async fn change_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        id: EndpointId,
        change: impl Fn(&mut EndpointRecord) -> Result<()> + Send + Sync,
    ) -> Result<EndpointRecord> {
        for _ in 0..STALE_RETRIES {
            let mut record = self.visible_endpoint(caller, id).await?;
            let was_enabled = record.endpoint.settings.enabled;
            change(&mut record)?;
            record.endpoint.updated_at = self.clock.now();
            let revived = !was_enabled && record.endpoint.settings.enabled;
            if revived {
                record.endpoint.disabled_reason = None;
                record.endpoint.health = Health::default();
            }
            if let Some(updated) = self.write_endpoint(record, revived).await? {
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
    ) -> Result<Option<EndpointRecord>> {
        let id = record.endpoint.id;
        // Before the store has it: what can not be sent to must not be kept.
        let target = self.open(&record)?;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let updated = match engine.store.update_endpoint(record, revived).await {
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
        if self.options.https_only && !settings.url.is_https() && !local {
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

    async fn known_session(&self, caller: &Caller, id: &SessionId, project: Option<ProjectId>) -> Result<()> {
        let session = self.store.session(caller.space, id).await?;
        match session.filter(|session| caller.sees(session.project)) {
            Some(session) if project.is_some() && session.project.is_some() && session.project != project => {
                Err(Error::field(
                    "body.session_id",
                    "must be a session of the endpoint's project, or of none",
                ))
            }
            Some(_) => Ok(()),
            None => Err(Error::field("body.session_id", format!("there is no session {id}"))),
        }
    }
}

/// The secret given, checked, or a fresh one: 32 random bytes.
fn usable_secret(given: Option<SecretText>) -> Result<SecretText> {
    let key = match given {
        Some(given) => {
            StandardKey::parse(given.expose()).map_err(|error| Error::field("body.secret", error))?
        }
        None => StandardKey::Symmetric(StandardSecret::generate(rand::random())),
    };
    Ok(SecretText::new(key.to_text().as_str().to_owned()))
}

fn sealed_away() -> Error {
    Error::new(ErrorKind::Internal, "the endpoint's secrets can not be opened with the server's master key")
}
