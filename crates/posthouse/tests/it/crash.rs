//! `kill -9`: what was accepted is delivered, before or after. The long harness is `cargo xtask kill`.

use std::collections::HashSet;

use posthouse_testkit::Receiver;
use serde_json::json;

use crate::server::{Client, Server};

/// Kills in this short form of the harness.
const ROUNDS: usize = 5;
const EVENTS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_when_the_server_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let mut server = Server::start(data.path());
    let mut client = Client::new(&server, data.path());
    client.post("/api/v1/endpoints", &json!({ "url": receiver.url("/") }));
    let mut missing = HashSet::new();
    for round in 0..ROUNDS {
        for n in 0..EVENTS {
            missing.insert(client.publish("crash.test", &json!({ "round": round, "n": n })));
        }
        // Deliveries are in flight, waiting, being settled: whatever the kill meets.
        server.kill();
        server = Server::start(data.path());
        client.url.clone_from(&server.url);
    }
    while !missing.is_empty() {
        let arrived = receiver.next().await;
        missing.remove(arrived.headers["webhook-id"].to_str().unwrap());
    }
}
