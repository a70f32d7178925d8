//! The OpenAPI document around the routes: who it is, how to authenticate, and the errors that every call of a
//! kind may answer, which nobody has to remember at the call.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::errors::ROWS;
use super::wire::{Problem, ProblemMember};

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
        (name = "Sessions", description = "Conversations that events belong to."),
        (name = "Projects", description = "Subdivisions of a tenant."),
        (name = "Keys", description = "API keys."),
        (name = "Probes", description = "For those who run it."),
    )
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    "Posthouse".clone_into(&mut document.info.title);
    document.info.description = Some(DESCRIPTION.to_owned());
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    let components = document.components.get_or_insert_default();
    let mut key = Http::new(HttpAuthScheme::Bearer);
    key.description = Some("An API key: `sk_live_…` or `sk_test_…`.".to_owned());
    components.add_security_scheme("key", SecurityScheme::Http(key));
    for (status, titles) in titles_by_status() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response =
            ResponseBuilder::new().description(titles).content("application/problem+json", problem);
        components.responses.insert(component_name(status), RefOr::T(response.build()));
    }
    document
}

/// Adds to each operation the errors that calls of its kind may answer.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.parameters.iter_mut().flatten().for_each(never_null);
            for status in statuses_of(operation) {
                let response: RefOr<Response> = Ref::from_response_name(component_name(status)).into();
                operation.responses.responses.entry(status.to_string()).or_insert(response);
            }
        }
    }
}

/// What is optional in a header or query is absent, never null.
fn never_null(parameter: &mut RefOr<Parameter>) {
    if let RefOr::T(Parameter { schema: Some(RefOr::T(Schema::Object(object))), .. }) = parameter
        && let SchemaType::Array(types) = &object.schema_type
        && let Some(only) = types.iter().find(|one| **one != Type::Null)
    {
        object.schema_type = SchemaType::Type(only.clone());
    }
}

fn statuses_of(operation: &Operation) -> Vec<u16> {
    let parameters: Vec<&ParameterIn> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(&parameter.parameter_in),
            RefOr::Ref(_) => None,
        })
        .collect();
    let mut statuses = vec![408, 500, 503];
    // The document asks for a key; an operation that says something of its own about security asks for none.
    if operation.security.is_none() {
        statuses.extend([401, 403, 429]);
    }
    if operation.request_body.is_some() {
        statuses.extend([400, 413, 415, 422]);
    }
    if parameters.iter().any(|place| **place == ParameterIn::Path) {
        statuses.push(404);
    }
    if parameters.iter().any(|place| **place != ParameterIn::Path) {
        statuses.extend([400, 422]);
    }
    statuses
}

fn titles_by_status() -> BTreeMap<u16, String> {
    let mut titles = BTreeMap::<u16, String>::new();
    for row in ROWS {
        let title = titles.entry(row.status.as_u16()).or_default();
        if !title.is_empty() {
            title.push_str(", or ");
        }
        title.push_str(row.title);
    }
    titles
}

fn component_name(status: u16) -> String {
    format!("Problem{status}")
}
