//! `kill -9` while an agent is at work: what was accepted is done, and what was done is not done again.

use std::collections::HashSet;

use posthouse_providers::sample;
use serde_json::json;

use crate::loop_world::{World, calls, content, result, says, send};

/// Kills.
const ROUNDS: usize = 4;
/// Deliveries before each.
const DELIVERIES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_taken_on_is_lost_when_the_server_is_killed() {
    let mut world = World::start().await;
    let many = json!({ "name": "Many", "profile": "github", "rate_limit_per_minute": 1000 });
    let mut source = world.client.post("/api/v1/sources", &many);
    let public_id = source["public_id"].as_str().unwrap().to_owned();
    let mut missing = HashSet::new();
    for round in 0..ROUNDS {
        for n in 0..DELIVERIES {
            let answer = send(&source, "push", &format!("d-{round}-{n}"), "{}");
            assert_eq!(answer.status, 202);
            missing.insert(format!("webhook:{public_id}:{}", answer.body["deliveryId"]));
        }
        // Agents are at work, turns wait, events are on their way: whatever the kill meets.
        world.kill_and_start();
        source["ingest_url"] = json!(format!("{}/api/webhooks/ingest/{public_id}", world.client.url));
    }
    assert_eq!(missing.len(), ROUNDS * DELIVERIES);
    while !missing.is_empty() {
        let (kind, told) = world.told().await;
        if kind == "session.completed" {
            missing.remove(told["session_id"].as_str().unwrap());
        }
    }
    // What was there before a kill is known after it.
    assert_eq!(send(&source, "push", "d-0-0", "{}").body["status"], "deduplicated");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_was_at_is_gone_on_with_and_nothing_is_done_twice() {
    let mut world = World::start().await;
    let payload = sample::sample("github", "pull_request.opened", "d-1").unwrap().body;
    assert_eq!(world.send("pull_request", "d-1", &payload).status, 202);
    let comment = json!({ "number": 42, "body": "Looks good." });

    // The model never answers the first run.
    let held = world.question().await;
    world.kill_and_start();
    drop(held);

    // The second posts its comment, and never hears what the model says to that.
    let asked = world.question().await;
    asked.answer(200, calls("call_1", "github_post_comment", &comment));
    let posted = world.github.next().await;
    posted.answer(201, json!({ "id": 991 }));
    let held = world.question().await;
    world.kill_and_start();
    drop(held);

    // The third is told what was done, asks for it all the same, and is told again.
    let asked = world.question().await;
    let system = content(&asked.json()["messages"][0]);
    assert!(system.contains("github_post_comment (done)"), "{system}");
    asked.answer(200, calls("call_1", "github_post_comment", &comment));
    let asked = world.question().await;
    assert!(result(&asked.json(), "call_1").contains("already done"));
    asked.answer(200, says("It is reviewed."));

    // What was on its way to the platform at a kill may come twice.
    while world.told().await.0 != "session.completed" {}
    assert!(world.github.is_idle().await, "the comment was posted twice");
    let delivery = world.client.get("/api/v1/inbound-deliveries/1");
    assert_eq!((&delivery["status"], &delivery["runs"]), (&json!("completed"), &json!(3)), "{delivery}");
    let actions = delivery["actions"].as_array().unwrap();
    assert_eq!(actions.len(), 1, "{delivery}");
    assert_eq!((&actions[0]["status"], &actions[0]["object"]), (&json!("success"), &json!("comment:991")));
    let said = world.said(delivery["session_id"].as_str().unwrap());
    let said: Vec<(&str, &str)> =
        said.iter().map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap())).collect();
    assert_eq!(said, [("user", delivery["normalized"].as_str().unwrap()), ("assistant", "It is reviewed.")]);
}
