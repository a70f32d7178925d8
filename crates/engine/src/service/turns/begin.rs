//! The beginning of a turn, in one commit: the session, the message, the events that tell of them.

use posthouse_store::{Accept, Acceptance, Change, NewEvent, SessionRecord, StoreError};
use posthouse_types::{Action, ActionStatus, Message, MessageId, Role, Timestamp, Turn, Work};
use serde_json::{Map, json};

use super::context::{Context, Delivered};
use crate::Engine;
use crate::inbound::{Told, label_of};
use crate::session_events::{Happening, message_payload};

/// Whether a turn has begun.
pub(super) enum Begun {
    /// It has.
    Yes {
        /// What runs before this one did, or asked for.
        earlier: Vec<Action>,
    },
    /// What it is about is gone.
    No,
    /// Its session belongs to another project than its source.
    ForeignSession,
}

/// Writes the beginning of a turn.
pub(super) async fn begin(
    engine: &Engine,
    context: &Context,
    told: Option<&Told>,
) -> Result<Begun, StoreError> {
    let turn = &context.turn;
    let now = engine.clock.now();
    let mut events: Vec<NewEvent> = Vec::new();
    let mut changes = Vec::new();
    // The first start puts the message into the session, in the commit that counts the start: so once.
    if let (Some(delivered), Some(told)) = (&context.delivery, told)
        && turn.starts == 0
    {
        let known = engine.store.session(turn.space, &turn.session).await?;
        let is_new = known.is_none();
        let fresh = new_session(engine, turn, delivered).await?;
        let session = match known {
            // A source must not be a way into the conversations of another project.
            Some(session) if session.project != fresh.project => return Ok(Begun::ForeignSession),
            Some(session) => session,
            None => fresh,
        };
        let happening = Happening::in_session(&session, now);
        if is_new {
            let payload = json!({
                "session_id": session.id.as_str(),
                "label": session.label,
                "source_id": delivered.delivery.source.to_string(),
                "delivery_id": delivered.delivery.id.to_string(),
            });
            events.push(engine.happened(&happening, "session.started", payload));
            changes.push(Change::Session(session.clone()));
        }
        let message = Message {
            id: MessageId::from_u128(engine.ids.next_at(now)),
            space: turn.space,
            session: session.id.clone(),
            role: Role::User,
            content: told.message.clone(),
            poll: None,
            delivery: Some(delivered.delivery.id),
            tool_calls: Vec::new(),
            tokens: None,
            created_at: now,
        };
        events.push(engine.happened(&happening, "session.message", message_payload(&message)));
        changes.push(Change::Message(message));
    }
    changes.push(Change::TurnStarted(turn.id, now));
    let earlier = earlier(engine, context).await?;
    let unknown = earlier.iter().filter(|action| action.status == ActionStatus::Unknown);
    changes.extend(unknown.map(|action| Change::Action(Box::new(action.clone()))));
    let accept = Accept { space: turn.space, events, changes, idempotency: None };
    match engine.store.accept(accept).await? {
        Acceptance::New => Ok(Begun::Yes { earlier }),
        other => {
            tracing::debug!(turn.id = %turn.id, ?other, "a turn was not begun: what it is about is gone");
            // Its session or delivery may be gone while it is not: it must not come up again for ever.
            super::end::abandon(engine, turn, "its session is gone").await?;
            Ok(Begun::No)
        }
    }
}

async fn new_session(
    engine: &Engine,
    turn: &Turn,
    delivered: &Delivered,
) -> Result<SessionRecord, StoreError> {
    let source = engine.store.source(turn.space, delivered.delivery.source.into()).await?;
    let configured = &delivered.configured;
    let now = engine.clock.now();
    Ok(SessionRecord {
        id: turn.session.clone(),
        space: turn.space,
        project: source.and_then(|record| record.source.project),
        label: label_of(&configured.source.session, &configured.public_id, &delivered.delivery),
        metadata: Map::new(),
        agent: None,
        source: Some(delivered.delivery.source),
        created_at: now,
        updated_at: now,
    })
}

/// What runs before this one did: about the delivery; or, where a person is answered, to answer the same message (what
/// was done before that may well be wanted again). What was under way when such a run was cut off is not known to be
/// done.
async fn earlier(engine: &Engine, context: &Context) -> Result<Vec<Action>, StoreError> {
    let turn = &context.turn;
    let Some(delivered) = &context.delivery else { return Ok(Vec::new()) };
    let since = match turn.work {
        Work::Delivery(_) if delivered.delivery.runs > 0 => delivered.delivery.received_at,
        Work::Message(_) if turn.starts > 0 => turn.queued_at,
        _ => return Ok(Vec::new()),
    };
    let mut actions = engine.store.actions(turn.space, delivered.delivery.id).await?;
    actions.retain(|action| action.created_at >= since);
    for action in &mut actions {
        if action.status == ActionStatus::Running {
            *action = cut_off(action, engine.clock.now());
        }
    }
    Ok(actions)
}

/// An action that was under way when its run was cut off.
pub(super) fn cut_off(action: &Action, now: Timestamp) -> Action {
    Action {
        status: ActionStatus::Unknown,
        error: Some("interrupted: it is not known whether it was carried out".to_owned()),
        updated_at: now,
        ..action.clone()
    }
}
