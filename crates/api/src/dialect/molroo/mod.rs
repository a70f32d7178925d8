//! Molroo: webhooks of a session, under `/v1/webhook`. Source of every shape, unless a line says otherwise: Molroo's
//! API reference, "Webhook".

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
pub(crate) const MOUNT: &str = "/molroo";

/// Later clients of Molroo send the key as `X-API-Key`.
const CREDENTIALS: Credentials = Credentials { key_header: true, logins: false };

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
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(routes::list, routes::register))
        .routes(routes!(routes::delete))
}
