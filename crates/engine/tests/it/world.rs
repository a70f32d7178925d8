//! An engine to try things on.

use std::sync::Arc;

use bytes::Bytes;
use posthouse_egress::SendRequest;
use posthouse_engine::service::{Deliver, Progress};
use posthouse_engine::{
    Caller, Clock as _, CreateEndpoint, Engine, IdSource, NewSecret, Options, Parts, Publish, Vault,
};
use posthouse_store::{AcceptedEvent, Store};
use posthouse_store_sqlite::{Options as StoreOptions, Role, SqliteStore};
use posthouse_testkit::{ManualClock, ScriptedRunner, ScriptedSender};
use posthouse_types::{
    Attempt, Capabilities, Delivery, Endpoint, EndpointId, EndpointUrl, Environment, EventRef, EventType,
    Headers, KeyId, Name, PageRequest, RetryPolicy, Settings, Space, TenantId, Timestamp, Wire,
};

pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sender: Arc<ScriptedSender>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) deliver: Deliver,
    pub(crate) caller: Caller,
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::open(tempfile::tempdir().unwrap(), Arc::new(ManualClock::default()), options).await
    }

    async fn open(dir: tempfile::TempDir, clock: Arc<ManualClock>, options: Options) -> Self {
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(StoreOptions::new(dir.path(), Role::Server)).unwrap());
        let sender = Arc::new(ScriptedSender::default());
        let runner = Arc::new(ScriptedRunner::default());
        let tenant = posthouse_store::Tenant {
            id: TenantId::from_u128(1),
            name: Name::parse("acme").unwrap(),
            created_at: clock.now(),
        };
        let tenant = store.ensure_tenant(tenant).await.unwrap();
        let engine = Engine::start(Parts {
            store: Arc::clone(&store),
            sender: sender.clone(),
            runner: runner.clone(),
            clock: clock.clone(),
            ids: Arc::new(IdSource::new(clock.clone())),
            vault: Vault::new(&[1; 32]),
            logins: None,
            options,
        })
        .await
        .unwrap();
        let space = Space { tenant: tenant.id, environment: Environment::Live };
        let caller = Caller {
            key: KeyId::MIN,
            space,
            project: None,
            capabilities: Capabilities::ALL,
            digest: None,
            until: None,
        };
        Self { deliver: Deliver::new(Arc::clone(&engine)), engine, store, clock, sender, runner, caller, dir }
    }

    /// Stops everything and starts it again on the same store.
    pub(crate) async fn restart(self) -> Self {
        self.store.close().await.unwrap();
        let Self { dir, clock, .. } = self;
        Self::open(dir, clock, Options::default()).await
    }

    pub(crate) async fn endpoint(&self, change: impl FnOnce(&mut Settings)) -> Endpoint {
        let mut settings =
            Settings::new(EndpointUrl::parse("https://example.com/hook").unwrap(), Wire::Standard);
        change(&mut settings);
        let create = CreateEndpoint {
            settings,
            project: None,
            session: None,
            secret: NewSecret::Make,
            headers: Headers::default(),
        };
        self.engine.create_endpoint(&self.caller, create, None).await.unwrap().0.endpoint
    }

    pub(crate) async fn endpoint_with_policy(&self, policy: RetryPolicy) -> Endpoint {
        self.endpoint(|settings| settings.retry_policy = policy).await
    }

    pub(crate) async fn publish(&self, event_type: &str) -> AcceptedEvent {
        self.publish_with(event_type, "{}", |_| ()).await
    }

    pub(crate) async fn publish_with(
        &self,
        event_type: &str,
        payload: &'static str,
        change: impl FnOnce(&mut Publish),
    ) -> AcceptedEvent {
        let mut publish = Publish {
            event_type: EventType::parse(event_type).unwrap(),
            payload: Bytes::from_static(payload.as_bytes()),
            session: None,
            project: None,
            ordering_key: None,
            occurred_at: None,
            external_id: None,
        };
        change(&mut publish);
        let published =
            self.engine.publish(&self.caller, vec![publish], None, |_| "body".into()).await.unwrap();
        published.events.into_iter().next().unwrap()
    }

    /// Delivers all that is due now; answers what was sent.
    pub(crate) async fn drain(&mut self) -> Vec<SendRequest> {
        self.drain_to().await.0
    }

    /// Delivers all that is due now; answers what was sent, and when there is more.
    pub(crate) async fn drain_to(&mut self) -> (Vec<SendRequest>, Option<Timestamp>) {
        let Progress { next, .. } = self.deliver.drain().await.unwrap();
        (self.sender.take_sent(), next)
    }

    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let page = PageRequest { limit: 100, after: None };
        self.engine
            .deliveries(&self.caller, posthouse_engine::DeliveryQuery::default(), page)
            .await
            .unwrap()
            .items
    }

    pub(crate) async fn delivery_of(&self, event: &AcceptedEvent) -> Delivery {
        let event: EventRef = event.id.parse().unwrap();
        self.deliveries()
            .await
            .into_iter()
            .find(|delivery| delivery.event_ref == event)
            .expect("it was matched")
    }

    pub(crate) async fn attempts(&self, delivery: &Delivery) -> Vec<Attempt> {
        let details = self.engine.attempts(&self.caller, delivery.id).await.unwrap();
        details.into_iter().map(|detail| detail.attempt).collect()
    }

    pub(crate) async fn now_of(&self, id: EndpointId) -> Endpoint {
        self.engine.endpoint(&self.caller, id).await.unwrap().endpoint
    }
}
