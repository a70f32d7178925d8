//! WhatsApp Gateway: webhooks of an organization, votes in polls, and the realtime WebSocket, at the gateway's own
//! paths. Sources: its pages "List webhooks", "Create a webhook" and "Vote on a poll message" and its guides on
//! receiving events.

mod convert;
mod error;
mod openapi;
mod routes;
mod wire;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{Api, Credentials, Shell, unknown_path, wrong_method};

/// What stands before the dialect's own paths.
pub(crate) const MOUNT: &str = "/whatsapp";

/// A bearer token is a key or a person's login ("List webhooks"); a key may also stand in `x-api-key` (guide "API
/// keys").
const CREDENTIALS: Credentials = Credentials { key_header: true, logins: true };

/// The routes with errors in their clothes, and the document.
pub(crate) fn build(api: &Api) -> (Router, OpenApi) {
    let (router, mut document) = described().split_for_parts();
    openapi::complete(&mut document);
    let router = router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(Shell::new(api, error::render))
        .with_state(api.taking(CREDENTIALS));
    (router, document)
}

/// The document.
pub(crate) fn document() -> OpenApi {
    let mut document = described().into_openapi();
    openapi::complete(&mut document);
    document
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::frame()).merge(routes::all())
}
