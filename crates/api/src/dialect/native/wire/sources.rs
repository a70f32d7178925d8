//! Sources on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Lists, ToolsIn, nullable, present};
use crate::http::Object;

/// A source to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSource {
    /// For people.
    #[schema(min_length = 1, max_length = 128, example = "Reviews")]
    pub(crate) name: String,
    /// The provider's profile: a name that `GET /profiles` lists. It can not be changed later.
    #[schema(example = "github")]
    pub(crate) profile: String,
    /// For people.
    #[schema(max_length = 1024)]
    pub(crate) description: Option<String>,
    /// The project it belongs to.
    #[schema(format = "uuid")]
    pub(crate) project_id: Option<String>,
    /// How requests prove who sent them; as the profile has it when absent.
    #[schema(value_type = Option<SourceAuthIn>)]
    pub(crate) auth: Option<Object<SourceAuthIn>>,
    /// Which types of events it takes on; all when absent.
    #[schema(value_type = Option<TypeFilterIn>)]
    pub(crate) events: Option<Object<TypeFilterIn>>,
    /// A header that holds the type, looked at before those that the profile knows.
    pub(crate) event_header: Option<String>,
    /// Accounts whose doings are passed over, as the provider names them: the one that the agent acts as.
    pub(crate) ignored_senders: Option<Vec<String>>,
    /// How deliveries become sessions; each its own when absent.
    #[schema(value_type = Option<SourceSessionIn>)]
    pub(crate) session: Option<Object<SourceSessionIn>>,
    /// The agent that reacts; the built-in digest when absent.
    pub(crate) agent_id: Option<String>,
    /// What differs from the agent's own settings.
    #[schema(value_type = Option<OverridesIn>)]
    pub(crate) overrides: Option<Object<OverridesIn>>,
    /// Requests taken on in any 60 seconds; 60 when absent.
    #[schema(minimum = 1, maximum = 100_000_000)]
    pub(crate) rate_limit_per_minute: Option<u32>,
    /// The longest body, bytes; 1 MiB when absent.
    #[schema(minimum = 1, maximum = 26_214_400)]
    pub(crate) max_body_bytes: Option<u32>,
    /// Networks or addresses that may send; all when absent or empty.
    #[schema(max_items = 100, example = json!(["192.0.2.0/24"]))]
    pub(crate) allowed_cidrs: Option<Vec<String>>,
    /// For how long an equal body is a repeat, where the provider sends no key; 0: never, 300 when absent.
    #[schema(minimum = 0, maximum = 86400)]
    pub(crate) dedup_by_body_seconds: Option<u32>,
    /// The credential for the provider's REST API, for agents that act there. Never shown.
    pub(crate) provider_token: Option<String>,
    /// Where the provider's REST API is, when it is not at the provider's own address.
    #[schema(max_length = 2048, format = "uri")]
    pub(crate) provider_url: Option<String>,
    /// Takes the place of the message given to the agent; `{a.b}` stands for members of the payload.
    pub(crate) prompt_template: Option<String>,
    /// No agent runs: the message alone is put into the session.
    pub(crate) deliver_only: Option<bool>,
    /// Off: its URL answers as if there were none. On when absent.
    pub(crate) enabled: Option<bool>,
}

/// What to change of a source. Absent: stays, also inside of objects. Null: back to what a source has when nothing is
/// said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "Pull requests of the website", "enabled": true}))]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct UpdateSource {
    /// For people.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 128)]
    pub(crate) name: Option<String>,
    /// For people.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub(crate) description: Option<Option<String>>,
    /// How requests prove who sent them. A secret or token takes the place of all there were, at once; to change over
    /// without a gap, rotate it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = SourceAuthIn, required = false)]
    pub(crate) auth: Option<Object<SourceAuthIn>>,
    /// Which types of events it takes on.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<TypeFilterIn>)]
    pub(crate) events: Option<Option<Object<TypeFilterIn>>>,
    /// A header that holds the type.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) event_header: Option<Option<String>>,
    /// Accounts whose doings are passed over.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) ignored_senders: Option<Option<Vec<String>>>,
    /// How deliveries become sessions.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<SourceSessionIn>)]
    pub(crate) session: Option<Option<Object<SourceSessionIn>>>,
    /// The agent that reacts.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) agent_id: Option<Option<String>>,
    /// What differs from the agent's own settings.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<OverridesIn>)]
    pub(crate) overrides: Option<Option<Object<OverridesIn>>>,
    /// Requests taken on in any 60 seconds.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100_000_000)]
    pub(crate) rate_limit_per_minute: Option<Option<u32>>,
    /// The longest body, bytes.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 26_214_400)]
    pub(crate) max_body_bytes: Option<Option<u32>>,
    /// Networks or addresses that may send.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub(crate) allowed_cidrs: Option<Option<Vec<String>>>,
    /// For how long an equal body is a repeat.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 86400)]
    pub(crate) dedup_by_body_seconds: Option<Option<u32>>,
    /// The credential for the provider's REST API. Needed when `provider_url` changes and there is one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) provider_token: Option<Option<String>>,
    /// Where the provider's REST API is.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 2048, format = "uri")]
    pub(crate) provider_url: Option<Option<String>>,
    /// Takes the place of the message given to the agent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) prompt_template: Option<Option<String>>,
    /// No agent runs.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) deliver_only: Option<bool>,
    /// On or off.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) enabled: Option<bool>,
}

/// How requests are to prove who sent them.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct SourceAuthIn {
    /// `none`, `static_header`, `bearer`, `github_hmac_sha256`, `gitlab_token`, `stripe_webhook_signature`,
    /// `linear_webhook_signature`, `pagerduty_v2_signature`, `sentry_webhook_signature`, `standard_webhooks`,
    /// `slack_signature` or `shopify_hmac_sha256`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "github_hmac_sha256")]
    pub(crate) mode: Option<Option<String>>,
    /// The header of `static_header`; `X-Webhook-Secret` when absent.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) header: Option<Option<String>>,
    /// What signs requests, in the modes that sign; made when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    pub(crate) secret: Option<String>,
    /// What requests bring along, in the modes `static_header`, `bearer` and `gitlab_token`; made when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    pub(crate) token: Option<String>,
}

/// Which types of events a source is to take on. An entry is a type; without a full stop it names the whole family.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct TypeFilterIn {
    /// Only these; all when empty.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, max_items = 200, example = json!(["pull_request.opened"]))]
    pub(crate) allow: Option<Option<Vec<String>>>,
    /// Never these.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, max_items = 200)]
    pub(crate) deny: Option<Option<Vec<String>>>,
}

/// How deliveries are to become sessions.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct SourceSessionIn {
    /// `per_delivery` (each its own), `per_entity` (all about one thing together) or `named_session` (all in one).
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^(per_delivery|per_entity|named_session)$")]
    pub(crate) mode: Option<Option<String>>,
    /// The session of `named_session`; one of the source's own when absent or empty.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 128)]
    pub(crate) name: Option<Option<String>>,
}

/// What is to differ from the agent's own settings.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct OverridesIn {
    /// Another model.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub(crate) model: Option<Option<String>>,
    /// Put behind the agent's system prompt.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) system_prompt_suffix: Option<Option<String>>,
    /// Tools must be permitted by this as well.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<ToolsIn>)]
    pub(crate) tools: Option<Option<ToolsIn>>,
}

/// Where requests are received.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the object on the wire")]
pub(crate) struct Source {
    /// Its id.
    #[schema(example = "src_01K8Z3NDEKTSV4RRFFQ69G5FAV")]
    pub(crate) id: String,
    /// The same as a number.
    pub(crate) number: u64,
    /// What its URL ends with. It routes, and proves nothing.
    #[schema(example = "wh_4f1d2c3b5a69788796a5b4c3d2e1f0a1b2c3")]
    pub(crate) public_id: String,
    /// Where the provider is to send its requests.
    #[schema(format = "uri")]
    pub(crate) ingest_url: String,
    /// For people.
    pub(crate) name: String,
    /// The provider's profile.
    pub(crate) profile: String,
    /// For people.
    pub(crate) description: String,
    /// The project it belongs to.
    pub(crate) project_id: Option<String>,
    /// How requests prove who sent them.
    pub(crate) auth: SourceAuth,
    /// It has a secret or token.
    pub(crate) has_secret: bool,
    /// Which types of events it takes on.
    pub(crate) events: Lists,
    /// A header that holds the type.
    pub(crate) event_header: Option<String>,
    /// Accounts whose doings are passed over.
    pub(crate) ignored_senders: Vec<String>,
    /// How deliveries become sessions.
    pub(crate) session: SourceSession,
    /// The agent that reacts; null: the built-in digest.
    pub(crate) agent_id: Option<String>,
    /// What differs from the agent's own settings.
    pub(crate) overrides: Overrides,
    /// Requests taken on in any 60 seconds.
    pub(crate) rate_limit_per_minute: u32,
    /// The longest body, bytes.
    pub(crate) max_body_bytes: u32,
    /// Networks or addresses that may send; empty: all.
    pub(crate) allowed_cidrs: Vec<String>,
    /// For how long an equal body is a repeat, where the provider sends no key.
    pub(crate) dedup_by_body_seconds: u32,
    /// It has a credential for the provider's REST API.
    pub(crate) has_provider_token: bool,
    /// Where the provider's REST API is, when it is not at the provider's own address.
    pub(crate) provider_url: Option<String>,
    /// Takes the place of the message given to the agent.
    pub(crate) prompt_template: Option<String>,
    /// No agent runs.
    pub(crate) deliver_only: bool,
    /// On or off.
    pub(crate) enabled: bool,
    /// How many requests it has taken on.
    pub(crate) deliveries: u64,
    /// When it last took one on.
    #[schema(format = DateTime)]
    pub(crate) last_delivery_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
    /// What its owner should think over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub(crate) warning: Option<&'static str>,
}

/// How requests prove who sent them.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceAuth {
    /// The mode.
    pub(crate) mode: &'static str,
    /// The header of `static_header`, when it is not `X-Webhook-Secret`.
    pub(crate) header: Option<String>,
}

/// How deliveries become sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceSession {
    /// `per_delivery`, `per_entity` or `named_session`.
    pub(crate) mode: &'static str,
    /// The session of `named_session`, when it is not one of the source's own.
    pub(crate) name: Option<String>,
}

/// What differs from the agent's own settings.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overrides {
    /// Another model.
    pub(crate) model: Option<String>,
    /// Put behind the agent's system prompt.
    pub(crate) system_prompt_suffix: Option<String>,
    /// Tools must be permitted by this as well.
    pub(crate) tools: Option<Lists>,
}

/// A new source.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedSource {
    /// The source.
    #[serde(flatten)]
    pub(crate) source: Source,
    /// What senders prove themselves with, when it was made here: enter it at the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub(crate) secret: Option<String>,
}

/// What senders prove themselves with.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceSecret {
    /// The secret or token.
    pub(crate) secret: String,
}

/// How to rotate a source's secret.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSourceSecret {
    /// How long the old secret is still taken; a day when absent.
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub(crate) overlap_seconds: Option<u64>,
    /// The new secret or token; made when absent.
    pub(crate) secret: Option<String>,
}

/// A source's new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedSourceSecret {
    /// It is taken from now on.
    pub(crate) secret: String,
    /// How long the old secret is still taken.
    pub(crate) overlap_seconds: u64,
}
