//! Agents that are language models.
//!
//! # How it works
//! [`place`] decides where a call goes and with whose key, [`provider`] which protocol it is in, [`transport`]
//! carries it through egress, [`failure`] says what an error means. [`conversation`] asks, runs the tools that the
//! model calls and asks again, within the agent's budget.

mod conversation;
mod failure;
mod place;
mod provider;
mod transport;

use std::collections::HashMap;
use std::sync::Arc;

use posthouse_egress::Sender;
use posthouse_engine::{AgentReply, AgentRun, RunError, Toolbox};
use posthouse_types::{EndpointUrl, LlmProvider};

use crate::options::ProviderDefaults;
use conversation::Conversation;
use place::Places;

/// Asks language models.
pub(crate) struct Models {
    places: Places,
}

impl Models {
    pub(crate) fn new(
        sender: Arc<dyn Sender>,
        trusted: Arc<dyn Sender>,
        providers: HashMap<LlmProvider, ProviderDefaults>,
    ) -> Self {
        Self { places: Places { sender, trusted, providers } }
    }

    /// Asks the model of an agent until it has an answer.
    pub(crate) async fn run(
        &self,
        run: &AgentRun,
        provider: LlmProvider,
        base_url: Option<&EndpointUrl>,
        tools: &dyn Toolbox,
    ) -> Result<AgentReply, RunError> {
        let place = self.places.choose(run, provider, base_url)?;
        let model = provider::model(provider, &place, run.agent.limits.seconds);
        Conversation::new(run, provider, model, tools).run(&place).await
    }
}
