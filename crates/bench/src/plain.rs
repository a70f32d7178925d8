//! The least that can receive a webhook: an axum handler that reads the body and answers 202. What ingest is compared
//! with, in a process of its own like the gateway, driven by the same load.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::StatusCode;
use tokio::net::TcpListener;

use crate::child::Listening;
use crate::error::{Context, Result};

const PATIENCE: Duration = Duration::from_secs(10);

/// Starts it from this program's file.
pub async fn start(folder: &Path) -> Result<Listening> {
    let mut command = Command::new(std::env::current_exe().context("own program file")?);
    command.arg("plain");
    Listening::start(command, &folder.join("plain.log"), PATIENCE).await
}

/// A free loopback port.
pub async fn listen() -> Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await.context("plain handler: listen")
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener) -> Result<()> {
    let listener = listener.tap_io(|stream| {
        // A connection that is gone already shows as a failed request.
        let _gone = stream.set_nodelay(true);
    });
    let router = Router::new().route("/{*path}", post(read));
    axum::serve(listener, router).await.context("plain handler")
}

async fn read(_: Bytes) -> StatusCode {
    StatusCode::ACCEPTED
}
