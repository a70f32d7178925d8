//! Webhooks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::{Object, nullable, present};

/// A webhook to register.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// Where to deliver: an absolute http or https URL without user name, password and fragment.
    #[schema(min_length = 1, max_length = 2048, format = "uri", example = "https://example.com/webhooks/wa")]
    pub(crate) url: String,
    /// Which event types: `*`, a type, or `prefix.*`. All when absent.
    #[schema(min_items = 1, max_items = 100, example = json!(["message", "poll.vote"]))]
    pub(crate) events: Option<Vec<String>>,
    /// Only events of this session, with or without `sess_`. All sessions when absent or null.
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) session_id: Option<String>,
    /// What signs deliveries; they are not signed without it. Never shown again.
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) secret: Option<String>,
    /// Headers of each delivery, applied last: they may override ours. At most 32 and 8 KiB.
    #[schema(example = json!({"X-Tenant": "acme"}))]
    pub(crate) custom_headers: Option<BTreeMap<String, String>>,
    /// When a failed delivery is tried again.
    #[schema(value_type = Option<RetryPolicyIn>)]
    pub(crate) retry_policy: Option<Object<RetryPolicyIn>>,
    /// Off: kept, and sent nothing. On when absent.
    pub(crate) active: Option<bool>,
}

/// What to change of a webhook. Absent: stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct UpdateWebhook {
    /// Where to deliver.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 2048, format = "uri")]
    pub(crate) url: Option<String>,
    /// Which event types.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 100)]
    pub(crate) events: Option<Vec<String>>,
    /// Only events of this session; null: of all.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub(crate) session_id: Option<Option<String>>,
    /// Signs from now on, in place of the old one; null: deliveries are not signed any more.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub(crate) secret: Option<Option<String>>,
    /// Replaces all custom headers; null: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) custom_headers: Option<Option<BTreeMap<String, String>>>,
    /// Replaces the retry policy, absent members included; null: the default one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<RetryPolicyIn>)]
    pub(crate) retry_policy: Option<Option<Object<RetryPolicyIn>>>,
    /// On or off. Switching on lets what waited go out.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) active: Option<bool>,
}

/// When a failed delivery is tried again, to set.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetryPolicyIn {
    /// Attempts in all, the first included; 15 when absent.
    #[schema(minimum = 1, maximum = 50)]
    pub(crate) attempts: Option<u16>,
    /// The base wait, seconds; 2 when absent. No single wait is longer than six hours.
    #[schema(minimum = 1, maximum = 3600)]
    pub(crate) delay_seconds: Option<u64>,
    /// `exponential` (2 s, 4 s, 8 s, …; when absent), `linear` (2 s, 4 s, 6 s, …) or `constant` (2 s, 2 s, 2 s, …).
    #[schema(example = "exponential", pattern = "^(exponential|linear|constant)$")]
    pub(crate) policy: Option<String>,
}

/// When a failed delivery is tried again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetryPolicy {
    /// Attempts in all, the first included.
    #[schema(example = 15)]
    pub(crate) attempts: u16,
    /// The base wait, seconds; of a policy of another kind, the first wait.
    #[schema(example = 2)]
    pub(crate) delay_seconds: u64,
    /// `exponential`, `linear` or `constant`; `standard` or `custom` when it was set through the native API, which
    /// knows waits that this one can not express.
    #[schema(value_type = String, example = "exponential")]
    pub(crate) policy: &'static str,
}

/// A webhook. Its secret is never shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    /// On or off.
    pub(crate) active: bool,
    /// When it was registered, milliseconds since 1970.
    #[schema(example = 1_719_662_400_000_i64)]
    pub(crate) created_at: i64,
    /// Headers of each delivery.
    #[schema(example = json!({"X-Tenant": "acme"}))]
    pub(crate) custom_headers: BTreeMap<String, String>,
    /// Which event types.
    #[schema(example = json!(["message", "poll.vote"]))]
    pub(crate) events: Vec<String>,
    /// Its id.
    #[schema(example = "wh_01J9ZX8K2QHV0M3T6R7P4N5W8C")]
    pub(crate) id: String,
    /// Whose it is.
    #[schema(example = "org_01J9ABC8K2QHV0M3T6R7P4N5W8")]
    pub(crate) organization_id: String,
    /// When a failed delivery is tried again.
    pub(crate) retry_policy: RetryPolicy,
    /// Only events of this session; null: of all.
    #[schema(required = true)]
    pub(crate) session_id: Option<String>,
    /// When it was last written, milliseconds since 1970.
    #[schema(example = 1_719_662_400_000_i64)]
    pub(crate) updated_at: i64,
    /// Where to deliver.
    #[schema(example = "https://example.com/webhooks/wa")]
    pub(crate) url: String,
}

/// All webhooks of an organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhooks {
    /// The webhooks, newest first.
    pub(crate) data: Vec<Webhook>,
    /// Empty: everything is on this one page.
    #[schema(value_type = String, max_length = 0)]
    pub(crate) next_cursor: &'static str,
}

/// No parameters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoQuery {}
