//! The OpenAPI document around the routes.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::error::TITLES;
use super::wire;
use crate::http::{ErrorDocs, entitle};

const DESCRIPTION: &str = "Molroo's webhooks: what happens in a session, pushed to your URL.\n\nAuthenticate with \
    `Authorization: Bearer <key>` or `X-API-Key: <key>`.";

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(wire::Error, wire::ErrorBody)),
    security(("key" = []), ("key_header" = [])),
    tags((name = "Webhook", description = "Register webhooks for server-pushed notifications."))
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    entitle(&mut document, "Posthouse: Molroo", DESCRIPTION);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    components.add_security_scheme("key_header", SecurityScheme::ApiKey(header));
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
