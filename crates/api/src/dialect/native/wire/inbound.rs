//! What arrived at sources, on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// One request to a source, accepted or refused.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundDelivery {
    /// Its id.
    #[schema(example = "inb_01K8Z3NDEKTSV4RRFFQ69G5FAV")]
    pub(crate) id: String,
    /// The same as a number.
    pub(crate) number: u64,
    /// Where it arrived.
    pub(crate) source_id: String,
    /// `received`, `filtered`, `deduplicated`, `rejected`, `queued`, `processing`, `completed` or `failed`.
    pub(crate) status: &'static str,
    /// Why it was not taken on, in a word: of `rejected`, `filtered` and `deduplicated`.
    pub(crate) reason: Option<String>,
    /// What kind of thing happened, as the source's profile reads it.
    pub(crate) event_type: Option<String>,
    /// What it is about, as the source's profile reads it.
    pub(crate) entity_key: Option<String>,
    /// What tells it from others.
    pub(crate) dedup_key: Option<String>,
    /// Who sent it.
    pub(crate) remote_ip: Option<String>,
    /// Those of its headers that are kept, names in lower case; never what proves the sender.
    pub(crate) headers: BTreeMap<String, String>,
    /// Length of its body, kept or not.
    pub(crate) body_bytes: u64,
    /// The session it belongs to; null for what was not taken on.
    pub(crate) session_id: Option<String>,
    /// How often an agent was set to work on it.
    pub(crate) runs: u16,
    /// Why the last run failed.
    pub(crate) error: Option<String>,
    /// When it arrived.
    #[schema(format = DateTime)]
    pub(crate) received_at: String,
    /// When the last run began.
    #[schema(format = DateTime)]
    pub(crate) started_at: Option<String>,
    /// When the last run ended.
    #[schema(format = DateTime)]
    pub(crate) finished_at: Option<String>,
    /// How long the last run took.
    pub(crate) duration_ms: Option<u64>,
    /// What the model read in the last run, as it counted.
    pub(crate) tokens_in: Option<u64>,
    /// What it wrote.
    pub(crate) tokens_out: Option<u64>,
}

/// An inbound delivery with all that is known of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboundDetail {
    /// The delivery.
    #[serde(flatten)]
    pub(crate) delivery: InboundDelivery,
    /// What an agent is told of it, as long as its body is kept.
    pub(crate) normalized: Option<String>,
    /// What was done about it at the provider, oldest first.
    pub(crate) actions: Vec<Action>,
}

/// Something that an agent did, or wants to do, at a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct Action {
    /// Its id.
    #[schema(example = "act_01K8Z3NDEKTSV4RRFFQ69G5FAV")]
    pub(crate) id: String,
    /// The tool.
    pub(crate) tool: String,
    /// The tool's arguments.
    pub(crate) input: Value,
    /// What the provider answered, up to 64 KiB.
    pub(crate) output: Option<String>,
    /// `running` (begun), `success`, `error`, `unknown` (it may have been carried out), `waiting` (for approval),
    /// `approved` or `denied`.
    pub(crate) status: &'static str,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// What the provider calls that which was made.
    pub(crate) object: Option<String>,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When its status last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// Which deliveries of a source to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InboundQuery {
    /// Deliveries on a page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// With this status.
    pub(crate) status: Option<String>,
    /// Of this type, in full.
    pub(crate) event_type: Option<String>,
    /// Received at or after this time (RFC 3339).
    #[param(format = DateTime)]
    pub(crate) since: Option<String>,
    /// Received before this time (RFC 3339).
    #[param(format = DateTime)]
    pub(crate) until: Option<String>,
}
