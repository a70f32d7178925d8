//! Which runner it is.

use std::sync::Arc;

use async_trait::async_trait;
use posthouse_engine::{AgentReply, AgentRun, AgentRunner, RunError, Toolbox};
use posthouse_types::Runner;
use posthouse_types::limits::MESSAGE_BYTES_MAX;

use crate::command::Commands;
use crate::digest;
use crate::llm::Models;
use crate::options::{RunnersError, RunnersOptions};
use crate::post::Poster;
use crate::text::cut_bytes;

/// Runs agents, each as its settings say.
pub struct Runners {
    models: Models,
    commands: Commands,
    poster: Poster,
}

impl Runners {
    /// Checks the options.
    pub fn new(options: RunnersOptions) -> Result<Self, RunnersError> {
        options.check()?;
        Ok(Self {
            poster: Poster::new(Arc::clone(&options.sender), options.clock),
            models: Models::new(options.sender, options.trusted, options.providers),
            commands: Commands::new(options.commands),
        })
    }
}

#[async_trait]
impl AgentRunner for Runners {
    async fn run(&self, run: AgentRun, tools: Arc<dyn Toolbox>) -> Result<AgentReply, RunError> {
        let mut reply = match &run.agent.runner {
            Runner::Digest => digest::digest(&run),
            Runner::Llm { provider, base_url } => {
                self.models.run(&run, *provider, base_url.as_ref(), &*tools).await?
            }
            Runner::Command { command } => self.commands.run(command, &run).await?,
            Runner::Http { url } => self.poster.run(url, &run, &*tools).await?,
        };
        // An answer becomes a message of the session.
        reply.content = cut_bytes(reply.content, MESSAGE_BYTES_MAX);
        Ok(reply)
    }
}
