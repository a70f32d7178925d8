//! The HTTP surface: shared request handling written once, one folder per dialect, OpenAPI.
//!
//! A dialect is routes, wire types, conversions and one match that renders errors; everything with a rule is in
//! `http` or in the engine.

mod dialect;
mod docs;
mod http;
mod realtime;
mod serve;

use std::sync::Arc;

use axum::Router;
use posthouse_engine::Engine;
use tokio::sync::watch;

pub use crate::http::ApiOptions;
pub use crate::serve::{ServeOptions, serve};

/// Every path that this crate serves: the dialects, their OpenAPI documents and the pages that explain them. Live
/// streams, which have no end of their own, end when `stop` says true or is dropped.
pub fn router(engine: Arc<Engine>, options: ApiOptions, stop: watch::Receiver<bool>) -> Router {
    let api = http::Api { engine, options, stop, streams: http::Slots::default() };
    let dialects = dialect::ALL.iter().map(|dialect| (dialect, (dialect.build)(&api)));
    let mut router = Router::new();
    let mut documents = Vec::new();
    for (dialect, (routes, document)) in dialects {
        router = router.merge(routes);
        documents.push((dialect.name, document));
    }
    // A path that belongs to no dialect is answered as the native API would.
    router.merge(docs::router(documents)).fallback_service(dialect::native::elsewhere(&api))
}

/// The OpenAPI document of a dialect as JSON; `None` when there is no dialect of this name.
pub fn openapi(name: &str) -> Option<String> {
    let dialect = dialect::ALL.iter().find(|dialect| dialect.name == name)?;
    (dialect.document)().to_pretty_json().ok()
}
