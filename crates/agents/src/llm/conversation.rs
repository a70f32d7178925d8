//! Asks, runs the tools that the model calls, asks again, within the budget.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use posthouse_engine::{AgentReply, AgentRun, RunError, ToolSpec, Toolbox};
use posthouse_types::{AgentLimits, LlmProvider, Role, Tokens};
use rig_core::DynModel;
use rig_core::completion::{CompletionRequest, CompletionResponse, ToolDefinition, Usage};
use rig_core::message::{Message, ToolCall, ToolName, ToolResult, ToolResultContent, turn_failure};
use rig_core::operation::Completion;

use super::failure::{Failure, failure};
use super::place::Place;
use crate::text::one_line;

/// Calls of tools in one answer of a model that are made; those behind are refused.
const CALLS_PER_TURN_MAX: usize = 32;

/// One run of a model.
pub(super) struct Conversation<'a> {
    model: DynModel<Completion>,
    system_prompt: &'a str,
    messages: Vec<Message>,
    tools: &'a dyn Toolbox,
    specs: Vec<ToolDefinition>,
    /// A reason to stop that the protocol does not know is one like any other.
    unknown_stops: bool,
    limits: AgentLimits,
    turns: u32,
    spent: Option<Tokens>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(
        run: &'a AgentRun,
        provider: LlmProvider,
        model: DynModel<Completion>,
        tools: &'a dyn Toolbox,
    ) -> Self {
        // Providers refuse empty messages. Gemini and Anthropic want a user's first; an answer to what the history
        // no longer holds explains nothing.
        let history = run.history.iter().filter(|said| !said.content.trim().is_empty());
        let history = history.skip_while(|said| said.role == Role::Assistant).map(|said| match said.role {
            Role::User => Message::user(&said.content),
            Role::Assistant => Message::assistant(&said.content),
        });
        Self {
            model,
            system_prompt: run.agent.system_prompt.trim(),
            messages: history.chain([Message::user(&run.message)]).collect(),
            tools,
            specs: tools.specs().into_iter().filter_map(definition).collect(),
            // Many speak OpenAI's protocol, with words of their own.
            unknown_stops: provider == LlmProvider::Openai,
            limits: run.agent.limits,
            turns: 0,
            spent: None,
        }
    }

    /// Until the model answers without calling a tool.
    pub(super) async fn run(mut self, place: &Place) -> Result<AgentReply, RunError> {
        loop {
            let response = self.ask(place).await.map_err(|failure| self.failed(failure))?;
            self.turns += 1;
            self.count(&response.usage);
            if let Some(reason) = failed_turn(&response) {
                let text = format!("the model gave no answer: {reason}");
                return Err(self.failed(Failure { temporary: false, text }));
            }
            let calls: Vec<ToolCall> = response.tool_calls().cloned().collect();
            if calls.is_empty() {
                return Ok(AgentReply { content: response.text(), tokens: self.spent });
            }
            // Before the tools run: a model that can not be told what came of its actions shall not act.
            self.check_budget()?;
            self.messages.extend(response.message());
            let results = self.call(&calls).await;
            self.messages.push(Message::tool_results(results));
        }
    }

    /// Asks once. What decodes the answer is not ours and has panicked over numbers that no model counts, so a panic
    /// there is a failure of this run and of nothing else.
    async fn ask(&self, place: &Place) -> Result<CompletionResponse, Failure> {
        match AssertUnwindSafe(self.model.call(self.request())).catch_unwind().await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(&error, place)),
            Err(_panic) => {
                let text = "the model's answer can not be understood".to_owned();
                Err(Failure { temporary: false, text })
            }
        }
    }

    fn request(&self) -> CompletionRequest {
        let request = CompletionRequest::from(self.messages.clone())
            .tools(self.specs.clone())
            .accept_unknown_finish_reasons(self.unknown_stops);
        if self.system_prompt.is_empty() { request } else { request.preamble(self.system_prompt) }
    }

    /// Calls the tools, one after the other.
    async fn call(&self, calls: &[ToolCall]) -> Vec<ToolResult> {
        let mut results = Vec::with_capacity(calls.len());
        for (position, call) in calls.iter().enumerate() {
            let refused = |text: &str| call.error_result(vec![ToolResultContent::text(text)]);
            results.push(if position >= CALLS_PER_TURN_MAX {
                refused("Not called: too many tools were called at once.")
            } else if call.function.invalid_arguments.is_some() {
                refused("Not called: the arguments are not a JSON object.")
            } else {
                let output =
                    self.tools.call(call.function.name.as_str(), call.function.arguments_value()).await;
                let content = vec![ToolResultContent::text(output.content)];
                if output.failed { call.error_result(content) } else { call.result(content) }
            });
        }
        results
    }

    fn count(&mut self, usage: &Usage) {
        if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
            return;
        }
        let spent = self.spent.get_or_insert_default();
        spent.input = spent.input.saturating_add(usage.input_tokens.unwrap_or(0));
        spent.output = spent.output.saturating_add(usage.output_tokens.unwrap_or(0));
        self.tools.spent(*spent);
    }

    /// Whether the model may be asked once more.
    fn check_budget(&self) -> Result<(), RunError> {
        let AgentLimits { turns, tokens, .. } = self.limits;
        let used_up = if self.turns >= turns {
            format!("the model was asked {turns} times and still calls tools")
        } else if self.tokens() >= u64::from(tokens) {
            format!("all of its {tokens} tokens")
        } else {
            return Ok(());
        };
        Err(self.failed(Failure { temporary: false, text: format!("budget used up: {used_up}") }))
    }

    fn tokens(&self) -> u64 {
        self.spent.map_or(0, |spent| spent.input.saturating_add(spent.output))
    }

    /// What was spent is part of what is wrong.
    fn failed(&self, mut failure: Failure) -> RunError {
        if let Some(spent) = self.spent {
            let spent = format!(" ({} tokens read and {} written were spent)", spent.input, spent.output);
            failure.text.push_str(&spent);
        }
        failure.into()
    }
}

/// Why an answer is none: filtered, cut before it began, or reported as failed by the provider.
fn failed_turn(response: &CompletionResponse) -> Option<String> {
    let reason = turn_failure(&response.choice, Some(&response.stop()), response.finish_reason().as_ref())?;
    Some(one_line(&reason, 300))
}

fn definition(spec: ToolSpec) -> Option<ToolDefinition> {
    Some(ToolDefinition::new(ToolName::new(spec.name).ok()?, spec.description, spec.parameters))
}
