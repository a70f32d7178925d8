//! What goes over the wire, exactly: serde structs and their descriptions, nothing else. Members stand in the order of
//! tellcasey's reference.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every answer with something to say wraps it in.
#[derive(Serialize, ToSchema)]
pub(super) struct Data<T> {
    /// What was asked for.
    pub(super) data: T,
}

/// A webhook endpoint to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateWebhook {
    /// Where to deliver: an absolute http or https URL without user name, password and fragment.
    #[schema(min_length = 1, max_length = 2048, format = "uri", example = "https://example.com/webhooks")]
    pub(super) url: String,
    /// For people.
    #[schema(max_length = 1024)]
    pub(super) description: Option<String>,
    /// Which events; repeated ones count once. `["conversation.completed"]` when absent or null.
    #[schema(value_type = Option<Vec<Subscription>>, min_items = 1, default = json!(["conversation.completed"]))]
    pub(super) event_types: Option<Vec<String>>,
}

/// An event type that can be subscribed to. Source: tellcasey's API reference, "Webhook events", less `test.event`,
/// which is sent on request only.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document; what is given is checked with all else that is wrong")]
pub(super) enum Subscription {
    /// A conversation has begun.
    #[schema(rename = "conversation.started")]
    Started,
    /// A conversation has come to its end.
    #[schema(rename = "conversation.completed")]
    Completed,
    /// A conversation was left before its end.
    #[schema(rename = "conversation.abandoned")]
    Abandoned,
}

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct Webhook {
    /// Its id.
    #[schema(example = "ep_01JGGQZ9Q0000000000000000A")]
    pub(super) id: String,
    /// Where it is delivered to, as it was given.
    #[schema(example = "https://example.com/webhooks")]
    pub(super) url: String,
    /// For people; empty when none was given.
    pub(super) description: String,
    /// Which events. Of an endpoint that was made through the native API these may be patterns: `*`,
    /// `conversation.*`.
    #[schema(min_items = 1, example = json!(["conversation.completed"]))]
    pub(super) event_types: Vec<String>,
    /// Off after days of nothing but failures, or when the receiver said that it is gone.
    pub(super) enabled: bool,
    /// When it was created.
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

/// A new webhook endpoint with its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedWebhook {
    /// The endpoint.
    #[serde(flatten)]
    pub(super) webhook: Webhook,
    /// What its deliveries are signed with.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub(super) secret: String,
}

/// A signing secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Secret {
    /// What deliveries are signed with now.
    pub(super) secret: String,
}

/// Nothing: no body, or an object without members.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A test event on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct TestSent {
    /// Always true: the event was accepted. Whether it arrived is seen at the receiver.
    pub(super) success: bool,
    /// The `webhook-id` of its deliveries.
    #[schema(pattern = "^msg_[0-9A-Za-z]{27}$")]
    pub(super) message_id: String,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
pub(super) struct Error {
    /// The error.
    pub(super) error: ErrorBody,
}

/// An error.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What kind, for programs.
    #[schema(example = "validation_error")]
    pub(super) code: &'static str,
    /// What is wrong, for people. Names the member at fault.
    #[schema(example = "url: is required")]
    pub(super) message: String,
}
