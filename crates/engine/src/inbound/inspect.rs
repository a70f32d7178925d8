//! Looking at what arrived, and deciding about it.

use std::sync::Arc;

use bytes::Bytes;
use posthouse_store::{Accept, Acceptance, Change, InboundFilter};
use posthouse_types::{
    Action, ActionId, ActionStatus, Capability, InboundDelivery, InboundId, InboundRef, InboundStatus, Page,
    PageRequest, Source, SourceRef, Timestamp, Turn, TurnId, Work,
};

use super::compose::tell;
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::sources::Configured;

/// Which deliveries of a source to list. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundQuery {
    /// With this status.
    pub status: Option<InboundStatus>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// So many are passed over first.
    pub skip: usize,
}

/// A delivery with all that is known of it.
#[derive(Debug, Clone)]
pub struct InboundDetail {
    /// The delivery.
    pub delivery: InboundDelivery,
    /// What an agent is told of it, as long as its body is kept.
    pub normalized: Option<String>,
    /// What was done about it at the provider, oldest first.
    pub actions: Vec<Action>,
}

/// What a person decides about an action that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is carried out.
    Approve,
    /// It is not.
    Deny,
}

impl Engine {
    /// Deliveries of a source, newest first.
    pub async fn inbound_deliveries(
        &self,
        caller: &Caller,
        source: SourceRef,
        query: InboundQuery,
        page: PageRequest<InboundId>,
    ) -> Result<Page<InboundDelivery, InboundId>> {
        caller.need(Capability::Read)?;
        let source = self.visible_source(caller, source).await?.source;
        let filter = InboundFilter {
            source: Some(source.id),
            session: None,
            status: query.status,
            event_type: query.event_type,
            remote_ip: None,
            since: query.since,
            until: query.until,
        };
        Ok(self.store.inbound_list(caller.space, filter, page, query.skip).await?)
    }

    /// One delivery.
    pub async fn inbound_delivery(&self, caller: &Caller, delivery: InboundRef) -> Result<InboundDetail> {
        caller.need(Capability::Read)?;
        let (delivery, _) = self.visible_inbound(caller, delivery).await?;
        let content = self.store.inbound_content(caller.space, delivery.id).await?;
        let normalized = content.and_then(|content| {
            let configured = Configured::read(&content.snapshot)?;
            Some(tell(&configured, &delivery, &content.body).message)
        });
        let actions = self.store.actions(caller.space, delivery.id).await?;
        Ok(InboundDetail { delivery, normalized, actions })
    }

    /// The exact body of a delivery, with its content type; `None` when it is not kept (any more).
    pub async fn inbound_body(
        &self,
        caller: &Caller,
        delivery: InboundRef,
    ) -> Result<Option<(Option<String>, Bytes)>> {
        caller.need(Capability::Read)?;
        let (delivery, _) = self.visible_inbound(caller, delivery).await?;
        let content = self.store.inbound_content(caller.space, delivery.id).await?;
        Ok(content.map(|content| (content_type(&delivery).map(str::to_owned), content.body)))
    }

    /// Sets an agent to work once more on a delivery that has ended.
    pub async fn rerun_inbound(&self, caller: &Caller, delivery: InboundRef) -> Result<InboundDelivery> {
        caller.need(Capability::Manage)?;
        let (delivery, _) = self.visible_inbound(caller, delivery).await?;
        let at = self.clock.now();
        let turn = TurnId::from_u128(self.ids.next_at(at));
        let changes = vec![Change::Rerun { delivery: delivery.id, turn, at }];
        self.write_changes(caller, changes, || {
            let detail = match delivery.status {
                status if !status.is_final() => "it has not ended yet".to_owned(),
                InboundStatus::Completed | InboundStatus::Failed => {
                    "its body is not kept any more".to_owned()
                }
                status => format!("it was {status}, and never worked on"),
            };
            Error::new(ErrorKind::Conflict { location: None }, format!("it can not be run again: {detail}"))
        })
        .await?;
        Ok(self.visible_inbound(caller, delivery.id.into()).await?.0)
    }

    /// Decides about an action that waits for approval. An approved one is carried out soon.
    pub async fn decide_action(
        &self,
        caller: &Caller,
        delivery: InboundRef,
        action: ActionId,
        decision: Decision,
    ) -> Result<Action> {
        caller.need(Capability::Manage)?;
        let (delivery, _) = self.visible_inbound(caller, delivery).await?;
        let not_found = || Error::not_found("action", action);
        let known = self.store.action(caller.space, action).await?.ok_or_else(not_found)?;
        if known.delivery != delivery.id {
            return Err(not_found());
        }
        let at = self.clock.now();
        let to = match decision {
            Decision::Approve => ActionStatus::Approved,
            Decision::Deny => ActionStatus::Denied,
        };
        let mut changes = vec![Change::Decide { action, from: ActionStatus::Waiting, to, at }];
        if let (Decision::Approve, Some(session)) = (decision, delivery.session) {
            changes.push(Change::Turn(Turn {
                id: TurnId::from_u128(self.ids.next_at(at)),
                space: caller.space,
                session,
                work: Work::Action(action),
                starts: 0,
                queued_at: at,
            }));
        }
        self.write_changes(caller, changes, || {
            let detail = format!("the action does not wait for approval: it is {}", known.status);
            Error::new(ErrorKind::Conflict { location: None }, detail)
        })
        .await?;
        self.store.action(caller.space, action).await?.ok_or_else(not_found)
    }

    async fn write_changes(
        &self,
        caller: &Caller,
        changes: Vec<Change>,
        stale: impl FnOnce() -> Error,
    ) -> Result<()> {
        let accept = Accept { space: caller.space, events: Vec::new(), changes, idempotency: None };
        match self.store.accept(accept).await? {
            Acceptance::New => Ok(()),
            _ => Err(stale()),
        }
    }

    /// A delivery of a source that the caller sees.
    async fn visible_inbound(
        &self,
        caller: &Caller,
        delivery: InboundRef,
    ) -> Result<(InboundDelivery, Source)> {
        let not_found = || Error::not_found("inbound delivery", delivery);
        let found = self.store.inbound(caller.space, delivery).await?.ok_or_else(not_found)?;
        let source = self.store.source(caller.space, found.source.into()).await?.ok_or_else(not_found)?;
        if !caller.sees(source.source.project) {
            return Err(not_found());
        }
        Ok((found, source.source))
    }

    /// How many turns of agents wait; also said to whoever collects metrics.
    pub async fn turns_waiting(self: &Arc<Self>) -> Result<u64> {
        let turns = self.store.turns_waiting().await?;
        crate::measure::waiting(turns);
        Ok(turns)
    }
}

/// The content type of a delivery, as its sender wrote it.
pub(crate) fn content_type(delivery: &InboundDelivery) -> Option<&str> {
    delivery.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str())
}
