//! Wiring: store, egress, engine, services and HTTP put together, and taken apart in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use posthouse_api::ApiOptions;
use posthouse_egress::Egress;
use posthouse_engine::service::Services;
use posthouse_engine::{Engine, Parts, SystemClock, Vault};
use posthouse_store::Store;
use posthouse_store_sqlite::{Options as StoreOptions, Role, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::configuration::Config;
use crate::error::Error;
use crate::master_key;

/// A server that serves.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    services: Services,
    stop: watch::Sender<bool>,
    http: JoinHandle<std::io::Result<()>>,
    grace: Duration,
}

impl Server {
    /// Opens the store, starts services and listens. `more` adds routes beside the API's.
    pub(crate) async fn start(
        config: &Config,
        more: impl FnOnce(&Arc<Engine>) -> Router,
    ) -> Result<Self, Error> {
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(StoreOptions::new(&config.data, Role::Server))?);
        let parts = Parts {
            store: Arc::clone(&store),
            sender: Arc::new(Egress::new(config.egress()?)?),
            clock: Arc::new(SystemClock),
            vault: Vault::new(&*master_key::load(config)?),
            options: config.engine_options(),
        };
        let engine = Engine::start(parts).await?;
        let listener = TcpListener::bind(config.listen).await.map_err(|e| Error::Listen(config.listen, e))?;
        let address = listener.local_addr().map_err(|error| Error::Listen(config.listen, error))?;
        let request_timeout = Duration::from_secs(u64::from(config.request_timeout_seconds.get()));
        let api = posthouse_api::router(
            Arc::clone(&engine),
            ApiOptions { request_timeout, ..ApiOptions::default() },
        );
        let router = more(&engine).merge(api);
        let (stop, mut stopped) = watch::channel(false);
        // Answers are small and written whole: waiting to fill a segment would only delay them.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
            stopped.changed().await.ok();
        });
        let http = tokio::spawn(serving.into_future());
        let services = Services::start(&engine);
        let grace = Duration::from_secs(config.shutdown_grace_seconds.into());
        Ok(Self { engine, address, store, services, stop, http, grace })
    }

    /// Stops listening, lets requests and attempts in flight end, writes out the store.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        // Live streams never end by themselves; deliveries get the time instead.
        let requests = self.grace.min(Duration::from_secs(5));
        if tokio::time::timeout(requests, self.http).await.is_err() {
            tracing::info!("connections still open after {requests:?} were closed");
        }
        self.services.stop(self.grace).await;
        self.store.close().await?;
        Ok(())
    }
}

/// Waits for the signal to stop: interrupt or terminate.
pub(crate) async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
