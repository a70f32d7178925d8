//! Votes in polls.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vote {
    /// The complete set of choices: it takes the place of your former vote. Empty clears it; a single-choice poll
    /// takes one.
    #[schema(example = json!(["Friday"]))]
    pub(crate) options: Vec<String>,
    /// The chat that the poll is in. Passed on in the event.
    #[schema(max_length = 256)]
    pub(crate) chat: Option<String>,
    /// Who sent the poll. Passed on in the event.
    #[schema(max_length = 256)]
    pub(crate) sender: Option<String>,
}

/// What became of a vote.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendResult {
    /// The poll's message.
    #[schema(example = "msg_01J9ZX8K2QHV0M3T6R7P4N5W8C")]
    pub(crate) message_id: String,
    /// `sync`: the vote stands when this is answered.
    #[schema(value_type = String, pattern = "^sync$")]
    pub(crate) mode: &'static str,
    /// The event that tells of the vote.
    #[schema(example = "evt_01J9ZX8K2QHV0M3T6R7P4N5W8C")]
    pub(crate) outbox_id: Option<String>,
    /// The same vote stood already: nothing was changed, and `outboxId` is the first one's; null when there was none.
    pub(crate) replayed: bool,
    /// `sent`.
    #[schema(value_type = String, pattern = "^sent$")]
    pub(crate) status: &'static str,
}
