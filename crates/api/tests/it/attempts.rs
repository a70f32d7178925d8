//! Attempts in pages, newest first.

use posthouse_engine::service::Deliver;
use serde_json::Value;

use crate::world::World;

/// A delivery of this payload that was attempted so often; its path.
async fn attempted(world: &mut World, payload: &str, times: u64) -> String {
    world.endpoint().await;
    let event = world.make("/api/v1/events", &format!(r#"{{"type": "a", "payload": {payload}}}"#)).await;
    let deliveries = world.get(&format!("/api/v1/deliveries?event_id={event}")).await.json();
    let path = format!("/api/v1/deliveries/{}", deliveries["data"][0]["id"].as_str().unwrap());
    drain(&mut world.deliver).await;
    for _ in 1..times {
        assert_eq!(world.post(&format!("{path}/replay"), "{}").await.status, 202);
        drain(&mut world.deliver).await;
    }
    path
}

async fn drain(deliver: &mut Deliver) {
    deliver.drain().await.unwrap();
}

/// The numbers of the attempts on each page.
async fn pages(world: &World, path: &str, limit: u64) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = world.get(&format!("{path}/attempts?limit={limit}{cursor}")).await;
        let page = answer.json();
        let numbers = page["data"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap());
        pages.push(numbers.collect());
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            next => {
                assert!(next.is_null());
                return pages;
            }
        }
    }
}

#[tokio::test]
async fn attempts_come_in_pages_newest_first() {
    let mut world = World::new().await;
    let path = attempted(&mut world, "1", 5).await;
    assert_eq!(pages(&world, &path, 2).await, [vec![5, 4], vec![3, 2], vec![1]]);
    assert_eq!(pages(&world, &path, 5).await, [vec![5, 4, 3, 2, 1]]);
    let whole = world.get(&format!("{path}/attempts")).await.json();
    assert_eq!(whole["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_page_of_large_attempts_ends_early() {
    let mut world = World::new().await;
    let payload = format!("\"{}\"", "x".repeat(1_000_000));
    let path = attempted(&mut world, &payload, 6).await;
    assert_eq!(pages(&world, &path, 50).await, [vec![6, 5, 4, 3], vec![2, 1]]);
    assert_eq!(pages(&world, &path, 3).await, [vec![6, 5, 4], vec![3, 2, 1]]);
}
