//! Which protocol a provider speaks.

use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use posthouse_types::LlmProvider;
use rig_core::DynModel;
use rig_core::operation::Completion;
use rig_core::providers::anthropic::wire::{AnthropicConfig, ToolInputStreaming};
use rig_core::providers::gemini::GeminiConfig;
use rig_core::providers::ollama::OllamaConfig;
use rig_core::providers::openai::{OpenAIConfig, wire::Auth};

use super::place::Place;
use super::transport::Transport;

/// Seconds that one call to a model may take.
const CALL_SECONDS_MAX: u32 = 300;
/// Tokens that Anthropic is allowed to answer with: its protocol requires a number, and refuses one that is larger
/// than the model's.
const ANTHROPIC_OUTPUT_TOKENS: u64 = 8_192;
/// The same for a model that is not known.
const ANTHROPIC_OUTPUT_TOKENS_UNKNOWN: u64 = 4_096;

/// Where a provider wants its key. Sources: “Authentication” of OpenAI's API reference, “Authentication” of
/// Anthropic's API overview, “Authentication” of the Gemini API reference; Ollama's has none, whoever puts a proxy
/// in front of it takes a bearer token.
const fn credential(provider: LlmProvider) -> (HeaderName, &'static str) {
    match provider {
        LlmProvider::Openai | LlmProvider::Ollama => (AUTHORIZATION, "Bearer "),
        LlmProvider::Anthropic => (HeaderName::from_static("x-api-key"), ""),
        LlmProvider::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
    }
}

/// The model at this place. The key is known to the transport alone.
pub(super) fn model(provider: LlmProvider, place: &Place, seconds: u32) -> DynModel<Completion> {
    let (header, prefix) = credential(provider);
    let key = place.key.as_ref().and_then(|key| {
        let mut value = HeaderValue::try_from(format!("{prefix}{}", key.expose())).ok()?;
        value.set_sensitive(true);
        Some((header, value))
    });
    let transport = Transport {
        sender: place.sender.clone(),
        key,
        timeout: Duration::from_secs(seconds.min(CALL_SECONDS_MAX).into()),
    };
    let name = place.model.as_str();
    match provider {
        LlmProvider::Openai => {
            let mut config = OpenAIConfig::new("");
            config.auth = Auth::OptionalBearer;
            if let Some(base_url) = &place.base_url {
                config = config.with_base_url(base_url);
            }
            config.connect(transport).chat(name).erase()
        }
        LlmProvider::Anthropic => {
            let mut config = AnthropicConfig::new("");
            if let Some(base_url) = &place.base_url {
                config = config.with_base_url(base_url);
            }
            let mut model = config.connect(transport).completion(name);
            let known = model.wire.default_max_tokens.unwrap_or(ANTHROPIC_OUTPUT_TOKENS_UNKNOWN);
            model.wire.default_max_tokens = Some(known.min(ANTHROPIC_OUTPUT_TOKENS));
            // Nothing is streamed, and those who speak this protocol without being Anthropic need not know it.
            model.wire.tool_input_streaming = ToolInputStreaming::Off;
            model.erase()
        }
        LlmProvider::Gemini => {
            let mut config = GeminiConfig::new("");
            if let Some(base_url) = &place.base_url {
                config = config.with_base_url(base_url);
            }
            config.connect(transport).completion(name).erase()
        }
        LlmProvider::Ollama => {
            let mut config = OllamaConfig::new();
            if let Some(base_url) = &place.base_url {
                config = config.with_base_url(base_url);
            }
            config.connect(transport).native_completion(name).erase()
        }
    }
}
