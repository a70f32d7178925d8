//! The realtime WebSocket.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The right to open the realtime WebSocket once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RealtimeTicket {
    /// When it is void, milliseconds since 1970: a minute after it was given out.
    pub(crate) expires_at: i64,
    /// The ticket.
    pub(crate) ticket: String,
    /// Where to open the WebSocket with it.
    #[schema(example = "wss://example.com/whatsapp/api/v1/realtime?ticket=…")]
    pub(crate) url: String,
}

/// Which events to follow, and by what right.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct RealtimeQuery {
    /// A ticket that was not used yet.
    #[param(required = true)]
    pub(crate) ticket: Option<String>,
    /// Begin after this event instead of now. The `Last-Event-ID` header says the same and goes first.
    pub(crate) last_event_id: Option<String>,
    /// Only events that one of these patterns matches, separated by commas: `*`, a type, or `prefix.*`.
    pub(crate) events: Option<String>,
}
