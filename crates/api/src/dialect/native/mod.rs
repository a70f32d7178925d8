//! The native API: everything Posthouse does, under `/api/v1`.

mod convert;
pub(crate) mod errors;
mod openapi;
mod routes;
mod wire;

use axum::Router;
use axum::routing::any;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{Api, Shell, unknown_path, wrong_method};

/// Where it is mounted.
const PREFIX: &str = "/api/v1";

/// The routes with errors in their clothes, and the document.
pub(crate) fn build(api: &Api) -> (Router, OpenApi) {
    let (router, mut document) = described().split_for_parts();
    openapi::complete(&mut document);
    let router = router
        .route(PREFIX, any(unknown_path))
        .route(&format!("{PREFIX}/"), any(unknown_path))
        .route(&format!("{PREFIX}/{{*unknown}}"), any(unknown_path))
        .method_not_allowed_fallback(wrong_method)
        .layer(shell(api))
        .with_state(api.clone());
    (router, document)
}

/// What answers outside every dialect: no such path, as a problem.
pub(crate) fn elsewhere(api: &Api) -> Router {
    Router::new().fallback(unknown_path).layer(shell(api))
}

fn shell(api: &Api) -> Shell {
    Shell::new(api, errors::render)
}

/// The document.
pub(crate) fn document() -> OpenApi {
    let mut document = described().into_openapi();
    openapi::complete(&mut document);
    document
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::frame()).merge(routes::probes()).nest(PREFIX, routes::all())
}
