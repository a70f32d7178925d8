//! The engine: use cases (publish, endpoints, keys, sessions, …) and services (deliver, reap, prune).
//!
//! It is the API an ideal client would wish for: methods on [`Engine`] that take a [`Caller`] and domain values
//! and answer domain values. It knows no HTTP server, no SQL and no dialect. Rules live here and nowhere else:
//! who may do what, what a value may be, what happens when.

mod agents;
mod bodies;
mod caller;
mod catalogue;
mod changes;
pub mod clock;
mod endpoints;
pub mod error;
mod inbound;
mod inspect;
mod keys;
mod login;
mod measure;
mod messages;
mod pages;
mod publish;
mod registry;
mod schema;
pub mod service;
mod session_events;
mod sessions;
mod signing;
mod sources;
mod stream;
mod target;
mod tickets;
pub mod unhindered;
mod vault;
mod window;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use posthouse_egress::Sender;
use posthouse_store::Store;
use posthouse_types::{EndpointId, Health, TenantId, Timestamp};

pub use agents::{
    AgentDetail, AgentReply, AgentRun, AgentRunner, CreateAgent, RunError, Said, ToolOutput, ToolSpec,
    Toolbox, UpdateAgent,
};
pub use caller::Caller;
pub use catalogue::{Project, PutEventType};
pub use clock::{Clock, IdSource, SystemClock};
pub use endpoints::{
    CreateEndpoint, EndpointDetail, EndpointQuery, NewSecret, PutEndpoint, Rotate, Rotated, UpdateEndpoint,
};
pub use error::{At, Error, ErrorKind, FieldError, Result};
pub use inbound::{Decision, InboundDetail, InboundQuery, Receipt, Received, Refusal};
pub use inspect::{AttemptDetail, DeliveryQuery, EndpointAttempt, Explained, Verdict};
pub use keys::{CreateKey, CreatedKey, KeyLimit, create_first_key};
pub use login::{LoginOptions, Logins};
pub use messages::{CastVote, MessageDetail, PostMessage, Voted};
pub use publish::{Publish, Published, Repeatable};
pub use sessions::{CreateSession, UpdateSession};
pub use sources::{CreateSource, Door, RotateSource, RotatedSource, SourceDetail, UpdateSource};
pub use stream::EventStream;
pub use tickets::Ticket;
pub use vault::Vault;
pub use wire::{body, message_id, organization_id};

/// What is known of a provider: surfaces name it through the engine.
pub use posthouse_providers::Profile;

/// What use cases answer with and the store keeps: surfaces name these through the engine, never the store.
pub use posthouse_store::{AcceptedEvent, EventTypeRecord, KeyRecord, ProjectRecord, SessionRecord};

/// What the engine is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What makes HTTP attempts.
    pub sender: Arc<dyn Sender>,
    /// What runs agents.
    pub runner: Arc<dyn AgentRunner>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What makes ids.
    pub ids: Arc<IdSource>,
    /// What seals secrets.
    pub vault: Vault,
    /// What checks people's logins; without it there are API keys only.
    pub logins: Option<Logins>,
    /// How it behaves.
    pub options: Options,
}

/// How the engine behaves; the operator's choice.
#[derive(Debug, Clone)]
pub struct Options {
    /// Endpoint URLs must be `https` …
    pub https_only: bool,
    /// … unless they name this machine and private targets are allowed: for development.
    pub http_to_loopback: bool,
    /// Requests that one key may make.
    pub key_limit: KeyLimit,
    /// Attempts in flight to one endpoint at a time.
    pub endpoint_concurrency: usize,
    /// Deliveries claimed and not yet settled, over all endpoints.
    pub in_flight_max: usize,
    /// How long events are kept.
    pub retention: std::time::Duration,
    /// How many bytes of payloads and responses a tenant may keep, and as many of what arrived at its sources.
    pub retention_bytes: u64,
    /// How long bodies of what arrived at sources are kept; what else is known of it stays for `retention`.
    pub body_retention: std::time::Duration,
    /// How long messages are kept, and sessions that sources made.
    pub session_retention: std::time::Duration,
    /// Requests that all sources together take on in any 60 seconds.
    pub ingest_global_per_minute: u32,
    /// Agents at work at a time.
    pub agent_concurrency: usize,
    /// The programs that agents may run, by name.
    pub commands: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            https_only: false,
            http_to_loopback: false,
            key_limit: KeyLimit::default(),
            endpoint_concurrency: posthouse_types::limits::ENDPOINT_CONCURRENCY_MAX,
            in_flight_max: 4096,
            retention: std::time::Duration::from_secs(30 * 24 * 3600),
            retention_bytes: 10 * 1024 * 1024 * 1024,
            body_retention: std::time::Duration::from_secs(7 * 24 * 3600),
            session_retention: std::time::Duration::from_secs(90 * 24 * 3600),
            ingest_global_per_minute: posthouse_types::limits::INGEST_GLOBAL_PER_MINUTE_DEFAULT,
            agent_concurrency: 4,
            commands: BTreeSet::new(),
        }
    }
}

/// The one engine under every surface. Cheap to share.
pub struct Engine {
    store: Arc<dyn Store>,
    sender: Arc<dyn Sender>,
    runner: Arc<dyn AgentRunner>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdSource>,
    vault: Vault,
    options: Options,
    doors: sources::Doors,
    agents: agents::Presets,
    /// What is counted over all sources.
    ingest: inbound::Ingest,
    /// Sources were removed: what is left of them is to be taken away.
    leftovers: tokio::sync::watch::Sender<()>,
    registry: registry::Registry,
    catalogue: catalogue::Catalogue,
    keys: keys::KeyCache,
    logins: Option<Logins>,
    /// Tenants by what logins call them, and since when that is known; `None` where there is none.
    tenants: parking_lot::RwLock<HashMap<String, (Option<TenantId>, Timestamp)>>,
    health: service::HealthBook,
    bodies: bodies::Bodies,
    /// Held while the store and what is kept of it in memory change together, so that both end up with the same
    /// last change.
    turn: tokio::sync::Mutex<()>,
    /// Held while the one endpoint of a project for an event type is looked for and registered.
    puts: tokio::sync::Mutex<()>,
    /// Settings or health of endpoints changed: the deliver service looks again.
    changes: changes::Changes,
}

impl Engine {
    /// Puts the parts together and loads what matching needs.
    pub async fn start(parts: Parts) -> Result<Arc<Self>> {
        let engine = Self {
            ids: parts.ids,
            keys: keys::KeyCache::new(parts.options.key_limit),
            logins: parts.logins,
            tenants: parking_lot::RwLock::default(),
            store: parts.store,
            sender: parts.sender,
            runner: parts.runner,
            doors: sources::Doors::default(),
            agents: agents::Presets::default(),
            ingest: inbound::Ingest::default(),
            leftovers: tokio::sync::watch::Sender::new(()),
            clock: parts.clock,
            vault: parts.vault,
            options: parts.options,
            registry: registry::Registry::default(),
            catalogue: catalogue::Catalogue::default(),
            health: service::HealthBook::default(),
            bodies: bodies::Bodies::default(),
            turn: tokio::sync::Mutex::new(()),
            puts: tokio::sync::Mutex::new(()),
            changes: changes::Changes::default(),
        };
        engine.reload().await?;
        Ok(Arc::new(engine))
    }

    /// Reads endpoints, event types, agents and sources from the store: at the start, and when another node changed
    /// them.
    pub async fn reload(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        let records = self.store.all_endpoints().await?;
        let mut targets = Vec::with_capacity(records.len());
        for record in &records {
            match self.open(record) {
                Ok(target) => targets.push(target),
                // One endpoint that can not be read must not keep the others waiting.
                Err(error) => {
                    tracing::error!(endpoint.id = %record.endpoint.id, %error, "{} is left out", record.endpoint.id);
                }
            }
            self.health.load(record.endpoint.id, record.endpoint.health);
        }
        let before = self.registry.ids();
        self.registry.replace_all(targets);
        self.catalogue.replace_all(self.store.all_event_types().await?);
        self.agents
            .replace_all(self.store.all_agents().await?.into_iter().map(|record| record.agent).collect());
        let mut doors = Vec::new();
        for record in self.store.all_sources().await? {
            match self.door_of(&record) {
                Ok(door) => doors.push(door),
                Err(error) => {
                    let id = record.source.id;
                    tracing::error!(source.id = %id, %error, "{id} is left out");
                }
            }
        }
        self.doors.replace_all(doors);
        // Those that are gone, too.
        self.changes.mark(before.into_iter().chain(self.registry.ids()));
        Ok(())
    }

    /// The clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// True when the store answers.
    pub async fn is_ready(&self) -> bool {
        self.store.ping().await.is_ok()
    }

    /// Runs `work` to its end even if whoever asked for it goes away meanwhile: a client that hangs up between a
    /// commit and what follows from it in memory must not leave the two apart.
    async fn see_through<T, W, F>(self: &Arc<Self>, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Self>) -> F,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        unhindered::see_through(work(Arc::clone(self))).await
    }

    /// The health of an endpoint as known in memory, which is newer than the store's.
    fn health_of(&self, id: EndpointId, stored: Health) -> Health {
        self.health.get(id).unwrap_or(stored)
    }
}
