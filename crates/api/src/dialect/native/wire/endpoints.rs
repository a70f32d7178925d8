//! Endpoints on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use super::{PolicyIn, nullable, present};
use crate::http::Object;

/// An endpoint to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateEndpoint {
    /// Where to deliver: an absolute http or https URL without user name, password and fragment.
    #[schema(min_length = 1, max_length = 2048, format = "uri", example = "https://example.com/webhooks")]
    pub(crate) url: String,
    /// Which event types: `*`, a type, or `prefix.*`. All when absent.
    #[schema(min_items = 1, max_items = 100, example = json!(["message.*"]))]
    pub(crate) events: Option<Vec<String>>,
    /// For people.
    #[schema(max_length = 1024)]
    pub(crate) description: Option<String>,
    /// Only events of this project.
    #[schema(format = "uuid")]
    pub(crate) project_id: Option<String>,
    /// Only events of this session.
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) session_id: Option<String>,
    /// The envelope, headers and signature used: `standard` (Standard Webhooks; when absent), `molroo`, `sonzai`,
    /// `whatsapp` or `casey`.
    #[schema(example = "standard", pattern = "^(standard|molroo|sonzai|whatsapp|casey)$")]
    pub(crate) wire: Option<String>,
    /// The signing secret (`whsec_…`); made when absent.
    pub(crate) secret: Option<String>,
    /// Headers added to each delivery, at most 32 and 8 KiB.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// When a failure is tried again: a policy, or its name alone.
    #[schema(value_type = Option<PolicyIn>)]
    pub(crate) retry_policy: Option<PolicyIn>,
    /// Delays sends beyond this rate; drops none.
    #[schema(value_type = Option<RateLimitIn>)]
    pub(crate) rate_limit: Option<Object<RateLimitIn>>,
    /// Which events wait for each other: `none`, `session` or `endpoint`.
    #[schema(pattern = "^(none|session|endpoint)$")]
    pub(crate) ordering: Option<String>,
    /// Time for one attempt.
    #[schema(minimum = 1000, maximum = 30000)]
    pub(crate) timeout_ms: Option<u32>,
    /// Conditions on the payload by JSON Pointer, all of which must hold: `{"/status": "done"}`.
    #[schema(value_type = Option<Object>)]
    pub(crate) filter: Option<Map<String, Value>>,
    /// Off: new events are not matched. On when absent.
    pub(crate) enabled: Option<bool>,
    /// Your own data, at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// What to change of an endpoint. Absent: stays. Null: back to what an endpoint has when nothing is said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct UpdateEndpoint {
    /// Where to deliver.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 2048, format = "uri")]
    pub(crate) url: Option<String>,
    /// Which event types.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, min_items = 1, max_items = 100)]
    pub(crate) events: Option<Option<Vec<String>>>,
    /// For people.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub(crate) description: Option<Option<String>>,
    /// The envelope, headers and signature used.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^(standard|molroo|sonzai|whatsapp|casey)$")]
    pub(crate) wire: Option<Option<String>>,
    /// Replaces all custom headers.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) headers: Option<Option<BTreeMap<String, String>>>,
    /// When a failure is tried again: a policy, or its name alone.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<PolicyIn>)]
    pub(crate) retry_policy: Option<Option<PolicyIn>>,
    /// Delays sends beyond this rate.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<RateLimitIn>)]
    pub(crate) rate_limit: Option<Option<Object<RateLimitIn>>>,
    /// Which events wait for each other.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^(none|session|endpoint)$")]
    pub(crate) ordering: Option<Option<String>>,
    /// Time for one attempt.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1000, maximum = 30000)]
    pub(crate) timeout_ms: Option<Option<u32>>,
    /// Conditions on the payload.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Object>)]
    pub(crate) filter: Option<Option<Map<String, Value>>>,
    /// On or off. Switching on clears the health and lets what waited go out.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub(crate) enabled: Option<bool>,
    /// Replaces all of your own data.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Option<Map<String, Value>>>,
}

/// When a failed delivery is tried again.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetryPolicy {
    /// `standard` (10 attempts over three days), `exponential`, `linear`, `constant` or `custom`.
    #[schema(example = "exponential")]
    pub(crate) policy: &'static str,
    /// The base wait: `exponential`, `linear`, `constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_seconds: Option<u64>,
    /// Attempts in all: `exponential`, `linear`, `constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u16>,
    /// No single wait is longer: `exponential`, `linear`, `constant`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap_seconds: Option<u64>,
    /// The waits, one less than there are attempts: `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>)]
    pub(crate) delays_seconds: Option<Vec<Number>>,
    /// Part of a wait by which it may be longer or shorter.
    pub(crate) jitter: f64,
}

/// A throttle to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitIn {
    /// Sends per second.
    #[schema(minimum = 1, maximum = 10000)]
    pub(crate) per_second: u32,
    /// Sends that may go at once after a pause; `per_second` when absent.
    #[schema(minimum = 1, maximum = 10000)]
    pub(crate) burst: Option<u32>,
}

/// A throttle.
#[derive(Serialize, ToSchema)]
pub(crate) struct RateLimit {
    /// Sends per second.
    pub(crate) per_second: u32,
    /// Sends that may go at once after a pause.
    pub(crate) burst: u32,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct Endpoint {
    /// Its id.
    pub(crate) id: String,
    /// Where to deliver.
    pub(crate) url: String,
    /// Which event types.
    pub(crate) events: Vec<String>,
    /// For people.
    pub(crate) description: String,
    /// Only events of this project.
    pub(crate) project_id: Option<String>,
    /// Only events of this session.
    pub(crate) session_id: Option<String>,
    /// The envelope, headers and signature used.
    pub(crate) wire: &'static str,
    /// Headers added to each delivery. Values are `[redacted]` unless the key has `manage`.
    pub(crate) headers: BTreeMap<String, String>,
    /// When a failure is tried again.
    pub(crate) retry_policy: RetryPolicy,
    /// Delays sends beyond this rate.
    pub(crate) rate_limit: Option<RateLimit>,
    /// Which events wait for each other.
    pub(crate) ordering: &'static str,
    /// Time for one attempt.
    pub(crate) timeout_ms: u32,
    /// Conditions on the payload.
    #[schema(value_type = Option<Object>)]
    pub(crate) filter: Option<Map<String, Value>>,
    /// On or off.
    pub(crate) enabled: bool,
    /// The owner's own data.
    #[schema(value_type = Object)]
    pub(crate) metadata: Map<String, Value>,
    /// When it was registered.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When its settings last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
    /// How its deliveries have fared.
    pub(crate) health: Health,
}

/// How an endpoint's deliveries have fared.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy`, `failing`, `open` (waiting for the next probe) or `disabled`.
    pub(crate) state: &'static str,
    /// Failed attempts since the last success.
    pub(crate) consecutive_failures: u32,
    /// When the present run of failures began.
    #[schema(format = DateTime)]
    pub(crate) failing_since: Option<String>,
    /// The last success.
    #[schema(format = DateTime)]
    pub(crate) last_success_at: Option<String>,
    /// Nothing is sent before this, and then one probe.
    #[schema(format = DateTime)]
    pub(crate) open_until: Option<String>,
    /// Why it is off although its owner did not switch it off: `gone` or `failing`.
    pub(crate) disabled_reason: Option<&'static str>,
}

/// A new endpoint with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedEndpoint {
    /// The endpoint.
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    /// What signs its deliveries.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub(crate) secret: Option<String>,
}

/// A signing secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secret {
    /// What signs deliveries now.
    pub(crate) secret: String,
}

/// How to rotate a secret.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateSecret {
    /// How long the old secret signs beside the new one; a day when absent.
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub(crate) overlap_seconds: Option<u64>,
    /// The new secret; made when absent.
    pub(crate) secret: Option<String>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rotated {
    /// What signs from now on.
    pub(crate) secret: String,
    /// How long the old secret signs beside it.
    pub(crate) overlap_seconds: u64,
}

/// A test event on its way.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestSent {
    /// The event.
    pub(crate) event_id: String,
    /// Its one delivery.
    pub(crate) delivery_id: String,
}
