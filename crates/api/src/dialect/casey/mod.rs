//! tellcasey: the webhook endpoints of an organization, under `/v1/backend`. Source of every path and shape, unless a
//! line says otherwise: tellcasey's API reference, "Webhooks".

mod convert;
mod error;
mod openapi;
mod routes;
mod wire;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{Api, Credentials, Shell, unknown_path, wrong_method};

/// Where it is mounted.
pub(crate) const MOUNT: &str = "/casey";

/// What tellcasey's own base URL ends with.
const PREFIX: &str = "/v1/backend";

/// "Backend API key for server-to-server calls", and nothing else.
const CREDENTIALS: Credentials = Credentials { key_header: false, logins: false };

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
    let calls = OpenApiRouter::new()
        .routes(routes!(routes::list, routes::create))
        .routes(routes!(routes::test))
        .routes(routes!(routes::get, routes::delete))
        .routes(routes!(routes::secret));
    OpenApiRouter::with_openapi(openapi::frame()).nest(PREFIX, calls)
}
