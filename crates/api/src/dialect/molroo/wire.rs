//! What goes over the wire, exactly: serde structs and their descriptions, nothing else.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A webhook to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// The HTTPS URL to receive webhook payloads.
    #[schema(max_length = 2048, example = "https://example.com/webhooks")]
    pub(super) url: String,
    /// Secret key used for HMAC-SHA256 payload signing: 8 to 256 characters, of which all are part of the key. It
    /// is never shown again.
    #[schema(min_length = 8, max_length = 256, example = "whsec_demo_molroo")]
    pub(super) secret: String,
    /// Event types to subscribe to: `proactive_action`, `emotional_overflow`, `stage_transition`. Repeated ones count
    /// once.
    #[schema(min_items = 1, max_items = 100, example = json!(["stage_transition"]))]
    pub(super) events: Vec<String>,
}

/// A registered webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct Webhook {
    /// Unique webhook identifier.
    pub(super) id: String,
    /// The registered URL.
    pub(super) url: String,
    /// Subscribed event types.
    pub(super) events: Vec<String>,
    /// ISO 8601 creation timestamp.
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

/// A webhook that is gone.
#[derive(Serialize, ToSchema)]
pub(super) struct Deleted {
    /// True.
    pub(super) deleted: bool,
    /// The deleted webhook's id.
    pub(super) id: String,
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
pub(super) struct Error {
    /// Code, status and text.
    pub(super) error: ErrorBody,
}

/// Code, status and text of an error.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// `UNAUTHORIZED`, `FORBIDDEN`, `VALIDATION_ERROR`, `NOT_FOUND`, `RATE_LIMIT`, `INTERNAL_ERROR` or
    /// `SERVICE_UNAVAILABLE`.
    pub(super) code: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// What is wrong, naming the member.
    pub(super) message: String,
}
