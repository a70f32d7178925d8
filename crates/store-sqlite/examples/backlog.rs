//! Measures a long queue: how fast a store opens with it, how fast it is claimed, and what memory it takes.
//!
//! `cargo run --release -p posthouse-store-sqlite --example backlog -- [deliveries] [endpoints]`

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use posthouse_store::{
    Accept, ClaimDue, Journal, Maintenance, NewDelivery, NewEvent, Next, Queue, Settle, Settlement,
};
use posthouse_store_sqlite::{Options, Role, SqliteStore};
use posthouse_types::{DeliveryId, EndpointId, Environment, Event, EventId, Space, TenantId, Timestamp};

const MILLIS: u64 = 1_800_000_000_000;

fn batch(first: u64, count: u64, endpoints: u64) -> Accept {
    let space = Space { tenant: TenantId::from_u128(7), environment: Environment::Live };
    let ulid = |number: u64| (u128::from(MILLIS) << 80) | (u128::from(number) << 16);
    let event = |number: u64| NewEvent {
        event: Arc::new(Event {
            id: EventId::from_u128(ulid(number)),
            external_id: None,
            space,
            project: None,
            session: None,
            event_type: "message.created".parse().expect("a valid type"),
            payload: Bytes::from(vec![b'x'; 1024]),
            ordering_key: None,
            occurred_at: None,
            created_at: now(),
        }),
        deliveries: vec![NewDelivery {
            id: DeliveryId::from_u128(ulid(number)),
            endpoint: EndpointId::from_u128(u128::from(number % endpoints) + 1),
            order_key: None,
        }],
    };
    let events = (first..first + count).map(event).collect();
    Accept { space, events, changes: vec![], idempotency: None }
}

fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(MILLIS).expect("a moment of this century"))
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[expect(clippy::print_stdout, reason = "a measurement is for people")]
#[tokio::main(worker_threads = 2)]
async fn main() {
    let number = |index, default: u64| {
        std::env::args().nth(index).and_then(|argument| argument.parse().ok()).unwrap_or(default)
    };
    let (deliveries, endpoints) = (number(1, 1_000_000), number(2, 100));
    let root = std::env::var("BENCH_DIR").unwrap_or_else(|_| ".".to_owned());
    let dir = tempfile::tempdir_in(root).expect("a directory");
    let store = SqliteStore::open(Options::new(dir.path(), Role::Server)).expect("a new store opens");
    let begun = Instant::now();
    for first in (0..deliveries).step_by(1000) {
        store.accept(batch(first, 1000, endpoints)).await.expect("accepting works");
    }
    println!("accepted {deliveries} in {:?}, memory {} MiB", begun.elapsed(), memory_mib());
    store.close().await.expect("the store closes");
    drop(store);

    let begun = Instant::now();
    let store = SqliteStore::open(Options::new(dir.path(), Role::Server)).expect("the store opens again");
    println!("opened in {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut left = deliveries;
    while left > 0 {
        let ask = ClaimDue { now: now(), limit: 512, per_endpoint: 64, room: HashMap::new() };
        let claim = store.claim_due(ask).await.expect("claims work");
        if left == deliveries {
            println!("first {} claimed after {:?}", claim.deliveries.len(), begun.elapsed());
        }
        left -= claim.deliveries.len() as u64;
        let settlements = claim.deliveries.into_iter().map(|claimed| Settlement {
            delivery: claimed.id,
            endpoint: claimed.endpoint,
            attempt: None,
            at: now(),
            next: Next::Succeeded,
        });
        let settle = Settle { settlements: settlements.collect(), health: vec![] };
        store.settle(settle).await.expect("settling works");
    }
    println!("claimed and settled all in {:?}, memory {} MiB", begun.elapsed(), memory_mib());
}
