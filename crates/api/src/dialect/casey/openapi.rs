//! The OpenAPI document around the routes.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::error::TITLES;
use super::wire;
use crate::http::{ErrorDocs, entitle};

const DESCRIPTION: &str = "tellcasey's webhook endpoints: what happens in conversations, pushed to your URLs.\n\n\
    Authenticate with `Authorization: Bearer <key>`. Deliveries are signed as Standard Webhooks say.";

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(wire::Error, wire::ErrorBody)),
    security(("apiKeyAuth" = [])),
    tags((name = "Webhooks", description = "Where conversation events are delivered to."))
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    entitle(&mut document, "Posthouse: tellcasey", DESCRIPTION);
    let components = document.components.get_or_insert_default();
    let mut key = Http::new(HttpAuthScheme::Bearer);
    key.description =
        Some("Backend API key for server-to-server calls: `sk_live_…` or `sk_test_…`.".to_owned());
    components.add_security_scheme("apiKeyAuth", SecurityScheme::Http(key));
    document
}

/// Adds the errors.
pub(in crate::dialect) fn complete(document: &mut OpenApi) {
    let errors = ErrorDocs {
        schema: "Error",
        media: "application/json",
        titles: ErrorDocs::titles(TITLES),
        keyed: &[401, 403, 429],
        body: &[400, 413, 415],
        path: &[404],
        query: &[400],
    };
    errors.complete(document);
}
