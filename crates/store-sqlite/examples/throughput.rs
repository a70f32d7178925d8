//! Measures the store alone: batches are accepted, claimed and settled, as fast as they go.
//!
//! `cargo run --release -p posthouse-store-sqlite --example throughput -- [events] [batch] [publishers] [endpoints]`

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use posthouse_store::{
    Accept, Acceptance, ClaimDue, Journal, Maintenance, NewDelivery, NewEvent, Next, Queue, Settle,
    Settlement, Store,
};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{
    Attempt, AttemptId, DeliveryId, EndpointId, Environment, Event, EventId, Outcome, Space, TenantId,
    Timestamp, Wire,
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
    report(&store, begun.elapsed().as_secs_f64(), settled.load(Ordering::Relaxed), &mut latencies.lock());
    store.close().await.expect("the store closes");
}

#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement is for people")]
fn report(store: &SqliteStore, seconds: f64, events: usize, latencies: &mut [Duration]) {
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3;
    let (writer, checkpoint) = (thread_cpu("posthouse-writer"), thread_cpu("posthouse-checkpoint"));
    let count = events as f64;
    println!("{events} events in {seconds:.2} s: {:.0}/s", count / seconds);
    println!(
        "writer {:.1} us CPU per event, checkpoints {:.1}",
        writer * 1e6 / count,
        checkpoint * 1e6 / count
    );
    println!(
        "{} groups, {:.1} events each",
        store.groups_committed(),
        count / store.groups_committed() as f64
    );
    println!("accept ms: p50 {:.2} p90 {:.2} p99 {:.2} max {:.2}", at(50), at(90), at(99), at(100));
}
