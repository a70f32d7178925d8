//! `posthouse serve`.

use axum::Router;
use serde_json::json;

use crate::configuration::Config;
use crate::error::Error;
use crate::output::say;
use crate::server::{Server, StopSignal};

/// Serves until told to stop. The first line on standard output is JSON with the bound address, once ready.
pub(super) async fn run(config: &Config) -> Result<(), Error> {
    let stop = StopSignal::new()?;
    let server = Server::start(config, |_| Router::new()).await?;
    let address = server.address;
    say(&json!({ "ready": true, "address": address.to_string(), "url": format!("http://{address}") })
        .to_string());
    tracing::info!("serving on http://{address}, store in {}", config.data.display());
    stop.wait().await;
    tracing::info!("stopping");
    server.stop().await
}
