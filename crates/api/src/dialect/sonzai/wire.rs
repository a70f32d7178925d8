//! What goes over the wire, exactly: serde structs and their descriptions, nothing else. Names are those of Sonzai's
//! own schemas, which bodies name in `$schema`.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// What a path names.
#[derive(Deserialize)]
pub(super) struct Named {
    /// The project; absent where the tenant is meant.
    #[serde(rename = "projectId")]
    pub(super) project: Option<String>,
    /// The event type; absent where all are meant.
    #[serde(rename = "eventType", default)]
    pub(super) event_type: String,
}

/// A webhook to register, or what is to take the place of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertWebhookInputBody {
    /// A URL to the JSON Schema for this object. Not looked at.
    #[serde(rename = "$schema")]
    #[schema(value_type = Option<String>)]
    _schema: Option<IgnoredAny>,
    /// Destination URL for webhook delivery.
    #[schema(max_length = 2048, example = "https://example.com/hooks/sonzai")]
    pub(super) webhook_url: String,
    /// Authorization header value sent with each delivery. Without it, deliveries have no such header.
    pub(super) auth_header: Option<String>,
}

/// What came of registering or changing a webhook.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpsertWebhookOutputBody {
    /// A URL to the JSON Schema for this object.
    #[serde(rename = "$schema")]
    #[schema(format = "uri")]
    pub(super) schema: String,
    /// HMAC signing secret (only returned on first registration).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) signing_secret: Option<String>,
    /// Whether the webhook was registered.
    pub(super) success: bool,
}

/// A new signing secret.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateSigningSecretOutputBody {
    /// A URL to the JSON Schema for this object.
    #[serde(rename = "$schema")]
    #[schema(format = "uri")]
    pub(super) schema: String,
    /// The new HMAC signing secret.
    pub(super) signing_secret: String,
    /// Whether the secret was rotated.
    pub(super) success: bool,
}

/// The webhooks of a project or of the tenant.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListWebhooksOutputBody {
    /// A URL to the JSON Schema for this object.
    #[serde(rename = "$schema")]
    #[schema(format = "uri")]
    pub(super) schema: String,
    /// List of registered webhooks.
    pub(super) webhooks: Vec<Webhook>,
}

/// A webhook: where events of one type go.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "members are named as in the published API")]
pub(super) struct Webhook {
    /// Authorization header value sent with each delivery, when there is one; `[redacted]` for keys without
    /// `manage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) auth_header: Option<String>,
    /// When it was registered.
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    /// The event type.
    pub(super) event_type: String,
    /// Whether events are delivered. It goes off by itself when the receiver answers 410, or with nothing but failures
    /// for five days; registering it again switches it on.
    pub(super) is_active: bool,
    /// The project; the tenant's own id for a webhook of the tenant.
    #[schema(format = "uuid")]
    pub(super) project_id: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub(super) updated_at: String,
    /// Destination URL for webhook delivery.
    pub(super) webhook_url: String,
}

/// Which delivery attempts: `limit` and `offset`, or `page_size` and `cursor`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AttemptsQuery {
    /// Max results.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 50)]
    pub(super) limit: Option<String>,
    /// Pagination offset.
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    pub(super) offset: Option<String>,
    /// Max results on a page. Not together with `limit` or `offset`.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, default = 50)]
    pub(super) page_size: Option<String>,
    /// `next_cursor` of the page before. Not together with `limit` or `offset`.
    pub(super) cursor: Option<String>,
}

/// A page of delivery attempts, of the newest delivery first.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDeliveryAttemptsOutputBody {
    /// A URL to the JSON Schema for this object.
    #[serde(rename = "$schema")]
    #[schema(format = "uri")]
    pub(super) schema: String,
    /// The attempts.
    pub(super) attempts: Vec<WebhookDeliveryAttempt>,
    /// Whether more follow.
    pub(super) has_more: bool,
    /// Hand it back as `cursor` to get what follows; only when more follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) next_cursor: Option<String>,
}

/// One request that was made to deliver an event.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookDeliveryAttempt {
    /// Its id.
    pub(super) attempt_id: String,
    /// 1 for the first attempt to deliver the event.
    #[schema(minimum = 1)]
    pub(super) attempt_number: u16,
    /// When it began.
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    /// How long it took, milliseconds.
    pub(super) duration_ms: u32,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) error_message: Option<String>,
    /// The event's type.
    pub(super) event_type: String,
    /// The webhook's project, as in the list of webhooks.
    #[schema(format = "uuid")]
    pub(super) project_id: String,
    /// What was sent, in base64. Absent when a page has had much of it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, content_encoding = "base64")]
    pub(super) request_body: Option<String>,
    /// The beginning of what was answered, as text; absent without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) response_body: Option<String>,
    /// The HTTP status that was answered; 0 without an answer.
    pub(super) response_code: u16,
    /// `success` when the answer was 2xx, else `failed`.
    #[schema(pattern = "^(success|failed)$")]
    pub(super) status: &'static str,
    /// Where it was sent.
    pub(super) webhook_url: String,
}

/// No body, or an object without members.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What went wrong (RFC 7807).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorModel {
    /// A URL to the JSON Schema for this object.
    #[serde(rename = "$schema")]
    #[schema(format = "uri")]
    pub(super) schema: String,
    /// A human-readable explanation specific to this occurrence of the problem.
    pub(super) detail: String,
    /// What is wrong in the request, when it is about parts of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) errors: Vec<ErrorDetail>,
    /// The URL that was asked for.
    #[schema(format = "uri")]
    pub(super) instance: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// The HTTP status in words.
    pub(super) title: String,
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(format = "uri")]
    pub(super) kind: &'static str,
}

/// A part of the request that is wrong.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorDetail {
    /// Where: `body.webhook_url`, `path.projectId`, `query.limit`.
    pub(super) location: String,
    /// What is wanted.
    pub(super) message: String,
    /// What was given, when it is short and no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
}
