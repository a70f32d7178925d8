//! The OpenAPI document around the routes: who it is, how to authenticate, which errors there are.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::error::ROWS;
use super::wire::{ErrorBody, ErrorMembers};
use crate::http::{ErrorDocs, entitle};

const DESCRIPTION: &str = "The webhook, poll vote and realtime calls of WhatsApp Gateway, at its own paths.\n\n\
    Authenticate with `Authorization: Bearer <token>`, where the token is an API key or a login, or with the key in \
    `x-api-key`. Times are milliseconds since 1970. Errors are `{\"error\": {\"code\", \"details\", \"message\"}}`, \
    where `details` says what is wrong with which member. Unknown members are refused, and parameters of \
    lists.";

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(ErrorBody, ErrorMembers)),
    security(("bearer" = []), ("key" = [])),
    tags(
        (name = "Webhooks", description = "Where an organization's events are delivered to."),
        (name = "Messages", description = "Votes in polls."),
        (name = "Realtime", description = "The same events over a WebSocket."),
    )
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    entitle(&mut document, "Posthouse: WhatsApp Gateway", DESCRIPTION);
    let components = document.components.get_or_insert_default();
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    bearer.description = Some("An API key, or a person's login (a JWT).".to_owned());
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let key = ApiKeyValue::with_description("x-api-key", "An API key.");
    components.add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Header(key)));
    document
}

/// Adds the errors. Which status says that a request is not valid differs from call to call, so the calls say it.
pub(in crate::dialect) fn complete(document: &mut OpenApi) {
    let errors = ErrorDocs {
        schema: "ErrorBody",
        media: "application/json",
        titles: ErrorDocs::titles(ROWS.iter().map(|row| (row.status.as_u16(), row.title))),
        keyed: &[401, 403, 429],
        body: &[413, 415],
        path: &[404],
        query: &[],
    };
    errors.complete(document);
}
