//! The tools of one run: which there are, and the record of every call.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use posthouse_providers as providers;
use posthouse_providers::tool::Tool;
use posthouse_providers::tool::payload::{FULL_PAYLOAD, full_payload};
use posthouse_store::StoreError;
use posthouse_types::limits::{ACTION_BYTES_MAX, ACTIONS_PER_DELIVERY_MAX};
use posthouse_types::{
    Action, ActionId, ActionStatus, AgentSettings, InboundDelivery, SessionId, Tokens, ToolCall, ToolPolicy,
};
use serde_json::Value;

use super::begin::cut_off;
use super::carry_out::{Means, carry_out, record};
use super::context::Context;
use crate::Engine;
use crate::agents::{ToolOutput, ToolSpec, Toolbox};
use crate::inbound::content_type;

/// The tools that an agent has while it works on a delivery, or talks about one.
pub(super) struct RunTools {
    engine: Arc<Engine>,
    session: SessionId,
    /// Without a delivery there is nothing to do anything to.
    about: Option<About>,
    /// Actions of runs before this one.
    earlier: Vec<Action>,
    done: Mutex<Done>,
}

/// The delivery and what can be done about it.
struct About {
    delivery: InboundDelivery,
    body: bytes::Bytes,
    means: Option<Arc<Means>>,
    permitted: Vec<&'static Tool>,
    reads_payload: bool,
    approval: bool,
}

/// What was called in this run.
#[derive(Default)]
struct Done {
    calls: Vec<ToolCall>,
    actions: Vec<Action>,
    tokens: Option<Tokens>,
}

impl RunTools {
    /// Those that this agent may use.
    pub(super) async fn new(
        engine: &Arc<Engine>,
        context: &Context,
        agent: &AgentSettings,
        earlier: Vec<Action>,
    ) -> Result<Arc<Self>, StoreError> {
        let about = match &context.delivery {
            None => None,
            Some(delivered) => {
                let settings = &delivered.configured.source;
                let policies = [agent.tools.as_ref(), settings.overrides.tools.as_ref()];
                let tools = providers::find(&settings.profile).map_or(&[][..], |profile| profile.tools);
                Some(About {
                    delivery: delivered.delivery.clone(),
                    body: delivered.content.body.clone(),
                    means: Means::of(engine, delivered).await?.map(Arc::new),
                    permitted: tools
                        .iter()
                        .filter(|tool| permits(policies, tool.name, tool.writes))
                        .collect(),
                    // What an agent is told says that it has this tool.
                    reads_payload: !policies
                        .into_iter()
                        .flatten()
                        .any(|policy| policy.denies(FULL_PAYLOAD.name)),
                    approval: agent.approval,
                })
            }
        };
        let session = context.turn.session.clone();
        Ok(Arc::new(Self { engine: Arc::clone(engine), session, about, earlier, done: Mutex::default() }))
    }

    /// Actions of runs before this one.
    pub(super) fn earlier(&self) -> &[Action] {
        &self.earlier
    }

    /// What was called, in order.
    pub(super) fn calls(&self) -> Vec<ToolCall> {
        std::mem::take(&mut self.done.lock().calls)
    }

    /// What the run has cost so far, as its runner says.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        self.done.lock().tokens
    }

    fn called(&self, name: &str, arguments: &Value, action: Option<ActionId>) {
        let call = ToolCall { name: name.to_owned(), arguments: arguments.clone(), action };
        self.done.lock().calls.push(call);
    }

    /// The same as was done before about this delivery: it must not be done twice.
    fn repeated(&self, tool: &Tool, input: &str) -> Option<ToolOutput> {
        if !tool.writes {
            return None;
        }
        let done = self.done.lock();
        let before = self
            .earlier
            .iter()
            .chain(&done.actions)
            .rfind(|action| action.tool == tool.name && action.input == input)?;
        match before.status {
            ActionStatus::Success => Some(answer(format!(
                "already done before, not repeated: {}",
                before.output.as_deref().unwrap_or_default()
            ))),
            ActionStatus::Waiting | ActionStatus::Approved => Some(answer("waits for a person's approval")),
            ActionStatus::Denied => Some(refusal("a person denied this")),
            ActionStatus::Running | ActionStatus::Unknown => {
                Some(refusal("this was begun before and may have been carried out, so it is not repeated"))
            }
            ActionStatus::Error => None,
        }
    }

    async fn act(
        &self,
        about: &About,
        tool: &'static Tool,
        arguments: Value,
    ) -> Result<ToolOutput, StoreError> {
        let input = arguments.to_string();
        if input.len() > ACTION_BYTES_MAX {
            return Ok(refusal(format!("the arguments are longer than {ACTION_BYTES_MAX} bytes")));
        }
        if let Some(output) = self.repeated(tool, &input) {
            self.called(tool.name, &arguments, None);
            return Ok(output);
        }
        let delivery = &about.delivery;
        let actions = self.engine.store.actions(delivery.space, delivery.id).await?;
        if actions.len() >= ACTIONS_PER_DELIVERY_MAX {
            return Ok(refusal(format!("there were {ACTIONS_PER_DELIVERY_MAX} actions already")));
        }
        let now = self.engine.now();
        let waits = about.approval && tool.writes;
        let action = Action {
            id: ActionId::from_u128(self.engine.ids.next_at(now)),
            space: about.delivery.space,
            delivery: about.delivery.id,
            tool: tool.name.to_owned(),
            input,
            output: None,
            status: if waits { ActionStatus::Waiting } else { ActionStatus::Running },
            error: None,
            object: None,
            created_at: now,
            updated_at: now,
        };
        self.called(tool.name, &arguments, Some(action.id));
        if waits {
            record(&self.engine, &self.session, about.delivery.source, &action, false).await?;
            self.done.lock().actions.push(action);
            return Ok(answer("waits for a person's approval; do not ask again"));
        }
        if tool.writes {
            // Before anything is sent: if this run is cut off, the next knows that it may have been done.
            record(&self.engine, &self.session, about.delivery.source, &action, false).await?;
        }
        let (action, recorded) = self.see_through(about, tool, action, arguments).await;
        let output = match (action.status, &action.error) {
            (ActionStatus::Success, _) => answer(action.output.clone().unwrap_or_default()),
            (_, error) => refusal(error.clone().unwrap_or_default()),
        };
        self.done.lock().actions.push(action);
        if let Err(error) = recorded {
            tracing::warn!(tool = tool.name, %error, "what came of an action could not be recorded");
        }
        Ok(output)
    }

    /// Carries out an action and records what came of it, also when the run is over meanwhile: what the provider was
    /// asked for is not to be forgotten half-way.
    async fn see_through(
        &self,
        about: &About,
        tool: &'static Tool,
        action: Action,
        arguments: Value,
    ) -> (Action, Result<(), StoreError>) {
        let engine = Arc::clone(&self.engine);
        let (session, source, means) = (self.session.clone(), about.delivery.source, about.means.clone());
        let begun = action.clone();
        let task = tokio::spawn(async move {
            let action = carry_out(&engine, means.as_deref(), tool, action, &arguments).await;
            let recorded = record(&engine, &session, source, &action, tool.writes).await;
            (action, recorded)
        });
        task.await.unwrap_or_else(|_| (cut_off(&begun, self.engine.now()), Ok(())))
    }
}

#[async_trait]
impl Toolbox for RunTools {
    fn spent(&self, tokens: Tokens) {
        self.done.lock().tokens = Some(tokens);
    }

    fn specs(&self) -> Vec<ToolSpec> {
        let Some(about) = &self.about else { return Vec::new() };
        let spec = |name: &str, description: &str, parameters| ToolSpec {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters,
        };
        let mut specs = Vec::new();
        if about.reads_payload {
            specs.push(spec(FULL_PAYLOAD.name, FULL_PAYLOAD.description, (FULL_PAYLOAD.parameters)()));
        }
        // Without a credential the provider would refuse every one of them.
        if about.means.is_some() {
            let tools = about.permitted.iter();
            specs.extend(tools.map(|tool| spec(tool.name, tool.description, (tool.parameters)())));
        }
        specs
    }

    async fn call(&self, name: &str, arguments: Value) -> ToolOutput {
        let Some(spec) = self.specs().into_iter().find(|spec| spec.name == name) else {
            return refusal(format!("there is no tool {name}, or it is not permitted here"));
        };
        if let Err(error) = check_arguments(&spec.parameters, &arguments) {
            return refusal(error);
        }
        let Some(about) = &self.about else { return refusal("there is no delivery") };
        if name == FULL_PAYLOAD.name {
            self.called(name, &arguments, None);
            return match full_payload(&about.body, content_type(&about.delivery), &arguments) {
                Ok(value) => answer(value.to_string()),
                Err(unable) => refusal(unable.to_string()),
            };
        }
        let Some(&tool) = about.permitted.iter().find(|tool| tool.name == name) else {
            return refusal("it is not permitted here");
        };
        match self.act(about, tool, arguments).await {
            Ok(output) => output,
            Err(error) => {
                tracing::warn!(tool = name, %error, "an action could not be recorded");
                refusal("it could not be recorded, so it was not carried out; try again later")
            }
        }
    }
}

/// Every policy that there is must permit a tool; where there is none, those that only read are permitted.
fn permits(policies: [Option<&ToolPolicy>; 2], name: &str, writes: bool) -> bool {
    match policies {
        [None, None] => !writes,
        policies => policies.into_iter().flatten().all(|policy| policy.permits(name)),
    }
}

/// Checks what a model made up against the tool's schema; the error is for the model.
fn check_arguments(schema: &Value, arguments: &Value) -> Result<(), String> {
    let validator =
        jsonschema::validator_for(schema).map_err(|error| format!("the tool is broken: {error}"))?;
    let errors: Vec<String> = validator
        .iter_errors(arguments)
        .take(5)
        .map(|error| match error.instance_path().as_str() {
            "" => error.to_string(),
            place => format!("{place}: {error}"),
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(format!("the arguments are not valid: {}", errors.join("; ")))
    }
}

fn answer(content: impl Into<String>) -> ToolOutput {
    ToolOutput { content: content.into(), failed: false }
}

fn refusal(content: impl Into<String>) -> ToolOutput {
    ToolOutput { content: content.into(), failed: true }
}
