//! Sonzai: one webhook for each event type of a project or of the tenant, under `/api/v1`. Source of every shape,
//! unless a line says otherwise: Sonzai's API reference, "Webhooks", and the description inside its Python client.

mod convert;
mod error;
mod openapi;
mod routes;
mod schema;
mod wire;

use axum::{Extension, Router};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{Api, Shell, unknown_path, wrong_method};

/// Where it is mounted.
pub(crate) const MOUNT: &str = "/sonzai";

/// The routes with errors in their clothes, and the document.
pub(crate) fn build(api: &Api) -> (Router, OpenApi) {
    let (router, mut document) = described().split_for_parts();
    openapi::complete(&mut document);
    let router = router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(Extension(schema::Schemas::of(&document)))
        .layer(Shell::new(api, error::render))
        .with_state(api.clone());
    (router, document)
}

/// The document.
pub(crate) fn document() -> OpenApi {
    let mut document = described().into_openapi();
    openapi::complete(&mut document);
    document
}

/// Every call stands twice: for a project, and for the tenant.
fn described() -> OpenApiRouter<Api> {
    let calls = [
        routes!(routes::list),
        routes!(routes::upsert, routes::delete),
        routes!(routes::attempts),
        routes!(routes::rotate_secret),
    ];
    let router = OpenApiRouter::with_openapi(openapi::frame()).routes(routes!(routes::schema));
    calls.into_iter().fold(router, |router, of_project| {
        router.routes(openapi::for_tenant(of_project.clone())).routes(of_project)
    })
}
