//! `posthouse dev`: the first five minutes. Every line it prints is about something that really happened.

mod inbound;
mod next_steps;
mod outbound;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use posthouse_engine::{Caller, Clock as _, CreateKey, IdSource, SystemClock, create_first_key};
use posthouse_store::{Store, Tenant};
use posthouse_types::{Capabilities, Environment, KeyId, KeyStyle, Name, Space};

use crate::configuration::Config;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::output::say;
use crate::server::{Server, StopSignal};

const TENANT: &str = "dev";
/// How long a sample may take before it is called a failure.
const PATIENCE: Duration = Duration::from_secs(15);

/// Starts, shows, keeps serving.
pub(super) async fn run(config: Config, listen_given: bool) -> Result<(), Error> {
    let stop = StopSignal::new()?;
    let inbox = Inbox::new();
    let server = start(config, listen_given, &inbox).await?;
    let url = format!("http://{}", reachable(server.address));
    say(&format!("Posthouse serves on {url}"));
    say("  Deliveries to loopback and private addresses are allowed: this is for development only.");
    let (space, key) = tenant_and_key(&*server.store).await?;
    let caller = Caller {
        key: KeyId::MIN,
        space,
        project: None,
        capabilities: Capabilities::ALL,
        digest: None,
        until: None,
    };
    let endpoint = outbound::inbox_endpoint(&server.engine, &caller, &url).await?;
    inbox.open(&server.engine, &caller, endpoint);
    say(&format!("✓ endpoint   {endpoint} delivers to {url}/dev/inbox"));
    outbound::show_sample(&server.engine, &caller, endpoint, &inbox).await?;
    let shown = inbound::show_sample(&server.engine, &caller, &url, &inbox).await?;
    say(&next_steps::text(&url, key.as_deref(), &shown));
    stop.wait().await;
    say("Stopping.");
    server.stop().await
}

/// Starts the server; on another port when nobody asked for the usual one and it is taken.
async fn start(mut config: Config, listen_given: bool, inbox: &Arc<Inbox>) -> Result<Server, Error> {
    if !listen_given && std::net::TcpListener::bind(config.listen).is_err() {
        say(&format!("  {} is taken by another program: taking a free port", config.listen));
        config.listen = SocketAddr::new(config.listen.ip(), 0);
    }
    Server::start(&config, |_| inbox.router(config.listen.ip().is_loopback())).await
}

/// The address to reach a server at that listens on all of them.
fn reachable(bound: SocketAddr) -> SocketAddr {
    match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), bound.port()),
        _ => bound,
    }
}

/// The tenant of the first start, made then with two keys, which are printed then and never again.
async fn tenant_and_key(store: &dyn Store) -> Result<(Space, Option<String>), Error> {
    let known = store.tenants().await?.into_iter().find(|tenant: &Tenant| tenant.name.as_str() == TENANT);
    if let Some(tenant) = known {
        say(
            "  The keys of tenant dev were printed at its first start; `posthouse keys create --tenant dev` makes more.",
        );
        return Ok((Space { tenant: tenant.id, environment: Environment::Live }, None));
    }
    let ids = IdSource::new(Arc::new(SystemClock));
    let mut first = None;
    say(&format!("✓ tenant     {TENANT}, with two API keys, shown this once:"));
    for environment in [Environment::Live, Environment::Test] {
        let create = CreateKey {
            name: Name::parse("first start").expect("a constant name"),
            environment,
            capabilities: Capabilities::ALL,
            project: None,
            style: KeyStyle::Posthouse,
        };
        let tenant = Name::parse(TENANT).expect("a constant name");
        let created = create_first_key(store, &ids, tenant, create, SystemClock.now()).await?;
        say(&format!("    {environment}  {}", created.key.expose()));
        first.get_or_insert((created.record.space, Some(created.key.expose().to_owned())));
    }
    Ok(first.expect("two keys were made"))
}
