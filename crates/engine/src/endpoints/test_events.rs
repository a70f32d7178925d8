//! Test events: sent to endpoints by name, whatever their filters.

use bytes::Bytes;
use posthouse_store::{Accept, Acceptance, NewDelivery, NewEvent};
use posthouse_types::{
    Capability, DeliveryId, EndpointId, Event, EventId, EventRef, EventType, ProjectId, SessionId,
};

use super::EndpointQuery;
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};

/// A test event before it is sent.
struct Sample {
    event_type: EventType,
    payload: Bytes,
    project: Option<ProjectId>,
    session: Option<SessionId>,
}

impl Engine {
    /// Sends a test event to one endpoint alone.
    pub async fn test_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<(EventRef, DeliveryId)> {
        caller.need(Capability::Manage)?;
        let endpoint = self.visible_endpoint(caller, id).await?.endpoint;
        if !endpoint.settings.enabled {
            return Err(Error::new(
                ErrorKind::Conflict { location: None },
                format!("endpoint {id} is disabled: enable it first"),
            ));
        }
        let now = self.clock.now();
        let payload = format!(r#"{{"type":"endpoint.test","endpoint_id":"{id}","timestamp":"{now}"}}"#);
        let sample = Sample {
            event_type: EventType::parse("endpoint.test").expect("a constant event type"),
            payload: Bytes::from(payload),
            project: endpoint.project,
            session: endpoint.session,
        };
        let (event, deliveries) = self.send_sample(caller, sample, &[id]).await?;
        let delivery = deliveries.first().map(|delivery| delivery.id);
        Ok((event.public_id(), delivery.unwrap_or(DeliveryId::MIN)))
    }

    /// Sends one test event to every enabled endpoint that is meant; there may be none.
    pub async fn test_endpoints(
        &self,
        caller: &Caller,
        query: &EndpointQuery,
        event_type: EventType,
        payload: Bytes,
    ) -> Result<Event> {
        caller.need(Capability::Manage)?;
        let mut targets = self.selected(caller, query);
        targets.retain(|target| target.endpoint.settings.enabled);
        let ids: Vec<EndpointId> = targets.iter().map(|target| target.endpoint.id).collect();
        let sample = Sample { event_type, payload, project: caller.project, session: None };
        Ok(self.send_sample(caller, sample, &ids).await?.0)
    }

    async fn send_sample(
        &self,
        caller: &Caller,
        sample: Sample,
        endpoints: &[EndpointId],
    ) -> Result<(Event, Vec<NewDelivery>)> {
        let now = self.clock.now();
        let event = Event {
            id: EventId::from_u128(self.ids.next_at(now)),
            external_id: None,
            space: caller.space,
            project: sample.project,
            session: sample.session,
            event_type: sample.event_type,
            payload: sample.payload,
            ordering_key: None,
            occurred_at: None,
            created_at: now,
        };
        let delivery = |endpoint: &EndpointId| NewDelivery {
            id: DeliveryId::from_u128(self.ids.next_at(now)),
            endpoint: *endpoint,
            order_key: None,
        };
        let deliveries: Vec<NewDelivery> = endpoints.iter().map(delivery).collect();
        let new = NewEvent { event: event.clone().into(), deliveries: deliveries.clone() };
        let accept =
            Accept { space: caller.space, events: vec![new], changes: Vec::new(), idempotency: None };
        match self.store.accept(accept).await? {
            Acceptance::New => Ok((event, deliveries)),
            other => Err(Error::new(ErrorKind::Internal, format!("a fresh event was answered {other:?}"))),
        }
    }
}
