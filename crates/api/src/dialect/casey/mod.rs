//! tellcasey: the webhook endpoints of an organization, under `/v1/backend`. Source of every path and shape, unless a
//! line says otherwise: tellcasey's API reference, "Webhooks".

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

/// What tellcasey's own base URL ends with.
const PREFIX: &str = "/v1/backend";

/// The calls, described.
pub(super) fn calls() -> OpenApiRouter<Api> {
    let calls = OpenApiRouter::new()
        .routes(routes!(routes::list, routes::create))
        .routes(routes!(routes::test))
        .routes(routes!(routes::get, routes::delete))
        .routes(routes!(routes::secret));
    OpenApiRouter::with_openapi(openapi::frame()).nest(PREFIX, calls)
}
