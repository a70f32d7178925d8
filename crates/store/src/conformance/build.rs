//! Builders for the cases: ids that rise, times that are given, records with defaults.
//!
//! Nothing here reads a clock or rolls dice, so a case does the same on every run and on every store.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use posthouse_types::{
    Attempt, AttemptId, Delivery, DeliveryId, Endpoint, EndpointId, EndpointUrl, Environment, Event, EventId,
    Health, IdempotencyKey, Invalid, Message, MessageId, Outcome, Page, PageRequest, ProjectId, Role,
    Settings, Space, TenantId, Timestamp, Vote, Wire,
};
use tokio::sync::watch;

use crate::{
    Accept, Acceptance, Change, Claim, ClaimDue, Claimed, EndpointRecord, EventFilter, Idempotency,
    NewDelivery, NewEvent, Next, ProjectRecord, Remember, Result, Sealed, SessionRecord, Settle, Settlement,
    Store, Tenant,
};

/// The moment at which cases begin: 2026-01-01T00:00:00Z.
pub const T0: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Seconds of a day.
pub const DAY_S: i64 = 24 * 3600;

/// Longer than any notification takes; a case that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

static COUNTER: AtomicU64 = AtomicU64::new(1);

/// The moment `seconds` after [`T0`]; before it when negative.
pub const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(T0.as_millis() + seconds * 1000)
}

/// A number that was not given before in this process.
pub fn unique() -> u64 {
    COUNTER.fetch_add(1, Relaxed)
}

/// A ULID's bits: made at `made`, above all that were made at that moment before.
pub fn ulid(made: Timestamp) -> u128 {
    let millis = u128::try_from(made.as_millis()).expect("cases play after 1970");
    millis << 80 | u128::from(unique())
}

/// The value, or the end of the case.
#[track_caller]
pub fn ok<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error}"))
}

/// Reads a text type that is known to be valid.
#[track_caller]
pub fn text<T: FromStr<Err = Invalid>>(text: &str) -> T {
    text.parse().unwrap_or_else(|invalid| panic!("`{text}` {invalid}"))
}

/// A tenant that is called differently from all others.
pub fn tenant() -> Tenant {
    Tenant {
        id: TenantId::from_u128(ulid(T0)),
        name: text(&format!("Tenant no. {}", unique())),
        created_at: T0,
    }
}

/// The first page of `limit` items.
pub fn first<K>(limit: usize) -> PageRequest<K> {
    PageRequest { limit, after: None }
}

/// All that may be claimed at `now`.
pub fn due(now: Timestamp) -> ClaimDue {
    ClaimDue { now, limit: 100, per_endpoint: 100, room: HashMap::new() }
}

/// Reads a list page by page to its end.
pub async fn walk<T, K: Clone>(
    limit: usize,
    mut read: impl AsyncFnMut(PageRequest<K>) -> Result<Page<T, K>>,
) -> Vec<T> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = ok(read(PageRequest { limit, after }).await);
        assert!(page.items.len() <= limit, "a page of {} where {limit} were asked for", page.items.len());
        assert!(page.next.is_none() || page.items.len() == limit, "only the last page may be short");
        all.extend(page.items);
        assert!(all.len() < 10_000, "paging does not end");
        match page.next {
            None => return all,
            next => after = next,
        }
    }
}

/// Waits until a wake arrives; a store over a network may take a moment.
pub async fn woken(wake: &mut watch::Receiver<()>, what: &'static str) {
    let woken = tokio::time::timeout(PATIENCE, wake.changed()).await;
    assert!(woken.is_ok(), "no wake came: {what}");
    assert_eq!(woken.ok().and_then(std::result::Result::ok), Some(()), "the wakes are gone: {what}");
}

/// A record of the idempotency key `key`, for a request whose digest is `fingerprint` over and over.
pub fn idempotency(key: &str, fingerprint: u8, expires_at: Timestamp) -> Option<Idempotency> {
    let key = text::<IdempotencyKey>(key);
    Some(Idempotency { key, project: None, fingerprint: [fingerprint; 32], expires_at })
}

/// An answer to a change of an endpoint, of one byte, for a request whose digest is `fingerprint` over and over.
pub fn remember(key: &str, fingerprint: u8, expires_at: Timestamp) -> Remember {
    let (fingerprint, answer) = ([fingerprint; 32], Sealed(vec![fingerprint]));
    Remember { key: text(key), project: None, fingerprint, answer, expires_at }
}

/// What a user says in a session at that moment.
pub fn message(space: Space, session: &str, created_at: Timestamp) -> Message {
    let id = MessageId::from_u128(ulid(created_at));
    let (session, content) = (text(session), format!("It is {created_at} – {id}"));
    Message {
        id,
        space,
        session,
        role: Role::User,
        content,
        poll: None,
        delivery: None,
        tool_calls: Vec::new(),
        tokens: None,
        created_at,
    }
}

/// What `voter` selects at that moment, in place of `previous`.
pub fn vote(message: MessageId, voter: &str, selected: &[&str], previous: Option<&[&str]>) -> Change {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let event = EventId::from_u128(ulid(T0));
    let vote = Vote { voter: voter.to_owned(), selected: texts(selected), event, updated_at: T0 };
    Change::Vote { message, vote, previous: previous.map(texts) }
}

/// A session without label and metadata, registered at [`T0`].
pub fn session(space: Space, id: &str) -> SessionRecord {
    SessionRecord {
        id: text(id),
        space,
        project: None,
        label: String::new(),
        metadata: serde_json::Map::new(),
        agent: None,
        source: None,
        created_at: T0,
        updated_at: T0,
    }
}

/// An endpoint with the settings of one of which only the URL was said, registered at [`T0`].
pub fn endpoint(space: Space) -> EndpointRecord {
    let url = EndpointUrl::parse("https://receiver.example/hook").expect("the URL is valid");
    EndpointRecord {
        endpoint: Endpoint {
            id: EndpointId::from_u128(ulid(T0)),
            space,
            project: None,
            session: None,
            settings: Settings::new(url, Wire::Standard),
            disabled_reason: None,
            health: Health::default(),
            created_at: T0,
            updated_at: T0,
        },
        secrets: Sealed(vec![1, 2, 3]),
        headers: Sealed(Vec::new()),
        version: 1,
    }
}

/// An attempt of one tenth of a second without headers, body and error.
pub fn attempt(number: u16, started_at: Timestamp, outcome: Outcome) -> Attempt {
    Attempt {
        id: AttemptId::from_u128(ulid(started_at)),
        number,
        wire: Wire::Standard,
        url: Arc::from("https://receiver.example/hook"),
        started_at,
        duration_ms: 100,
        outcome,
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        response_body: Bytes::new(),
        error: None,
    }
}

/// The result of attempting `claimed` at `at`, with an attempt that fits what follows.
pub fn settlement(claimed: &Claimed, at: Timestamp, next: Next) -> Settlement {
    let outcome = match next {
        Next::Succeeded => Outcome::Delivered { status: 200 },
        Next::RetryAt(_) | Next::Dead => Outcome::Refused { status: 500 },
        Next::Cancelled => Outcome::Cancelled,
    };
    Settlement {
        delivery: claimed.id,
        endpoint: claimed.endpoint,
        attempt: Some(attempt(claimed.attempt, at, outcome)),
        at,
        next,
    }
}

/// An event in the making.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The event so far.
    pub event: Event,
    deliveries: Vec<NewDelivery>,
}

impl Draft {
    /// The publisher's own id.
    #[must_use]
    pub fn named(mut self, external_id: &str) -> Self {
        self.event.external_id = Some(text(external_id));
        self
    }

    /// The project it belongs to.
    #[must_use]
    pub fn of_project(mut self, project: ProjectId) -> Self {
        self.event.project = Some(project);
        self
    }

    /// The session it belongs to.
    #[must_use]
    pub fn of_session(mut self, session: &str) -> Self {
        self.event.session = Some(text(session));
        self
    }

    /// Its payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.event.payload = payload.into();
        self
    }

    /// A delivery to this endpoint.
    #[must_use]
    pub fn to(self, endpoint: EndpointId) -> Self {
        self.delivered(endpoint, None)
    }

    /// A delivery to this endpoint that waits for those with the same key.
    #[must_use]
    pub fn to_in_order(self, endpoint: EndpointId, key: &str) -> Self {
        self.delivered(endpoint, Some(Arc::from(key)))
    }

    fn delivered(mut self, endpoint: EndpointId, order_key: Option<Arc<str>>) -> Self {
        let id = DeliveryId::from_u128(ulid(self.event.created_at));
        self.deliveries.push(NewDelivery { id, endpoint, order_key });
        self
    }

    /// The finished event.
    pub fn build(self) -> NewEvent {
        NewEvent { event: Arc::new(self.event), deliveries: self.deliveries }
    }
}

/// A store and a space in it.
#[derive(Clone)]
pub struct World {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// The space that is played in.
    pub space: Space,
}

impl World {
    /// The live space of a new tenant.
    pub async fn new(store: &Arc<dyn Store>) -> Self {
        let tenant = ok(store.ensure_tenant(tenant()).await);
        Self { store: store.clone(), space: Space { tenant: tenant.id, environment: Environment::Live } }
    }

    /// The same tenant's test space.
    #[must_use]
    pub fn test_space(&self) -> Self {
        let space = Space { environment: Environment::Test, ..self.space };
        Self { store: self.store.clone(), space }
    }

    /// An event of [`T0`] with a small payload.
    pub fn draft(&self, event_type: &str) -> Draft {
        self.draft_at(event_type, T0)
    }

    /// An event of that moment with a small payload.
    pub fn draft_at(&self, event_type: &str, created_at: Timestamp) -> Draft {
        let event = Event {
            id: EventId::from_u128(ulid(created_at)),
            external_id: None,
            space: self.space,
            project: None,
            session: None,
            event_type: text(event_type),
            payload: Bytes::from_static(br#"{"a":1}"#),
            ordering_key: None,
            occurred_at: None,
            created_at,
        };
        Draft { event, deliveries: Vec::new() }
    }

    /// Accepts these events and says what came of it.
    pub async fn publish(&self, drafts: Vec<Draft>, idempotency: Option<Idempotency>) -> Acceptance {
        self.publish_with(drafts, Vec::new(), idempotency).await
    }

    /// Accepts these events with these changes and says what came of it.
    pub async fn publish_with(
        &self,
        drafts: Vec<Draft>,
        changes: Vec<Change>,
        idempotency: Option<Idempotency>,
    ) -> Acceptance {
        let events = drafts.into_iter().map(Draft::build).collect();
        ok(self.store.accept(Accept { space: self.space, events, changes, idempotency }).await)
    }

    /// Makes changes without events, which nothing speaks against.
    pub async fn change(&self, changes: Vec<Change>) {
        let answer = self.publish_with(Vec::new(), changes, None).await;
        assert_eq!(answer, Acceptance::New, "nothing speaks against these changes");
    }

    /// Accepts these events, which nothing speaks against; the answer is their deliveries, in order.
    pub async fn accept(&self, drafts: Vec<Draft>) -> Vec<DeliveryId> {
        let ids = drafts.iter().flat_map(|draft| &draft.deliveries).map(|delivery| delivery.id).collect();
        assert_eq!(self.publish(drafts, None).await, Acceptance::New, "nothing speaks against these events");
        ids
    }

    /// Accepts one event of [`T0`] for this endpoint.
    pub async fn send(&self, endpoint: EndpointId) -> DeliveryId {
        self.send_at(endpoint, T0).await
    }

    /// Accepts one event of that moment for this endpoint.
    pub async fn send_at(&self, endpoint: EndpointId, created_at: Timestamp) -> DeliveryId {
        self.accept(vec![self.draft_at("t", created_at).to(endpoint)]).await[0]
    }

    /// Accepts one event of [`T0`] for this endpoint that waits for those before it with the same key.
    pub async fn send_in_order(&self, endpoint: EndpointId, key: &str) -> DeliveryId {
        self.accept(vec![self.draft("t").to_in_order(endpoint, key)]).await[0]
    }

    /// Registers an endpoint.
    pub async fn endpoint(&self) -> EndpointId {
        let record = endpoint(self.space);
        let id = record.endpoint.id;
        ok(self.store.insert_endpoint(record, None).await);
        id
    }

    /// Registers an endpoint of a project.
    pub async fn endpoint_of(&self, project: ProjectId) -> EndpointId {
        let mut record = endpoint(self.space);
        record.endpoint.project = Some(project);
        let id = record.endpoint.id;
        ok(self.store.insert_endpoint(record, None).await);
        id
    }

    /// Reads an endpoint that exists.
    pub async fn read_endpoint(&self, id: EndpointId) -> EndpointRecord {
        ok(self.store.endpoint(self.space, id).await).expect("the endpoint exists")
    }

    /// Registers a project.
    pub async fn project(&self) -> ProjectId {
        let bytes = u128::from(unique()).to_be_bytes();
        let id = ProjectId::from_bytes(&bytes).expect("sixteen bytes are a project id");
        let record = ProjectRecord { id, space: self.space, name: text("a project"), created_at: T0 };
        ok(self.store.insert_project(record).await);
        id
    }

    /// Claims all that is due at `now`.
    pub async fn claim(&self, now: Timestamp) -> Claim {
        ok(self.store.claim_due(due(now)).await)
    }

    /// Claims all that is due at `now`; only the ids.
    pub async fn claim_ids(&self, now: Timestamp) -> Vec<DeliveryId> {
        self.claim(now).await.deliveries.iter().map(|claimed| claimed.id).collect()
    }

    /// Claims the only delivery that is due at `now`.
    pub async fn claim_one(&self, now: Timestamp) -> Claimed {
        let mut claim = self.claim(now).await;
        assert_eq!(claim.deliveries.len(), 1, "exactly one delivery is due at {now}");
        claim.deliveries.remove(0)
    }

    /// Settles one attempt, made at `at`.
    pub async fn settle(&self, claimed: &Claimed, at: Timestamp, next: Next) {
        self.settle_all(vec![settlement(claimed, at, next)]).await;
    }

    /// Settles these.
    pub async fn settle_all(&self, settlements: Vec<Settlement>) {
        ok(self.store.settle(Settle { settlements, health: Vec::new() }).await);
    }

    /// Claims all that is due at `now` and settles it so.
    pub async fn finish_due(&self, now: Timestamp, next: Next) {
        let claim = self.claim(now).await;
        self.settle_all(claim.deliveries.iter().map(|claimed| settlement(claimed, now, next)).collect())
            .await;
    }

    /// Reads a delivery that exists.
    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        ok(self.store.delivery(self.space, id).await).expect("the delivery exists")
    }

    /// Reads the attempts of a delivery that exists.
    pub async fn attempts(&self, id: DeliveryId) -> Vec<Attempt> {
        ok(self.store.attempts(self.space, id).await).expect("the delivery exists")
    }

    /// The ids of all events of the space, newest first.
    pub async fn event_ids(&self) -> Vec<EventId> {
        let events =
            walk(100, async |page| self.store.events(self.space, EventFilter::default(), page).await).await;
        events.iter().map(|event| event.id).collect()
    }
}
