//! The native API: everything Posthouse does, under `/api/v1`.

mod convert;
pub(crate) mod errors;
mod openapi;
mod routes;
mod wire;

use utoipa_axum::router::OpenApiRouter;

use crate::http::Api;

pub(super) use openapi::complete;

/// Where it is mounted.
const PREFIX: &str = "/api/v1";

/// The calls, described.
pub(super) fn calls() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::frame()).merge(routes::probes()).nest(PREFIX, routes::all())
}
