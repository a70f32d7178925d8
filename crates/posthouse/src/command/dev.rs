//! `posthouse dev`: the first five minutes. Every line it prints is about something that really happened.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use posthouse_engine::{
    Caller, Clock as _, CreateEndpoint, CreateKey, EndpointDetail, Engine, IdSource, NewSecret, Publish,
    SystemClock, UpdateEndpoint, create_first_key,
};
use posthouse_store::{Store, Tenant};
use posthouse_types::limits::PAGE_ITEMS_MAX;
use posthouse_types::{
    Capabilities, Delivery, DeliveryState, EndpointId, EndpointUrl, Environment, EventRef, EventType,
    Headers, KeyId, KeyStyle, Name, PageRequest, Settings, Space, Wire,
};
use serde_json::json;

use crate::configuration::Config;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::output::say;
use crate::server::{Server, StopSignal};

const TENANT: &str = "dev";
/// Marks the inbox's endpoint, so that the next start finds it again.
const INBOX_MARK: &str = "posthouse-dev-inbox";
/// How long the sample may take before it is called a failure.
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
    let endpoint = inbox_endpoint(&server.engine, &caller, &url).await?;
    inbox.open(&server.engine, &caller, endpoint);
    say(&format!("✓ endpoint   {endpoint} delivers to {url}/dev/inbox"));
    show_sample(&server.engine, &caller, endpoint, &inbox).await?;
    say(&next_steps(&url, key.as_deref()));
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

/// The inbox's endpoint: the one of an earlier start at its present address, or a new one.
async fn inbox_endpoint(
    engine: &Arc<Engine>,
    caller: &Caller,
    url: &str,
) -> posthouse_engine::Result<EndpointId> {
    let url = EndpointUrl::parse(&format!("{url}/dev/inbox")).expect("a socket address makes a URL");
    let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
    loop {
        let found = engine.endpoints(caller, page.clone()).await?;
        let marked = |detail: &&EndpointDetail| detail.endpoint.settings.metadata.contains_key(INBOX_MARK);
        if let Some(detail) = found.items.iter().find(marked) {
            let here = |settings: &mut Settings| {
                settings.url = url.clone();
                settings.enabled = true;
            };
            return Ok(engine
                .update_endpoint(caller, detail.endpoint.id, UpdateEndpoint::settings(&here))
                .await?
                .endpoint
                .id);
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let mut settings = Settings::new(url, Wire::Standard);
    "The built-in inbox of posthouse dev".clone_into(&mut settings.description);
    settings.metadata.insert(INBOX_MARK.to_owned(), json!(true));
    let create = CreateEndpoint {
        settings,
        project: None,
        session: None,
        secret: NewSecret::Make,
        headers: Headers::default(),
    };
    Ok(engine.create_endpoint(caller, create, None).await?.0.endpoint.id)
}

/// Publishes a sample and waits until it has arrived.
async fn show_sample(
    engine: &Engine,
    caller: &Caller,
    endpoint: EndpointId,
    inbox: &Inbox,
) -> Result<(), Error> {
    let sample = Publish {
        event_type: EventType::parse("message.created").expect("a constant event type"),
        payload: Bytes::from_static(br#"{"text":"Hello from Posthouse","from":"ada","to":"bob"}"#),
        session: None,
        project: None,
        ordering_key: None,
        occurred_at: None,
        external_id: None,
    };
    let published = engine.publish(caller, vec![sample], None, |_| "body".into()).await?;
    let event = &published.events[0];
    say(&format!(
        "✓ accepted   {} {}, on disk, for {} endpoint(s)",
        event.event_type, event.id, event.deliveries
    ));
    let shown = async {
        let arrival = inbox.arrival(&event.id).await;
        (arrival.wrong, settled(engine, caller, endpoint, &event.id).await)
    };
    let Ok((wrong, delivery)) = tokio::time::timeout(PATIENCE, shown).await else {
        say(&format!(
            "✗ the sample did not arrive within {PATIENCE:?}; see GET /api/v1/events/{}/explain",
            event.id
        ));
        return Ok(());
    };
    let delivery = delivery?;
    let attempts = engine.attempts(caller, delivery.id).await?;
    let Some(last) = attempts.last().map(|detail| &detail.attempt) else { return Ok(()) };
    say(&format!("✓ delivered  {}: {} in {} ms", delivery.id, last.outcome, last.duration_ms));
    match wrong {
        None => say("✓ verified   the inbox checked the signature: valid"),
        Some(wrong) => say(&format!("✗ the inbox checked the signature: {wrong}")),
    }
    Ok(())
}

/// The delivery of an event to the inbox, once its end is on disk.
async fn settled(
    engine: &Engine,
    caller: &Caller,
    endpoint: EndpointId,
    event: &str,
) -> posthouse_engine::Result<Delivery> {
    let event: EventRef = event.parse().expect("an id that the engine made");
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    loop {
        tick.tick().await;
        let query = posthouse_engine::DeliveryQuery {
            event: Some(event.clone()),
            endpoint: Some(endpoint),
            ..Default::default()
        };
        let page = PageRequest { limit: 10, after: None };
        let deliveries = engine.deliveries(caller, query, page).await?.items;
        if let Some(ended) = deliveries.into_iter().find(|delivery| delivery.state != DeliveryState::Pending)
        {
            return Ok(ended);
        }
    }
}

fn next_steps(url: &str, key: Option<&str>) -> String {
    let key = key.unwrap_or("YOUR_KEY");
    format!(
        "
Look
  {url}/dev/inbox   what arrived, with headers and signature check
  {url}/docs        the API, to browse and to try

Try
  export POSTHOUSE_URL={url} POSTHOUSE_API_KEY={key}

  # publish an event
  curl -sS $POSTHOUSE_URL/api/v1/events -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"type\":\"message.created\",\"payload\":{{\"text\":\"hi\"}}}}'

  # register an endpoint of your own
  curl -sS $POSTHOUSE_URL/api/v1/endpoints -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"url\":\"http://127.0.0.1:9000/hook\",\"events\":[\"message.*\"]}}'

  # what became of the deliveries
  curl -sS $POSTHOUSE_URL/api/v1/deliveries -H \"Authorization: Bearer $POSTHOUSE_API_KEY\"

  # watch events as they happen
  curl -sSN $POSTHOUSE_URL/api/v1/stream -H \"Authorization: Bearer $POSTHOUSE_API_KEY\"

  # the same engine through four published APIs: Molroo, Sonzai, WhatsApp Gateway, tellcasey
  curl -sS $POSTHOUSE_URL/api/v1/sessions -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"id\":\"s1\"}}'
  curl -sS $POSTHOUSE_URL/molroo/v1/webhook/s1 -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' \\
    -d '{{\"url\":\"http://127.0.0.1:9000/molroo\",\"secret\":\"whsec_demo_molroo\",\"events\":[\"stage_transition\"]}}'
  curl -sS -X PUT $POSTHOUSE_URL/sonzai/api/v1/webhooks/session.end -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"webhook_url\":\"http://127.0.0.1:9000/sonzai\"}}'
  curl -sS $POSTHOUSE_URL/whatsapp/api/v1/webhooks -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"url\":\"http://127.0.0.1:9000/wa\",\"events\":[\"poll.vote\"]}}'
  curl -sS $POSTHOUSE_URL/casey/v1/backend/webhooks -H \"Authorization: Bearer $POSTHOUSE_API_KEY\" \\
    -H 'Content-Type: application/json' -d '{{\"url\":\"http://127.0.0.1:9000/casey\"}}'

Serving until you press Ctrl-C."
    )
}
