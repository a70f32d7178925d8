//! The seam: what is asked of whatever runs an agent. Real in the agents crate, scripted in tests.

use std::sync::Arc;

use async_trait::async_trait;
use posthouse_types::{AgentSettings, Role, SecretText, SessionId, Tokens};
use serde_json::Value;

/// Runs agents.
#[async_trait]
pub trait AgentRunner: Send + Sync {
    /// Makes up the answer to the last message. Keeps to the turns and tokens of the agent's limits; the caller
    /// keeps to its seconds, by dropping the future, which abandons the run and whatever it started.
    async fn run(&self, run: AgentRun, tools: Arc<dyn Toolbox>) -> Result<AgentReply, RunError>;
}

/// One run.
#[derive(Debug, Clone)]
pub struct AgentRun {
    /// The preset, with what the source overrides in it.
    pub agent: AgentSettings,
    /// The credential of an `llm` agent of its own, or what signs the request of an `http` agent.
    pub secret: Option<SecretText>,
    /// The conversation.
    pub session: SessionId,
    /// What was said before, oldest first; bounded.
    pub history: Vec<Said>,
    /// What is to be answered.
    pub message: String,
    /// What happened, in one line, when a delivery woke the agent.
    pub headline: Option<String>,
}

/// Something that was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// By whom.
    pub role: Role,
    /// What.
    pub content: String,
}

/// What an agent answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentReply {
    /// The answer; empty when it has nothing to say.
    pub content: String,
    /// What it cost, as the model counted.
    pub tokens: Option<Tokens>,
}

/// A run that came to nothing. Texts are for the owner of the agent: no secret is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Trying again later may help: the model could not be reached, or was busy.
    #[error("{0}")]
    Temporary(String),
    /// It would come to the same: wrong settings, a budget used up.
    #[error("{0}")]
    Permanent(String),
}

/// The tools of one run.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// What may be called.
    fn specs(&self) -> Vec<ToolSpec>;

    /// Calls a tool, and keeps record of it. Whatever goes wrong is part of the answer, for the model.
    async fn call(&self, name: &str, arguments: Value) -> ToolOutput;

    /// Takes note of what the run has cost so far, all in all: a run that comes to nothing, or takes too long, does not
    /// say it in its answer.
    fn spent(&self, _tokens: Tokens) {}
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
}

/// What a tool answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// The answer, JSON or text, bounded.
    pub content: String,
    /// It did not do what was asked.
    pub failed: bool,
}
