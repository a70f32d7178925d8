//! Where a call goes, with which key, through which sender: decided together, once.

use std::collections::HashMap;
use std::sync::Arc;

use posthouse_egress::Sender;
use posthouse_engine::{AgentRun, RunError};
use posthouse_types::{EndpointUrl, LlmProvider, SecretText, is_model_name};

use crate::options::ProviderDefaults;

/// What there is to choose from.
pub(super) struct Places {
    /// For addresses that users wrote, and public ones.
    pub(super) sender: Arc<dyn Sender>,
    /// For addresses that the operator wrote.
    pub(super) trusted: Arc<dyn Sender>,
    /// What the operator set.
    pub(super) providers: HashMap<LlmProvider, ProviderDefaults>,
}

/// The choice.
pub(super) struct Place {
    /// Through what.
    pub(super) sender: Arc<dyn Sender>,
    /// Where, as it is called; `None`: the provider's own address.
    pub(super) base_url: Option<String>,
    /// With which key.
    pub(super) key: Option<SecretText>,
    /// The key is the operator's, so what a provider says of it is not for the agent's owner.
    pub(super) key_is_operators: bool,
    /// Which model.
    pub(super) model: String,
}

impl Places {
    pub(super) fn choose(
        &self,
        run: &AgentRun,
        provider: LlmProvider,
        own: Option<&EndpointUrl>,
    ) -> Result<Place, RunError> {
        let defaults = self.providers.get(&provider);
        let model = run.agent.model.clone().ok_or_else(|| permanent("the agent names no model"))?;
        // Agents that were made before this was checked have any text there, and so may overrides.
        if !is_model_name(&model) {
            return Err(permanent("the model's name must be letters, digits and . _ : / @ + -"));
        }
        let theirs = run.secret.clone();
        if let Some(own) = own {
            if own.has_query() {
                return Err(permanent("base_url must not hold a query: paths are put behind it"));
            }
            let base_url = Some(own.normalised().to_owned());
            let sender = Arc::clone(&self.sender);
            return Ok(Place { sender, base_url, key: theirs, key_is_operators: false, model });
        }
        let operators = defaults.and_then(|defaults| defaults.api_key.clone());
        let key_is_operators = theirs.is_none() && operators.is_some();
        let key = theirs.or(operators);
        if let Some(configured) = defaults.and_then(|defaults| defaults.base_url.as_ref()) {
            let base_url = Some(configured.normalised().to_owned());
            let sender = Arc::clone(&self.trusted);
            return Ok(Place { sender, base_url, key, key_is_operators, model });
        }
        if provider == LlmProvider::Ollama {
            return Err(permanent("neither the agent nor the server says where Ollama is (base_url)"));
        }
        if key.is_none() {
            return Err(permanent(&format!(
                "neither the agent nor the server has an API key for {provider}"
            )));
        }
        Ok(Place { sender: Arc::clone(&self.sender), base_url: None, key, key_is_operators, model })
    }
}

fn permanent(text: &str) -> RunError {
    RunError::Permanent(text.to_owned())
}
