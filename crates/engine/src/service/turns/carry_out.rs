//! Carrying out an action: requests to the provider's REST API through egress, and the record of what came of it.

use std::sync::Arc;
use std::time::Duration;

use posthouse_egress::{SendReport, SendRequest};
use posthouse_providers as providers;
use posthouse_providers::tool::{self, Tool};
use posthouse_store::{Accept, Acceptance, Change, InboundContent, StoreError};
use posthouse_types::limits::ACTION_BYTES_MAX;
use posthouse_types::{
    Action, ActionId, ActionStatus, InboundDelivery, Outcome, SecretText, SessionId, SourceId, Turn,
};
use serde_json::{Value, json};

use super::begin::cut_off;
use super::context::Delivered;
use super::end::{Ending, end, persist};
use crate::Engine;
use crate::inbound::payload_of;
use crate::measure;
use crate::session_events::Happening;

/// For one request to a provider.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// What acting at a provider takes besides arguments.
pub(super) struct Means {
    delivery: InboundDelivery,
    content: InboundContent,
    token: SecretText,
    base_url: Option<String>,
}

impl Means {
    /// What the delivery's source has now; `None` without a credential.
    pub(super) async fn of(engine: &Engine, delivered: &Delivered) -> Result<Option<Self>, StoreError> {
        let delivery = &delivered.delivery;
        let Some(record) = engine.store.source(delivery.space, delivery.source.into()).await? else {
            return Ok(None);
        };
        let token = engine.credentials(&record).ok().and_then(|credentials| credentials.provider_token());
        // Both as they are now: a token must not go to an address that it was not given for.
        let base_url = record.source.settings.provider_url.as_ref().map(|url| url.as_str().to_owned());
        Ok(token.map(|token| Self {
            delivery: delivery.clone(),
            content: delivered.content.clone(),
            token,
            base_url,
        }))
    }

    /// What the provider said. Read when something is done, which it seldom is.
    fn payload(&self) -> Value {
        payload_of(&self.delivery, &self.content.body)
    }
}

/// Why an action was not carried out, or whether that is not known.
struct Failure {
    error: String,
    unknown: bool,
}

impl Failure {
    /// Nothing was done.
    fn sure(error: impl Into<String>) -> Self {
        Self { error: error.into(), unknown: false }
    }
}

/// Makes the requests of an action; what came of them is in the action that is answered.
pub(super) async fn carry_out(
    engine: &Engine,
    means: Option<&Means>,
    tool: &Tool,
    mut action: Action,
    arguments: &Value,
) -> Action {
    let result = match means {
        None => Err(Failure::sure("the source has no credential for the provider")),
        Some(means) => requests(engine, means, tool, &action, arguments).await,
    };
    action.updated_at = engine.now();
    match result {
        Ok(answer) => {
            action.status = ActionStatus::Success;
            action.object = serde_json::from_slice(&answer).ok().and_then(|answer| (tool.object)(&answer));
            action.output = Some(bounded(&answer));
        }
        Err(Failure { error, unknown }) => {
            // What only looks can be looked at again.
            action.status = if unknown && tool.writes { ActionStatus::Unknown } else { ActionStatus::Error };
            action.error = Some(error);
        }
    }
    action
}

async fn requests(
    engine: &Engine,
    means: &Means,
    tool: &Tool,
    action: &Action,
    arguments: &Value,
) -> Result<bytes::Bytes, Failure> {
    let earlier = engine.store.actions(action.space, action.delivery).await;
    let earlier =
        earlier.map_err(|error| Failure::sure(format!("what was done before can not be read: {error}")))?;
    let made: Vec<String> = earlier.into_iter().filter_map(|action| action.object).collect();
    let payload = means.payload();
    let context = tool::Context {
        payload: &payload,
        base_url: means.base_url.as_deref(),
        token: &means.token,
        action: action.id,
        made: &made,
    };
    let calls = (tool.prepare)(&context, arguments).map_err(|unable| Failure::sure(unable.to_string()))?;
    let count = calls.len();
    let mut last = bytes::Bytes::new();
    for (index, call) in calls.into_iter().enumerate() {
        let request = SendRequest {
            method: call.method,
            uri: call.uri,
            headers: call.headers,
            body: call.body,
            timeout: CALL_TIMEOUT,
            response_kept_bytes_max: ACTION_BYTES_MAX,
        };
        let report = engine.sender.send(request).await;
        last = taken(report).map_err(|failure| Failure {
            error: match count {
                1 => failure.error,
                _ => format!("request {} of {count}: {}", index + 1, failure.error),
            },
            // Those before it were carried out.
            unknown: failure.unknown || index > 0,
        })?;
    }
    Ok(last)
}

/// The answer of a provider that took the request, or what it said instead.
fn taken(report: SendReport) -> Result<bytes::Bytes, Failure> {
    match report.outcome {
        Outcome::Delivered { .. } => Ok(report.response_body),
        Outcome::Refused { status } => {
            let error = format!("the provider answered {status}: {}", bounded(&report.response_body));
            // A gateway's word is none of the provider's.
            Err(Failure { error, unknown: matches!(status, 502 | 504) })
        }
        other => {
            let error = report.error.unwrap_or_else(|| format!("the provider could not be asked: {other:?}"));
            Err(Failure { error, unknown: report.may_have_arrived })
        }
    }
}

fn bounded(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text[..text.floor_char_boundary(ACTION_BYTES_MAX)].to_owned()
}

/// Writes an action, and when it has ended (and is to be told) the event that tells of it, in one commit.
pub(super) async fn record(
    engine: &Engine,
    session: &SessionId,
    source: SourceId,
    action: &Action,
    tell: bool,
) -> Result<(), StoreError> {
    let ended = matches!(action.status, ActionStatus::Success | ActionStatus::Error | ActionStatus::Unknown);
    let mut events = Vec::new();
    if tell
        && ended
        && let Some(session) = engine.store.session(action.space, session).await?
    {
        let payload = json!({
            "session_id": session.id.as_str(),
            "source_id": source.to_string(),
            "delivery_id": action.delivery.to_string(),
            "action_id": action.id.to_string(),
            "tool": action.tool,
            "input": serde_json::from_str::<Value>(&action.input).unwrap_or(Value::Null),
            "status": action.status.as_str(),
            "error": action.error,
            "object": action.object,
        });
        let happening = Happening::in_session(&session, action.updated_at);
        events.push(engine.happened(&happening, "action.taken", payload));
    }
    if ended {
        measure::acted(source, &action.tool, action.status.as_str());
    }
    let changes = vec![Change::Action(Box::new(action.clone()))];
    let accept = Accept { space: action.space, events, changes, idempotency: None };
    match persist(engine, accept).await? {
        Acceptance::New => Ok(()),
        // Its delivery was deleted with its source: there is nothing to record it with.
        _ => Err(StoreError::Stale),
    }
}

/// Carries out an action that a person approved.
pub(super) async fn approved(engine: &Arc<Engine>, turn: &Turn, id: ActionId) -> Result<(), StoreError> {
    let store = &engine.store;
    let Some(action) = store.action(turn.space, id).await? else {
        return end(engine, turn, None, Ending::failed("the action is not kept any more")).await;
    };
    let loaded = Delivered::load(engine, turn, action.delivery).await?;
    let Some(delivered) = loaded else {
        let error = "the body of the delivery is not kept any more";
        write(engine, failed(engine, action, error)).await?;
        return end(engine, turn, None, Ending::failed(error)).await;
    };
    let profile = providers::find(&delivered.configured.source.profile);
    let tool = profile.and_then(|profile| tool::find(profile.tools, &action.tool));
    let source = delivered.delivery.source;
    let arguments: Value = serde_json::from_str(&action.input).unwrap_or(Value::Null);
    let action = match (tool, action.status) {
        (Some(tool), ActionStatus::Approved) => {
            let means = Means::of(engine, &delivered).await?;
            let running = Action { status: ActionStatus::Running, updated_at: engine.now(), ..action };
            record(engine, &turn.session, source, &running, false).await?;
            carry_out(engine, means.as_ref(), tool, running, &arguments).await
        }
        (_, ActionStatus::Approved) => failed(engine, action, "there is no such tool any more"),
        // It was cut off while it was carried out.
        (_, ActionStatus::Running) => cut_off(&action, engine.now()),
        _ => return end(engine, turn, None, Ending::quiet()).await,
    };
    match record(engine, &turn.session, source, &action, true).await {
        // The source was deleted meanwhile.
        Ok(()) | Err(StoreError::Stale) => {}
        Err(error) => return Err(error),
    }
    let ending = match action.error {
        None => Ending::quiet(),
        Some(error) => Ending::failed(error),
    };
    end(engine, turn, None, ending).await
}

/// Writes an action that no one is told of.
async fn write(engine: &Engine, action: Action) -> Result<(), StoreError> {
    let accept = Accept {
        space: action.space,
        events: Vec::new(),
        changes: vec![Change::Action(Box::new(action))],
        idempotency: None,
    };
    // Stale: its delivery is gone, and so is it.
    persist(engine, accept).await.map(drop)
}

fn failed(engine: &Engine, action: Action, error: &str) -> Action {
    let error = Some(error.to_owned());
    Action { status: ActionStatus::Error, error, updated_at: engine.now(), ..action }
}
