//! Moltis: managing webhooks by requests over a WebSocket, as its control program and its web pages do. Where
//! providers POST is `crate::ingest`.
//!
//! It is no row of the table of dialects: there are no calls of HTTP, so nothing of it stands in OpenAPI, and its two
//! paths are those at which published clients look for it on any server.

mod change;
mod connect;
mod connection;
mod error;
mod frame;
mod methods;
mod params;
mod wire;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::get;

use crate::http::Api;

/// `/ws` and `/ws/chat`. Source: Moltis, `crates/ctl` and `crates/web`.
pub(crate) fn router(api: &Api) -> Router {
    Router::new().route("/ws", get(open)).route("/ws/chat", get(open)).with_state(api.clone())
}

async fn open(State(api): State<Api>, upgrade: WebSocketUpgrade) -> Response {
    let bounded = upgrade.max_message_size(frame::MESSAGE_BYTES_MAX).max_frame_size(frame::MESSAGE_BYTES_MAX);
    bounded.on_upgrade(|socket| connection::serve(socket, api))
}
