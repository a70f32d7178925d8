//! Messages of a session on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something to say in a session: text, or a poll.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostMessage {
    /// `text` (when absent) or `poll`.
    #[schema(pattern = "^(text|poll)$")]
    pub(crate) kind: Option<String>,
    /// What is said, up to 64 KiB: of a `text`, which needs it.
    #[schema(min_length = 1, max_length = 65536)]
    pub(crate) content: Option<String>,
    /// What is asked: of a `poll`, which needs it.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) question: Option<String>,
    /// What can be chosen; all must differ. Of a `poll`, which needs it.
    #[schema(min_items = 2, max_items = 12)]
    pub(crate) options: Option<Vec<String>>,
    /// Several may be chosen; false when absent. Of a `poll`.
    pub(crate) multiple: Option<bool>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) id: String,
    /// The session.
    pub(crate) session_id: String,
    /// `text` or `poll`.
    pub(crate) kind: &'static str,
    /// Who said it: `user` or `assistant`.
    pub(crate) role: &'static str,
    /// What was said; of a poll, its question.
    pub(crate) content: String,
    /// The choices and votes of a poll.
    pub(crate) poll: Option<Poll>,
    /// The inbound delivery that it tells of; then it is no person's word.
    pub(crate) delivery_id: Option<String>,
    /// What an agent called while it made up its answer, in order.
    pub(crate) tool_calls: Vec<ToolCall>,
    /// What an agent's answer cost, as its model counted.
    pub(crate) tokens: Option<Tokens>,
    /// When it was said.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

/// A tool that an agent called.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolCall {
    /// The tool.
    pub(crate) name: String,
    /// Its arguments.
    pub(crate) arguments: Value,
    /// The action that was recorded of it, to be found with the delivery; calls that only read what was delivered
    /// have none.
    pub(crate) action_id: Option<String>,
}

/// What a language model counted.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Read by the model.
    pub(crate) input: u64,
    /// Written by the model.
    pub(crate) output: u64,
}

/// The choices and votes of a poll.
#[derive(Serialize, ToSchema)]
pub(crate) struct Poll {
    /// What can be chosen.
    pub(crate) options: Vec<String>,
    /// Several may be chosen.
    pub(crate) multiple: bool,
    /// Who has chosen what.
    pub(crate) votes: Vec<Vote>,
}

/// Someone's choice.
#[derive(Serialize, ToSchema)]
pub(crate) struct Vote {
    /// Who: the session, which votes as one.
    pub(crate) voter: String,
    /// What was chosen.
    pub(crate) selected: Vec<String>,
    /// When it was cast or changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}
