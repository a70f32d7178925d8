//! Measures the store alone: batches are accepted, claimed and settled, as fast as they go; then requests arrive at
//! sources, each a call of its own.
//!
//! `cargo run --release -p posthouse-store-sqlite --example throughput -- [events] [batch] [publishers] [endpoints]
//! [arrivals] [senders]`

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use posthouse_store::{
    Accept, Acceptance, Arrival, Arrived, ClaimDue, DedupKey, Inbound, InboundContent, Journal, Maintenance,
    NewDelivery, NewEvent, NewTurn, Next, Queue, Sealed, Settle, Settlement, Snapshot, SourceRecord, Sources,
    Store, TurnSession,
};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{
    Attempt, AttemptId, AuthMode, DeliveryId, EndpointId, Environment, Event, EventId, InboundDelivery,
    InboundId, InboundStatus, Outcome, PublicId, Source, SourceId, SourceSettings, Space, TenantId,
    Timestamp, TurnId, Wire,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
static COUNTER: AtomicU64 = AtomicU64::new(1);
/// Shared by all attempts, as the engine shares it.
static URL: LazyLock<Arc<str>> =
    LazyLock::new(|| Arc::from("https://receiver.example/webhooks/posthouse?team=42"));

fn ulid() -> u128 {
    (1_800_000_000_000_u128 << 80) | (u128::from(COUNTER.fetch_add(1, Ordering::Relaxed)) << 16)
}

fn event(space: Space, endpoints: u64) -> NewEvent {
    let event = Event {
        id: EventId::from_u128(ulid()),
        external_id: None,
        space,
        project: None,
        session: None,
        event_type: "message.created".parse().expect("a valid type"),
        payload: Bytes::from(vec![b'x'; 1024]),
        ordering_key: None,
        occurred_at: None,
        created_at: NOW,
    };
    let endpoint = EndpointId::from_u128(u128::from(COUNTER.load(Ordering::Relaxed) % endpoints) + 1);
    let delivery = NewDelivery { id: DeliveryId::from_u128(ulid()), endpoint, order_key: None };
    NewEvent { event: Arc::new(event), deliveries: vec![delivery] }
}

fn attempt(number: u16) -> Attempt {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Attempt {
        id: AttemptId::from_u128(ulid()),
        number,
        wire: Wire::Standard,
        url: URL.clone(),
        started_at: NOW,
        duration_ms: 3,
        outcome: Outcome::Delivered { status: 200 },
        request_headers: vec![
            header("content-type", "application/json"),
            header("user-agent", "Posthouse/0.1"),
            header("webhook-id", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
            header("webhook-timestamp", "1800000000"),
            header("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="),
        ],
        response_headers: vec![
            header("content-length", "2"),
            header("date", "Sat, 31 Jan 2026 09:05:00 GMT"),
        ],
        response_body: Bytes::from_static(b"ok"),
        error: None,
    }
}

/// A request from GitHub, more or less: a body of 1 KiB, a key, a session of its own.
fn arrival(space: Space, source: SourceId, snapshot: &Arc<Snapshot>) -> Arrival {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let bits = ulid();
    let key = format!("{:08x}-{bits:032x}", COUNTER.load(Ordering::Relaxed).wrapping_mul(0x9e37_79b9));
    let delivery = InboundDelivery {
        id: InboundId::from_u128(bits),
        number: 0,
        space,
        source,
        status: InboundStatus::Received,
        reason: None,
        event_type: Some("pull_request.opened".to_owned()),
        entity_key: Some("github:owner/repository:pr:42".to_owned()),
        dedup_key: Some(key.clone()),
        remote_ip: Some([140, 82, 115, 1].into()),
        headers: vec![
            header("content-type", "application/json"),
            header("user-agent", "GitHub-Hookshot/044aadd"),
            header("x-github-delivery", &key),
            header("x-github-event", "pull_request"),
        ],
        body_bytes: 1024,
        session: None,
        runs: 0,
        error: None,
        received_at: NOW,
        started_at: None,
        finished_at: None,
        tokens: None,
    };
    let session = TurnSession::Numbered("webhook:wh_0123456789abcdef0123456789abcdef0123:".to_owned());
    Arrival {
        delivery: Arc::new(delivery),
        content: Some(InboundContent { body: vec![b'x'; 1024].into(), snapshot: snapshot.clone() }),
        dedup: Some(DedupKey { key, until: None }),
        turn: Some(NewTurn { id: TurnId::from_u128(bits), session }),
    }
}

fn source(space: Space) -> SourceRecord {
    let name = "a source".parse().expect("a valid name");
    SourceRecord {
        source: Source {
            id: SourceId::from_u128(ulid()),
            number: 0,
            public_id: PublicId::from_bytes([7; 18]),
            space,
            project: None,
            settings: SourceSettings::new(name, "github", AuthMode::GithubHmacSha256),
            deliveries: 0,
            last_delivery_at: None,
            created_at: NOW,
            updated_at: NOW,
        },
        secrets: Sealed(Vec::new()),
        version: 1,
    }
}

/// Has requests arrive, from so many senders at once; how many there were, and how long it took.
async fn arrivals(store: &Arc<SqliteStore>, count: usize, senders: usize) -> (usize, f64, Vec<Duration>) {
    let space = Space { tenant: TenantId::from_u128(8), environment: Environment::Live };
    let record = source(space);
    let id = record.source.id;
    store.insert_source(record).await.expect("a source is stored");
    let snapshot = Arc::new(Snapshot { digest: [1; 32], text: "{}".repeat(500) });
    let begun = Instant::now();
    let senders: Vec<_> = (0..senders)
        .map(|_| {
            let (store, snapshot) = (store.clone(), snapshot.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                for _ in 0..count / senders {
                    let arrival = arrival(space, id, &snapshot);
                    let begun = Instant::now();
                    let answer = store.arrive(arrival).await;
                    assert!(matches!(answer, Ok(Arrived::Stored(_))));
                    latencies.push(begun.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for sender in senders {
        latencies.extend(sender.await.expect("a sender ends well"));
    }
    (latencies.len(), begun.elapsed().as_secs_f64(), latencies)
}

struct Plan {
    events: usize,
    batch: usize,
    publishers: usize,
    endpoints: u64,
}

async fn publish(
    store: Arc<SqliteStore>,
    plan: Arc<Plan>,
    latencies: Arc<parking_lot::Mutex<Vec<Duration>>>,
) {
    let space = Space { tenant: TenantId::from_u128(7), environment: Environment::Live };
    for _ in 0..plan.events / plan.publishers / plan.batch {
        let events = (0..plan.batch).map(|_| event(space, plan.endpoints)).collect();
        let begun = Instant::now();
        let answer = store.accept(Accept { space, events, changes: vec![], idempotency: None }).await;
        assert_eq!(answer, Ok(Acceptance::New));
        latencies.lock().push(begun.elapsed());
    }
}

async fn deliver(store: Arc<SqliteStore>, plan: Arc<Plan>, settled: Arc<AtomicUsize>) {
    let total = plan.events / plan.publishers / plan.batch * plan.batch * plan.publishers;
    let mut due = store.wakes().due();
    let slots = Arc::new(tokio::sync::Semaphore::new(16));
    while settled.load(Ordering::Relaxed) < total {
        due.borrow_and_update();
        let ask = ClaimDue { now: NOW, limit: 256, per_endpoint: 256, room: HashMap::new() };
        let claim = store.claim_due(ask).await.expect("claims work");
        if claim.deliveries.is_empty() {
            drop(tokio::time::timeout(Duration::from_millis(20), due.changed()).await);
            continue;
        }
        let slot = slots.clone().acquire_owned().await.expect("never closed");
        let (store, settled) = (store.clone(), settled.clone());
        tokio::spawn(async move {
            let count = claim.deliveries.len();
            let settlements = claim
                .deliveries
                .into_iter()
                .map(|claimed| Settlement {
                    delivery: claimed.id,
                    endpoint: claimed.endpoint,
                    attempt: Some(attempt(claimed.attempt)),
                    at: NOW,
                    next: Next::Succeeded,
                })
                .collect();
            store.settle(Settle { settlements, health: vec![] }).await.expect("settling works");
            settled.fetch_add(count, Ordering::Relaxed);
            drop(slot);
        });
    }
}

/// CPU time of this process's thread of that name, from /proc, in seconds.
fn thread_cpu(name: &str) -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    for task in tasks.flatten() {
        let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.starts_with(comm.trim()) && !comm.trim().is_empty() {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos: f64 = stat.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
            return nanos / 1e9;
        }
    }
    0.0
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let number = |index, default: usize| {
        std::env::args().nth(index).and_then(|argument| argument.parse().ok()).unwrap_or(default)
    };
    let plan = Arc::new(Plan {
        events: number(1, 200_000),
        batch: number(2, 100),
        publishers: number(3, 4),
        endpoints: u64::try_from(number(4, 10)).expect("a number of endpoints"),
    });
    let root = std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".to_owned());
    let dir = tempfile::tempdir_in(root).expect("a directory");
    let store =
        Arc::new(SqliteStore::open(Options::new(dir.path(), Role::Server)).expect("a new store opens"));
    let settled = Arc::new(AtomicUsize::new(0));
    let latencies = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let begun = Instant::now();
    let deliverer = tokio::spawn(deliver(store.clone(), plan.clone(), settled.clone()));
    let publishers: Vec<_> = (0..plan.publishers)
        .map(|_| tokio::spawn(publish(store.clone(), plan.clone(), latencies.clone())))
        .collect();
    for publisher in publishers {
        publisher.await.expect("a publisher ends well");
    }
    deliverer.await.expect("the deliverer ends well");
    let events = settled.load(Ordering::Relaxed);
    let spent = Spent::by(&store);
    report("events", &spent, (events, begun.elapsed().as_secs_f64()), &mut latencies.lock());

    let (count, seconds, mut latencies) = arrivals(&store, number(5, 200_000), number(6, 256)).await;
    report("arrivals", &Spent::by(&store).since(&spent), (count, seconds), &mut latencies);
    store.close().await.expect("the store closes");
}

/// What the store's threads have done so far.
#[derive(Debug, Default)]
struct Spent {
    writer: f64,
    checkpoints: f64,
    groups: u64,
}

impl Spent {
    fn by(store: &SqliteStore) -> Self {
        let (writer, checkpoints) = (thread_cpu("posthouse-writer"), thread_cpu("posthouse-checkpoint"));
        Self { writer, checkpoints, groups: store.groups_committed() }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            writer: self.writer - before.writer,
            checkpoints: self.checkpoints - before.checkpoints,
            groups: self.groups - before.groups,
        }
    }
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement is for people")]
fn report(what: &str, spent: &Spent, (count, seconds): (usize, f64), latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let Some(last) = latencies.len().checked_sub(1) else { return };
    let at = |share: usize| latencies[last * share / 100].as_secs_f64() * 1e3;
    let of_each = |cpu: f64| cpu * 1e6 / count as f64;
    println!("{count} {what} in {seconds:.2} s: {:.0}/s", count as f64 / seconds);
    println!(
        "writer {:.1} us CPU for each, checkpoints {:.1}",
        of_each(spent.writer),
        of_each(spent.checkpoints)
    );
    println!("{} groups, {:.1} {what} each", spent.groups, count as f64 / spent.groups as f64);
    println!("answered after ms: p50 {:.2} p90 {:.2} p99 {:.2} max {:.2}", at(50), at(90), at(99), at(100));
}
