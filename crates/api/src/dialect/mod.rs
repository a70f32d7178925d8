//! The dialects: HTTP APIs on one engine, each a table entry and a folder.

pub(crate) mod native;

use axum::Router;
use utoipa::openapi::OpenApi;

use crate::http::Api;

/// One HTTP API.
pub(crate) struct Dialect {
    /// What it is called in `/openapi/<name>.json`.
    pub(crate) name: &'static str,
    /// Its routes, dressed, with its OpenAPI document.
    pub(crate) build: fn(&Api) -> (Router, OpenApi),
    /// Its OpenAPI document alone.
    pub(crate) document: fn() -> OpenApi,
}

/// All of them.
pub(crate) const ALL: &[Dialect] =
    &[Dialect { name: "native", build: native::build, document: native::document }];
