//! The dialects: HTTP APIs on one engine, each a table entry and a folder.

pub(crate) mod casey;
pub(crate) mod molroo;
pub(crate) mod native;
pub(crate) mod sonzai;
pub(crate) mod whatsapp;

use axum::Router;
use utoipa::openapi::OpenApi;

use crate::http::Api;

/// One HTTP API.
pub(crate) struct Dialect {
    /// What it is called in `/openapi/<name>.json` and in the configuration.
    pub(crate) name: &'static str,
    /// What stands before its own paths, unless it has a host name to itself; empty for the native API.
    pub(crate) mount: &'static str,
    /// Its routes, dressed, with its OpenAPI document.
    pub(crate) build: fn(&Api) -> (Router, OpenApi),
    /// Its OpenAPI document alone.
    pub(crate) document: fn() -> OpenApi,
}

/// All of them.
pub(crate) const ALL: &[Dialect] = &[
    Dialect { name: "native", mount: "", build: native::build, document: native::document },
    Dialect { name: "molroo", mount: molroo::MOUNT, build: molroo::build, document: molroo::document },
    Dialect { name: "sonzai", mount: sonzai::MOUNT, build: sonzai::build, document: sonzai::document },
    Dialect { name: "casey", mount: casey::MOUNT, build: casey::build, document: casey::document },
    Dialect { name: "whatsapp", mount: whatsapp::MOUNT, build: whatsapp::build, document: whatsapp::document },
];
