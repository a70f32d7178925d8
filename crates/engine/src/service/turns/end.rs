//! The end of a turn, in one commit: the answer, the events that tell of it, the status of the delivery.

use std::time::Duration;

use posthouse_store::{Accept, Acceptance, Change, NewEvent, StoreError, TurnEnd, TurnEnded};
use posthouse_types::limits::{INBOUND_TEXT_CHARS_MAX, TURN_STARTS_MAX};
use posthouse_types::{InboundStatus, Message, MessageId, Role, Timestamp, Tokens, ToolCall, Turn, Work};
use serde_json::{Value, json};

use super::context::Delivered;
use crate::Engine;
use crate::inbound::cut;
use crate::measure;
use crate::session_events::{Happening, message_payload};

/// Between a failed start and the next.
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// How often, and how long at first, a write is waited for while the store can not take it: 6 s in all.
const PERSIST_TRIES: u32 = 6;
const PERSIST_WAIT: Duration = Duration::from_millis(100);

/// What came of a turn.
pub(super) struct Ending {
    end: TurnEnd,
    again: bool,
    reply: Option<String>,
    tokens: Option<Tokens>,
    calls: Vec<ToolCall>,
}

impl Ending {
    fn new(end: TurnEnd) -> Self {
        Self { end, again: false, reply: None, tokens: None, calls: Vec::new() }
    }

    /// Nothing is said.
    pub(super) fn quiet() -> Self {
        Self::new(TurnEnd::Done)
    }

    /// The agent's answer; an empty one is not said.
    pub(super) fn replied(content: String, tokens: Option<Tokens>) -> Self {
        let reply = (!content.trim().is_empty()).then_some(content);
        Self { reply, tokens, ..Self::new(TurnEnd::Done) }
    }

    /// For good.
    pub(super) fn failed(error: impl Into<String>) -> Self {
        Self::new(TurnEnd::Failed(short(error.into())))
    }

    /// For now.
    pub(super) fn again(error: String) -> Self {
        Self { again: true, ..Self::failed(error) }
    }

    /// Tries again later when that may help and `starts` are not too many.
    pub(super) fn after(mut self, starts: u16, now: Timestamp) -> Self {
        if self.again
            && starts < TURN_STARTS_MAX
            && let TurnEnd::Failed(error) = self.end
        {
            let wait = RETRY_AFTER[usize::from(starts.saturating_sub(1)).min(RETRY_AFTER.len() - 1)];
            self.end = TurnEnd::RetryAt(now.plus(wait), error);
        }
        self
    }

    /// What was called meanwhile.
    pub(super) fn with_calls(self, calls: Vec<ToolCall>) -> Self {
        Self { calls, ..self }
    }

    /// What it cost, unless the answer has said so.
    pub(super) fn having_spent(self, tokens: Option<Tokens>) -> Self {
        Self { tokens: self.tokens.or(tokens), ..self }
    }
}

/// Writes the end of a turn.
pub(super) async fn end(
    engine: &Engine,
    turn: &Turn,
    delivered: Option<&Delivered>,
    ending: Ending,
) -> Result<(), StoreError> {
    let now = engine.clock.now();
    let Ending { end, reply, tokens, calls, .. } = ending;
    report(turn, &end);
    let session = engine.store.session(turn.space, &turn.session).await?;
    let mut events: Vec<NewEvent> = Vec::new();
    let mut changes = Vec::new();
    if let Some(session) = &session {
        let happening = Happening::in_session(session, now);
        let mut spoken = None;
        // Calls are shown with what was said after them; of a run that failed, its actions tell.
        if let Some(content) = said(turn, &end, reply) {
            let message = Message {
                id: MessageId::from_u128(engine.ids.next_at(now)),
                space: turn.space,
                session: session.id.clone(),
                role: Role::Assistant,
                content: cut(content),
                poll: None,
                delivery: delivered.map(|delivered| delivered.delivery.id),
                tool_calls: calls,
                tokens,
                created_at: now,
            };
            spoken = Some(message.id);
            events.push(engine.happened(&happening, "session.message", message_payload(&message)));
            changes.push(Change::Message(message));
        }
        let about = json!({
            "session_id": session.id.as_str(),
            "source_id": delivered.map(|delivered| delivered.delivery.source.to_string()),
            "delivery_id": worked_on(turn, delivered).map(|delivered| delivered.delivery.id.to_string()),
        });
        // Of an action, its own event has told.
        if !matches!(turn.work, Work::Action(_)) {
            let told = told_of_end(&end, about, spoken, tokens);
            events.extend(told.map(|(name, about)| engine.happened(&happening, name, about)));
        }
    }
    changes.push(Change::TurnEnded(TurnEnded { id: turn.id, at: now, end: end.clone(), tokens }));
    let accept = Accept { space: turn.space, events, changes, idempotency: None };
    match persist(engine, accept).await? {
        Acceptance::New => {
            if let Err(error) = measure_end(engine, worked_on(turn, delivered), &end, now).await {
                tracing::debug!(%error, "the end of a turn could not be measured");
            }
            Ok(())
        }
        // The session was deleted a moment ago: there is no one to tell.
        _ => abandon(engine, turn, "its session is gone").await,
    }
}

/// The delivery that the turn was a run on: a conversation about one is none.
fn worked_on<'a>(turn: &Turn, delivered: Option<&'a Delivered>) -> Option<&'a Delivered> {
    delivered.filter(|_| matches!(turn.work, Work::Delivery(_)))
}

/// What is said in the session. A person who waits for an answer is told that there will be none; a delivery has its
/// status for that.
fn said(turn: &Turn, end: &TurnEnd, reply: Option<String>) -> Option<String> {
    match end {
        TurnEnd::Done => reply,
        TurnEnd::Failed(error) if matches!(turn.work, Work::Message(_)) => {
            Some(format!("The agent could not answer: {error}"))
        }
        TurnEnd::Failed(_) | TurnEnd::RetryAt(..) => None,
    }
}

/// The event that tells of an end, and what it says; a run that is tried again has not ended.
fn told_of_end(
    end: &TurnEnd,
    mut about: Value,
    spoken: Option<MessageId>,
    tokens: Option<Tokens>,
) -> Option<(&'static str, Value)> {
    match end {
        TurnEnd::Done => {
            about["message_id"] = json!(spoken.map(|id| id.to_string()));
            about["tokens"] = json!(tokens);
            Some(("session.completed", about))
        }
        TurnEnd::Failed(error) => {
            about["error"] = json!(error);
            Some(("session.failed", about))
        }
        TurnEnd::RetryAt(..) => None,
    }
}

/// Writes what must not be lost because the store is busy for a moment: an agent has worked for it, or a provider was
/// told.
pub(super) async fn persist(engine: &Engine, accept: Accept) -> Result<Acceptance, StoreError> {
    let mut wait = PERSIST_WAIT;
    for _ in 0..PERSIST_TRIES {
        match engine.store.accept(accept.clone()).await {
            Err(error @ (StoreError::Busy | StoreError::Unavailable(_))) => {
                tracing::warn!(%error, "what came of a turn could not be written; trying again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            result => return result,
        }
    }
    engine.store.accept(accept).await
}

/// Ends a turn without saying anything.
pub(super) async fn abandon(engine: &Engine, turn: &Turn, error: &str) -> Result<(), StoreError> {
    let ended = TurnEnded {
        id: turn.id,
        at: engine.clock.now(),
        end: TurnEnd::Failed(error.to_owned()),
        tokens: None,
    };
    let changes = vec![Change::TurnEnded(ended)];
    engine.store.accept(Accept { space: turn.space, events: Vec::new(), changes, idempotency: None }).await?;
    Ok(())
}

async fn measure_end(
    engine: &Engine,
    delivered: Option<&Delivered>,
    end: &TurnEnd,
    now: Timestamp,
) -> Result<(), StoreError> {
    let status = match end {
        TurnEnd::Done => InboundStatus::Completed,
        TurnEnd::Failed(_) => InboundStatus::Failed,
        TurnEnd::RetryAt(..) => return Ok(()),
    };
    let Some(Delivered { delivery, .. }) = delivered else { return Ok(()) };
    // Started meanwhile, so read again.
    let Some(delivery) = engine.store.inbound(delivery.space, delivery.id.into()).await? else {
        return Ok(());
    };
    let took = delivery.started_at.map(|started| now.since(started)).unwrap_or_default();
    let event_type = engine.doors.counted_type(delivery.source, delivery.event_type.as_deref());
    measure::ended(delivery.source, status, event_type, took);
    Ok(())
}

fn report(turn: &Turn, end: &TurnEnd) {
    let (turn, session) = (turn.id, &turn.session);
    match end {
        TurnEnd::Done => tracing::info!(turn.id = %turn, session.id = %session, "a turn was done"),
        TurnEnd::Failed(error) => {
            tracing::warn!(turn.id = %turn, session.id = %session, error, "a turn failed");
        }
        TurnEnd::RetryAt(at, error) => {
            tracing::warn!(turn.id = %turn, session.id = %session, error, again_at = %at, "a turn is tried again");
        }
    }
}

fn short(error: String) -> String {
    if error.chars().count() <= INBOUND_TEXT_CHARS_MAX {
        return error;
    }
    error.chars().take(INBOUND_TEXT_CHARS_MAX - 1).chain(std::iter::once('…')).collect()
}
