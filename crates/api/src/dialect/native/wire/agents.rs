//! Agents on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Lists, ToolsIn, nullable, present};
use crate::http::Object;

/// An agent to make. Members that its runner does not have are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAgent {
    /// For people.
    #[schema(min_length = 1, max_length = 128, example = "Reviewer")]
    pub(crate) name: String,
    /// What runs: `digest` (built in, a factual summary), `llm` (a language model), `command` (a program that the
    /// server's configuration names) or `http` (a POST of the message, the answer is the reply).
    #[schema(pattern = "^(digest|llm|command|http)$", example = "llm")]
    pub(crate) runner: String,
    /// The model; `llm` needs it.
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) model: Option<String>,
    /// Standing instructions, at most 32 KiB.
    pub(crate) system_prompt: Option<String>,
    /// Which tools it may use; those that only read when absent.
    pub(crate) tools: Option<ToolsIn>,
    /// What one run may take.
    #[schema(value_type = Option<AgentLimitsIn>)]
    pub(crate) limits: Option<Object<AgentLimitsIn>>,
    /// Actions that change something wait until a person approves them; false when absent.
    pub(crate) approval: Option<bool>,
    /// The project it belongs to.
    #[schema(format = "uuid")]
    pub(crate) project_id: Option<String>,
    /// Whose protocol the model speaks, of `llm`: `openai` (when absent), `anthropic`, `gemini` or `ollama`.
    #[schema(pattern = "^(openai|anthropic|gemini|ollama)$")]
    pub(crate) provider: Option<String>,
    /// Where the model is, of `llm`, when it is not at the provider's own address.
    #[schema(max_length = 2048, format = "uri")]
    pub(crate) base_url: Option<String>,
    /// The key for the model, of `llm`. Never shown.
    pub(crate) api_key: Option<String>,
    /// The program, of `command`, which needs it: its name in the server's configuration.
    pub(crate) command: Option<String>,
    /// Where the message is sent to, of `http`, which needs it.
    #[schema(max_length = 2048, format = "uri")]
    pub(crate) url: Option<String>,
    /// What signs those requests (`whsec_…`), of `http`; they are not signed without one. Never shown.
    pub(crate) secret: Option<String>,
}

/// What to change of an agent. Absent: stays, also inside of objects. Null: back to what an agent has when nothing is
/// said. With another runner, the members of the one before are gone, its key or secret too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct UpdateAgent {
    /// For people.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 128)]
    pub(crate) name: Option<String>,
    /// What runs.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, pattern = "^(digest|llm|command|http)$")]
    pub(crate) runner: Option<String>,
    /// The model.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub(crate) model: Option<Option<String>>,
    /// Standing instructions.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) system_prompt: Option<Option<String>>,
    /// Which tools it may use.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<ToolsIn>)]
    pub(crate) tools: Option<Option<ToolsIn>>,
    /// What one run may take.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<AgentLimitsIn>)]
    pub(crate) limits: Option<Option<Object<AgentLimitsIn>>>,
    /// Actions that change something wait until a person approves them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) approval: Option<bool>,
    /// Whose protocol the model speaks.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^(openai|anthropic|gemini|ollama)$")]
    pub(crate) provider: Option<Option<String>>,
    /// Where the model is.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2048, format = "uri")]
    pub(crate) base_url: Option<Option<String>>,
    /// The key for the model. Needed when `provider` or `base_url` change and there is one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) api_key: Option<Option<String>>,
    /// The program.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    pub(crate) command: Option<String>,
    /// Where the message is sent to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 2048, format = "uri")]
    pub(crate) url: Option<String>,
    /// What signs those requests.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) secret: Option<Option<String>>,
}

/// What one run of an agent may take. When it takes more, it fails.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct AgentLimitsIn {
    /// How often the model is asked; 12 when absent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub(crate) turns: Option<Option<u32>>,
    /// Tokens, in and out together; 200,000 when absent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000_000)]
    pub(crate) tokens: Option<Option<u32>>,
    /// Seconds; 600 when absent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3600)]
    pub(crate) seconds: Option<Option<u32>>,
}

/// A preset that reacts to what arrives: what runs, with which instructions, tools and budgets.
#[derive(Serialize, ToSchema)]
pub(crate) struct Agent {
    /// Its id.
    #[schema(example = "agt_01K8Z3NDEKTSV4RRFFQ69G5FAV")]
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// What runs: `digest`, `llm`, `command` or `http`.
    pub(crate) runner: &'static str,
    /// The model.
    pub(crate) model: Option<String>,
    /// Standing instructions.
    pub(crate) system_prompt: String,
    /// Which tools it may use; null: those that only read.
    pub(crate) tools: Option<Lists>,
    /// What one run may take.
    pub(crate) limits: AgentLimits,
    /// Actions that change something wait until a person approves them.
    pub(crate) approval: bool,
    /// The project it belongs to.
    pub(crate) project_id: Option<String>,
    /// Whose protocol the model of `llm` speaks.
    pub(crate) provider: Option<&'static str>,
    /// Where the model of `llm` is, when it is not at the provider's own address.
    pub(crate) base_url: Option<String>,
    /// It has a key of its own for its model.
    pub(crate) has_api_key: bool,
    /// The program of `command`.
    pub(crate) command: Option<String>,
    /// Where the messages for `http` are sent to.
    pub(crate) url: Option<String>,
    /// Its requests are signed.
    pub(crate) has_secret: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// What one run of an agent may take.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentLimits {
    /// How often the model is asked.
    pub(crate) turns: u32,
    /// Tokens, in and out together.
    pub(crate) tokens: u32,
    /// Seconds.
    pub(crate) seconds: u32,
}
