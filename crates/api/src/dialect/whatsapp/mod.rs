//! WhatsApp Gateway: webhooks of an organization, votes in polls, and the realtime WebSocket, at the gateway's own
//! paths. Sources: its pages "List webhooks", "Create a webhook" and "Vote on a poll message" and its guides on
//! receiving events.

mod convert;
mod error;
mod openapi;
mod routes;
mod wire;

use utoipa_axum::router::OpenApiRouter;

use crate::http::Api;

pub(super) use error::render;
pub(super) use openapi::complete;

/// The calls, described.
pub(super) fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::frame()).merge(routes::all())
}
