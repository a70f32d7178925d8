//! Endpoints by what they are: what a dialect lists, and the one endpoint that it means.

use std::sync::Arc;

use posthouse_store::EndpointRecord;
use posthouse_types::{
    Capability, EndpointId, EndpointUrl, EventFilter, EventPattern, EventType, Headers, ProjectId,
    SecretText, SessionId, Settings, Wire,
};

use super::repeat::Remembered;
use super::{CreateEndpoint, EndpointDetail, NewSecret, UpdateEndpoint};
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::publish::Repeatable;
use crate::target::Target;

/// Which endpoints are meant. All that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct EndpointQuery {
    /// Of this wire format.
    pub wire: Option<Wire>,
    /// Limited to exactly this project, or to none.
    pub project: Option<Option<ProjectId>>,
    /// Limited to exactly this session, or to none.
    pub session: Option<Option<SessionId>>,
    /// For one event type, whatever the payload.
    pub one_type: bool,
    /// The same, and for this type.
    pub event_type: Option<EventType>,
}

impl EndpointQuery {
    /// Those of a wire format.
    pub fn of(wire: Wire) -> Self {
        Self { wire: Some(wire), ..Self::default() }
    }

    fn fits(&self, target: &Target) -> bool {
        let endpoint = &target.endpoint;
        self.wire.is_none_or(|wire| wire == endpoint.settings.wire)
            && self.project.is_none_or(|project| project == endpoint.project)
            && self.session.as_ref().is_none_or(|session| *session == endpoint.session)
            && (!self.one_type && self.event_type.is_none() || self.fits_type(&endpoint.settings))
    }

    fn fits_type(&self, settings: &Settings) -> bool {
        let [EventPattern::Exact(only)] = settings.events.patterns() else { return false };
        settings.filter.is_none() && self.event_type.as_ref().is_none_or(|wanted| wanted == only)
    }
}

/// The endpoint that a project has for one event type.
#[derive(Debug, Clone)]
pub struct PutEndpoint {
    /// The wire format.
    pub wire: Wire,
    /// The project; `None` for the whole space.
    pub project: Option<ProjectId>,
    /// The event type.
    pub event_type: EventType,
    /// Where to.
    pub url: EndpointUrl,
    /// Its custom headers.
    pub headers: Headers,
}

impl Engine {
    /// The endpoints that are meant, newest first. With a session, it must be there.
    pub async fn find_endpoints(
        &self,
        caller: &Caller,
        needs: Capability,
        query: &EndpointQuery,
    ) -> Result<Vec<EndpointDetail>> {
        caller.need(needs)?;
        if let Some(Some(session)) = &query.session {
            self.visible_session(caller, session).await?;
        }
        Ok(self.selected(caller, query).iter().map(|target| self.detail_of(target)).collect())
    }

    /// One of the endpoints that are meant.
    pub fn find_endpoint(
        &self,
        caller: &Caller,
        needs: Capability,
        query: &EndpointQuery,
        id: EndpointId,
    ) -> Result<EndpointDetail> {
        caller.need(needs)?;
        let target = self.registry.get(id).filter(|target| {
            target.endpoint.space == caller.space
                && caller.sees(target.endpoint.project)
                && query.fits(target)
        });
        target.map(|target| self.detail_of(&target)).ok_or_else(|| Error::not_found("endpoint", id))
    }

    /// The endpoint for this event type; the oldest where there are several.
    pub fn endpoint_for(
        &self,
        caller: &Caller,
        needs: Capability,
        query: &EndpointQuery,
    ) -> Result<EndpointDetail> {
        caller.need(needs)?;
        let target = self.selected(caller, query).pop();
        target.map(|target| self.detail_of(&target)).ok_or_else(|| {
            let event_type = query.event_type.as_ref().map_or("any type", EventType::as_str);
            Error::not_found("endpoint for events of type", event_type)
        })
    }

    /// Registers the endpoint of a project for one event type, or puts URL and headers in place of those it has and
    /// switches it on. The secret is told when it is new.
    pub async fn put_endpoint(
        self: &Arc<Self>,
        caller: &Caller,
        put: PutEndpoint,
        repeatable: Option<Repeatable>,
    ) -> Result<Option<SecretText>> {
        caller.need(Capability::Manage)?;
        let caller = caller.clone();
        self.see_through(async move |engine| {
            // Two at once would both find none, and register two.
            let _one_at_a_time = engine.puts.lock().await;
            engine.put_alone(&caller, put, repeatable).await
        })
        .await
    }

    async fn put_alone(
        self: &Arc<Self>,
        caller: &Caller,
        put: PutEndpoint,
        repeatable: Option<Repeatable>,
    ) -> Result<Option<SecretText>> {
        let query = EndpointQuery {
            wire: Some(put.wire),
            project: Some(put.project),
            session: Some(None),
            event_type: Some(put.event_type.clone()),
            ..EndpointQuery::default()
        };
        if let Some(target) = self.selected(caller, &query).pop() {
            let id = target.endpoint.id;
            let settings = |settings: &mut Settings| {
                settings.url = put.url.clone();
                settings.enabled = true;
            };
            let update =
                UpdateEndpoint { headers: Some(put.headers.clone()), ..UpdateEndpoint::settings(&settings) };
            // What registered it, repeated, is told the secret again.
            let fresh = Remembered::new(id, None);
            let replace = |record: &mut EndpointRecord| self.apply(&update, record);
            return Ok(self.change_once(caller, fresh, repeatable.as_ref(), replace).await?.secret());
        }
        let mut settings = Settings::new(put.url, put.wire);
        settings.events = EventFilter::only(put.event_type);
        let create = CreateEndpoint {
            settings,
            project: put.project,
            session: None,
            secret: NewSecret::Make,
            headers: put.headers,
        };
        Ok(self.create_endpoint(caller, create, repeatable).await?.1)
    }

    /// The endpoints that are meant, newest first.
    pub(super) fn selected(&self, caller: &Caller, query: &EndpointQuery) -> Vec<Arc<Target>> {
        let mut targets = self.registry.of_space(caller.space);
        targets.retain(|target| caller.sees(target.endpoint.project) && query.fits(target));
        targets.reverse();
        targets
    }

    /// An endpoint from memory.
    fn detail_of(&self, target: &Target) -> EndpointDetail {
        let mut endpoint = target.endpoint.clone();
        endpoint.health = self.health_of(endpoint.id, endpoint.health);
        EndpointDetail { endpoint, headers: target.own_headers.clone() }
    }
}
