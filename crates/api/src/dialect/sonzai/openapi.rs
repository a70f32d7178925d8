//! The OpenAPI document around the routes.

use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response};
use utoipa_axum::router::UtoipaMethodRouter;

use super::error::{MEDIA, SCHEMA, TITLES};
use super::wire::{ErrorDetail, ErrorModel};
use crate::http::{Api, ErrorDocs, entitle};

const DESCRIPTION: &str = "Sonzai's webhooks: one URL for each event type of a project, or of the tenant.\n\n\
    Authenticate with `Authorization: Bearer <key>`. The tenant-scoped calls mean the key's own project when the key is \
    limited to one, else what belongs to no project. Errors are `application/problem+json`.";

/// What tells the calls for a project from those for the tenant.
const PROJECT: &str = "/projects/{projectId}";

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(ErrorModel, ErrorDetail)),
    security(("key" = [])),
    tags(
        (name = "Webhooks", description = "Register webhooks, rotate their secrets, see what was delivered."),
        (name = "Schemas", description = "The JSON Schemas that bodies name."),
    )
)]
struct Frame;

/// The document without its paths.
pub(super) fn frame() -> OpenApi {
    let mut document = <Frame as utoipa::OpenApi>::openapi();
    entitle(&mut document, "Posthouse: Sonzai", DESCRIPTION);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    document
}

/// The tenant-scoped calls, which are the same without a project in the path.
pub(super) fn for_tenant(of_project: UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    let (schemas, mut paths, methods) = of_project;
    let items = std::mem::take(&mut paths.paths).into_iter().map(|(path, mut item)| {
        operations(&mut item).for_each(without_project);
        (path.replace(PROJECT, ""), item)
    });
    paths.paths = items.collect();
    (schemas, paths, methods)
}

fn without_project(operation: &mut Operation) {
    let is_project = |parameter: &_| matches!(parameter, RefOr::T(parameter) if names_project(parameter));
    operation.parameters.get_or_insert_default().retain(|parameter| !is_project(parameter));
    if let Some(id) = &mut operation.operation_id {
        id.push_str("ForTenant");
    }
    if let Some(summary) = &mut operation.summary {
        *summary = match summary.strip_suffix(" for a project") {
            Some(calls) => format!("{calls} for current tenant"),
            None => format!("{summary} (tenant-scoped)"),
        };
    }
}

fn names_project(parameter: &Parameter) -> bool {
    parameter.name == "projectId"
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

/// Adds the errors.
pub(in crate::dialect) fn complete(document: &mut OpenApi) {
    let errors = ErrorDocs {
        schema: SCHEMA,
        media: MEDIA,
        titles: ErrorDocs::titles(TITLES),
        keyed: &[401, 403, 429],
        body: &[400, 413, 415, 422],
        path: &[404],
        query: &[400, 422],
    };
    errors.complete(document);
    // A project that is no UUID is a fault of the request, not a project that is not there.
    let named = document.paths.paths.iter_mut().filter(|(path, _)| path.contains(PROJECT));
    for operation in named.flat_map(|(_, item)| operations(item)) {
        let invalid: RefOr<Response> = Ref::from_response_name(format!("{SCHEMA}422")).into();
        operation.responses.responses.entry("422".to_owned()).or_insert(invalid);
    }
}
