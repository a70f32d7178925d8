//! Molroo: webhooks of a session, under `/v1/webhook`. Source of every shape, unless a line says otherwise: Molroo's
//! API reference, "Webhook".

mod convert;
mod error;
mod openapi;
mod routes;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;

pub(super) use error::render;
pub(super) use openapi::complete;

/// The calls, described.
pub(super) fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(routes::list, routes::register))
        .routes(routes!(routes::delete))
}
