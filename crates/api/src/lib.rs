//! The HTTP surface: shared request handling written once, one folder per dialect, OpenAPI.
//!
//! A dialect is routes, wire types, conversions and one match that renders errors; everything with a rule is in
//! `http` or in the engine.

mod dialect;
mod docs;
mod hosts;
mod http;
mod ingest;
mod metrics;
mod realtime;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use posthouse_engine::Engine;
use tokio::sync::watch;

pub use crate::http::{ApiOptions, Metrics};
pub use crate::serve::{ServeOptions, serve};

/// Every path that this crate serves: the dialects, their OpenAPI documents and the pages that explain them. Live
/// streams, which have no end of their own, end when `stop` says true or is dropped.
pub fn router(engine: Arc<Engine>, options: ApiOptions, stop: watch::Receiver<bool>) -> Router {
    let hosts = Arc::clone(&options.hosts);
    let ingest_room = http::Room::new(options.ingest_bytes_max);
    let api = http::Api {
        engine,
        options: Arc::new(options),
        stop,
        streams: http::Slots::default(),
        ingest_room,
        credentials: http::Credentials::default(),
    };
    let mut router = Router::new();
    let mut documents = Vec::new();
    let mut owners = HashMap::new();
    for dialect in &dialect::ALL {
        let own = dialect.router(&api);
        for (host, _) in hosts.iter().filter(|(_, name)| name == dialect.name) {
            owners.insert(host.clone(), own.clone());
        }
        router = match dialect.mount {
            // Its answer to an unknown path is the one for paths that belong to no dialect.
            "" => router.merge(own),
            mount => router.nest_service(mount, own),
        };
        documents.push((dialect.name, dialect.document()));
    }
    let router = router
        .merge(docs::router(documents))
        .merge(ingest::router(&api))
        .merge(dialect::moltis::router(&api))
        .merge(metrics::router(&api));
    if owners.is_empty() { router } else { hosts::by_host(owners, router) }
}

/// The names of the dialects.
pub fn dialects() -> impl Iterator<Item = &'static str> {
    dialect::ALL.iter().map(|dialect| dialect.name)
}

/// The OpenAPI document of a dialect as JSON; `None` when there is no dialect of this name.
pub fn openapi(name: &str) -> Option<String> {
    let dialect = dialect::ALL.iter().find(|dialect| dialect.name == name)?;
    dialect.document().to_pretty_json().ok()
}
