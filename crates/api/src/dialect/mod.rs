//! The dialects: HTTP APIs on one engine, each a row and a folder.

mod casey;
mod molroo;
pub(crate) mod moltis;
pub(crate) mod native;
mod sonzai;
#[cfg(test)]
mod tests;
mod whatsapp;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{Api, Credentials, Render, Shell, unknown_path, wrong_method};

/// One HTTP API.
pub(crate) struct Dialect {
    /// What it is called in `/openapi/<name>.json` and in the configuration.
    pub(crate) name: &'static str,
    /// What stands before its own paths, unless it has a host name to itself; empty for the native API.
    pub(crate) mount: &'static str,
    /// Who may call.
    credentials: Credentials,
    /// Its calls at their own paths, described.
    calls: fn() -> OpenApiRouter<Api>,
    /// Adds to its document what goes for all calls.
    complete: fn(&mut OpenApi),
    /// Its clothes for errors.
    render: Render,
}

/// A bearer token that is a key, and nothing else.
const KEYS: Credentials = Credentials { key_header: false, logins: false };
/// A bearer token or `X-API-Key`. Later clients of Molroo send the key so.
const KEYS_IN_EITHER_HEADER: Credentials = Credentials { key_header: true, logins: false };
/// A bearer token that is a key or a person's login (WhatsApp Gateway, "List webhooks"); a key may also stand in
/// `X-API-Key` (its guide "API keys").
const KEYS_AND_LOGINS: Credentials = Credentials { key_header: true, logins: true };

/// All of them.
pub(crate) const ALL: [Dialect; 5] = [
    Dialect {
        name: "native",
        mount: "",
        credentials: KEYS,
        calls: native::calls,
        complete: native::complete,
        render: native::errors::render,
    },
    Dialect {
        name: "molroo",
        mount: "/molroo",
        credentials: KEYS_IN_EITHER_HEADER,
        calls: molroo::calls,
        complete: molroo::complete,
        render: molroo::render,
    },
    Dialect {
        name: "sonzai",
        mount: "/sonzai",
        credentials: KEYS,
        calls: sonzai::calls,
        complete: sonzai::complete,
        render: sonzai::render,
    },
    Dialect {
        name: "whatsapp",
        mount: "/whatsapp",
        credentials: KEYS_AND_LOGINS,
        calls: whatsapp::calls,
        complete: whatsapp::complete,
        render: whatsapp::render,
    },
    Dialect {
        name: "casey",
        mount: "/casey",
        credentials: KEYS,
        calls: casey::calls,
        complete: casey::complete,
        render: casey::render,
    },
];

impl Dialect {
    /// Its routes, with whatever goes wrong in its own clothes: unknown paths and wrong methods too.
    pub(crate) fn router(&self, api: &Api) -> Router {
        let api = Api { credentials: self.credentials, ..api.clone() };
        let (router, _) = (self.calls)().split_for_parts();
        router
            .fallback(unknown_path)
            .method_not_allowed_fallback(wrong_method)
            .layer(Shell::new(&api, self.render))
            .with_state(api)
    }

    /// Its OpenAPI document: its own paths, behind its mount.
    pub(crate) fn document(&self) -> OpenApi {
        let mut document = (self.calls)().into_openapi();
        if !self.mount.is_empty() {
            document.servers = Some(vec![utoipa::openapi::Server::new(self.mount)]);
        }
        (self.complete)(&mut document);
        document
    }
}
