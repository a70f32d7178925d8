//! The OpenAPI document around the routes: who it is, how to authenticate, which errors there are.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::errors::ROWS;
use super::wire::{Problem, ProblemMember};
use crate::http::{ErrorDocs, entitle};

const DESCRIPTION: &str = "Webhooks out and in: publish events, register endpoints, see what became of every \
    delivery.\n\nAuthenticate with `Authorization: Bearer <key>`. Times are RFC 3339 in UTC. Lists are newest first: \
    `limit` and `cursor`, answered with `data` and `next_cursor`; a page may be shorter than `limit`, even empty, and \
    only a `next_cursor` of null says that it is the last. Errors are `application/problem+json`. Unknown \
    members and parameters are refused.";

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(Problem, ProblemMember)),
    security(("key" = [])),
    tags(
        (name = "Events", description = "Publish, look up, explain, follow."),
        (name = "Endpoints", description = "Where events are delivered to."),
        (name = "Deliveries", description = "What became of events, attempt by attempt."),
        (name = "Event types", description = "The event catalogue."),
        (name = "Sources", description = "Where webhooks are received, and what is known of who sends them."),
        (name = "Inbound deliveries", description = "What arrived, and what was done about it."),
        (name = "Agents", description = "What reacts to what arrives."),
        (name = "Sessions", description = "Conversations that events belong to, and what is said in them."),
        (name = "Projects", description = "Subdivisions of a tenant."),
        (name = "Keys", description = "API keys."),
        (name = "Probes", description = "For those who run it."),
    )
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    entitle(&mut document, "Posthouse", DESCRIPTION);
    let components = document.components.get_or_insert_default();
    let mut key = Http::new(HttpAuthScheme::Bearer);
    key.description = Some("An API key: `sk_live_…` or `sk_test_…`.".to_owned());
    components.add_security_scheme("key", SecurityScheme::Http(key));
    document
}

/// Adds the errors.
pub(in crate::dialect) fn complete(document: &mut OpenApi) {
    let errors = ErrorDocs {
        schema: "Problem",
        media: "application/problem+json",
        titles: ErrorDocs::titles(ROWS.iter().map(|row| (row.status.as_u16(), row.title))),
        keyed: &[401, 403, 429],
        body: &[400, 413, 415, 422],
        path: &[404],
        query: &[400, 422],
    };
    errors.complete(document);
}
