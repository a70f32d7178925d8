//! Sonzai: one webhook for each event type of a project or of the tenant, under `/api/v1`. Source of every shape,
//! unless a line says otherwise: Sonzai's API reference, "Webhooks", and the description inside its Python client.

mod convert;
mod error;
mod openapi;
mod routes;
mod schema;
mod wire;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;

pub(super) use error::render;
pub(super) use openapi::complete;

/// Every call stands twice: for a project, and for the tenant.
pub(super) fn calls() -> OpenApiRouter<Api> {
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
