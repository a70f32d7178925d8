//! Wiring: store, egress, engine, services and HTTP put together, and taken apart in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use posthouse_agents::{Runners, RunnersOptions};
use posthouse_api::{ApiOptions, Metrics, ServeOptions};
use posthouse_egress::Egress;
use posthouse_engine::service::Services;
use posthouse_engine::{Engine, IdSource, Logins, Parts, SystemClock, Vault};
use posthouse_store::Store;
use posthouse_store_sqlite::{Options as StoreOptions, Role, SqliteStore};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::configuration::Config;
use crate::error::Error;
use crate::{master_key, metrics};

/// At the end, the requests in progress have no longer than this.
const REQUESTS_GRACE_MAX: Duration = Duration::from_secs(5);

/// A server that serves.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn Store>,
    services: Services,
    stop: watch::Sender<bool>,
    http: JoinHandle<()>,
    grace: Duration,
}

impl Server {
    /// Opens the store, starts services and listens. `more` adds routes beside the API's.
    pub(crate) async fn start(
        config: &Config,
        more: impl FnOnce(&Arc<Engine>) -> Router,
    ) -> Result<Self, Error> {
        // Before the store is touched: what is wrong with the configuration stops the start.
        let (public_url, hosts) = (config.public_url()?, config.hosts()?);
        let logins = logins(config)?;
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(StoreOptions::new(&config.data, Role::Server))?);
        let sender = Arc::new(Egress::new(config.egress()?)?);
        let parts = Parts {
            store: Arc::clone(&store),
            runner: Arc::new(runners(config, Arc::clone(&sender))?),
            sender,
            clock: Arc::new(SystemClock),
            ids: Arc::new(IdSource::new(Arc::new(SystemClock))),
            vault: Vault::new(&*master_key::load(config)?),
            logins,
            options: config.engine_options(),
        };
        let engine = Engine::start(parts).await?;
        let listener = TcpListener::bind(config.listen).await.map_err(|e| Error::Listen(config.listen, e))?;
        let address = listener.local_addr().map_err(|error| Error::Listen(config.listen, error))?;
        let request_timeout = Duration::from_secs(u64::from(config.request_timeout_seconds.get()));
        let grace = Duration::from_secs(config.shutdown_grace_seconds.into());
        // Counts of all tenants: on a loopback address they are for whoever is on the machine, unless a proxy there
        // lets strangers in; else for the token.
        let open = address.ip().is_loopback() && public_url.is_none() && config.trusted_proxies.is_empty();
        let metrics = Metrics::new(metrics::install(), config.metrics_token.as_ref(), open);
        let (stop, stopped) = watch::channel(false);
        let api = posthouse_api::router(
            Arc::clone(&engine),
            ApiOptions {
                request_timeout,
                public_url,
                hosts,
                trusted_proxies: config.trusted_proxies.clone().into(),
                metrics: Some(metrics),
                ..ApiOptions::default()
            },
            stopped.clone(),
        );
        let router = more(&engine).merge(api);
        // The rest of the time is for deliveries.
        let options = ServeOptions {
            connections_max: config.connections_max.get(),
            grace: grace.min(REQUESTS_GRACE_MAX),
            ..ServeOptions::default()
        };
        let http = tokio::spawn(posthouse_api::serve(listener, router, stopped, options));
        let services = Services::start(&engine);
        Ok(Self { engine, address, store, services, stop, http, grace })
    }

    /// Stops listening, lets requests and attempts in flight end, writes out the store.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        if let Err(error) = self.http.await {
            tracing::error!("serving HTTP failed: {error}");
        }
        self.services.stop(self.grace).await;
        self.store.close().await?;
        Ok(())
    }
}

/// What runs agents. The operator's own addresses of models may be private, as Ollama's on the same machine is.
fn runners(config: &Config, sender: Arc<Egress>) -> Result<Runners, Error> {
    let options = RunnersOptions {
        sender,
        trusted: Arc::new(Egress::new(config.operator_egress()?)?),
        clock: Arc::new(SystemClock),
        commands: config.commands.clone(),
        providers: config.llm.clone(),
    };
    Ok(Runners::new(options)?)
}

/// What checks people's logins, when the operator says whose. Its client is one of its own: what it calls is the
/// operator's address, not a stranger's.
fn logins(config: &Config) -> Result<Option<Logins>, Error> {
    let Some(options) = config.logins()? else { return Ok(None) };
    if options.jwks_url.scheme_str() == Some("http") {
        tracing::warn!(
            "login_jwks_url is not https: whoever can change the keys on their way can log in as anyone"
        );
    }
    let sender = Arc::new(Egress::new(config.operator_egress()?)?);
    Ok(Some(Logins::new(options, sender, Arc::new(SystemClock))))
}

/// The signals to stop: interrupt and terminate. They are taken from when this is made, which is before a server
/// says that it is ready.
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// Takes the signals from now on.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one.
    pub(crate) async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
