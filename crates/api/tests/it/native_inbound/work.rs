//! What arrives: listed, shown, worked on again, decided about.

use axum::http::header;
use posthouse_types::Outcome;
use serde_json::{Value, json};

use super::{API_KEY, Hook, PROVIDER_TOKEN, SECRET, pull_request};
use crate::world::World;

async fn detail(world: &World, delivery: u64) -> Value {
    world.get(&format!("/api/v1/inbound-deliveries/{delivery}")).await.json()
}

#[tokio::test]
async fn what_arrives_is_shown_with_what_came_of_it() {
    let mut world = World::new().await;
    let hook = world.hook(json!({"session": {"mode": "per_entity"}, "events": {"deny": ["push"]}})).await;
    let number = world.taken_on(&hook, 7).await;
    let waiting = detail(&world, number).await;
    assert_eq!((&waiting["status"], &waiting["runs"]), (&json!("received"), &json!(0)));
    world.runner.script(&[], Ok("Noted."));
    world.turns.drain().await.unwrap();

    let shown = detail(&world, number).await;
    let session = format!("webhook:{}:github:octo-org~hello:pr:7", hook.public_id());
    let expected = json!({
        "id": shown["id"], "number": number, "source_id": hook.id, "status": "completed", "reason": null,
        "event_type": "pull_request.opened", "entity_key": "github:octo-org/hello:pr:7", "dedup_key": "7",
        "remote_ip": null,
        "headers": {
            "content-type": "application/json; charset=utf-8", "x-github-event": "pull_request",
            "x-github-delivery": "7",
        },
        "body_bytes": pull_request(7).len(), "session_id": session, "runs": 1, "error": null,
        "received_at": "2026-01-01T00:00:00.000Z", "started_at": "2026-01-01T00:00:00.000Z",
        "finished_at": "2026-01-01T00:00:00.000Z", "duration_ms": 0, "tokens_in": 100, "tokens_out": 20,
        "normalized": shown["normalized"], "actions": [],
    });
    assert_eq!(shown, expected);
    assert!(shown["normalized"].as_str().unwrap().contains("Add webhook support"));
    let by_id = world.get(&format!("/api/v1/inbound-deliveries/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!(by_id.json(), shown);
    let source = world.get(&format!("/api/v1/sources/{}", hook.id)).await.json();
    assert_eq!(
        (&source["deliveries"], &source["last_delivery_at"]),
        (&json!(1), &json!("2026-01-01T00:00:00.000Z"))
    );

    let session = format!("/api/v1/sessions/{session}");
    assert_eq!(world.get(&session).await.json()["source_id"], hook.id.as_str());
    let said = world.get(&format!("{session}/messages")).await.json()["data"].clone();
    assert_eq!((&said[0]["content"], &said[0]["role"]), (&json!("Noted."), &json!("assistant")));
    assert_eq!((&said[1]["delivery_id"], &said[1]["content"]), (&shown["id"], &shown["normalized"]));
    assert_eq!(said[0]["tokens"], json!({"input": 100, "output": 20}));
}

#[tokio::test]
async fn bodies_are_the_very_bytes_and_are_not_shown_by_browsers() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let number = world.taken_on(&hook, 7).await;
    let answer = world.get(&format!("/api/v1/inbound-deliveries/{number}/body")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, pull_request(7)));
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    assert_eq!(answer.headers[header::CONTENT_DISPOSITION], "attachment");
    assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    // Of a repeat nothing is kept but the record.
    assert_eq!(world.pull_request(&hook, 7).await.status, 200);
    let listed =
        world.get(&format!("/api/v1/sources/{}/deliveries?status=deduplicated", hook.id)).await.json();
    let repeat = listed["data"][0].clone();
    assert_eq!((&repeat["reason"], &repeat["session_id"]), (&json!("repeated"), &Value::Null));
    let path = format!("/api/v1/inbound-deliveries/{}", repeat["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.json()["normalized"], Value::Null);
    assert_eq!(world.get(&format!("{path}/body")).await.slug(), "not-found");
    assert_eq!(world.post(&format!("{path}/rerun"), "").await.slug(), "conflict");
}

#[tokio::test]
async fn deliveries_are_filtered_and_paged() {
    let world = World::new().await;
    let hook = world.hook(json!({"events": {"deny": ["push"]}})).await;
    for number in 1..=3 {
        world.taken_on(&hook, number).await;
        world.clock.advance(std::time::Duration::from_secs(1));
    }
    world.pull_request(&hook, 3).await;
    let list = async |query: &str| {
        let page = world.get(&format!("/api/v1/sources/{}/deliveries?{query}", hook.id)).await.json();
        let data = page["data"].as_array().unwrap().clone();
        for delivery in &data {
            assert_eq!((delivery.get("normalized"), delivery.get("actions")), (None, None));
        }
        let keys: Vec<String> =
            data.iter().map(|delivery| delivery["dedup_key"].as_str().unwrap().to_owned()).collect();
        (keys, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(list("").await.0, ["3", "3", "2", "1"]);
    assert_eq!(list("status=received").await.0, ["3", "2", "1"]);
    assert_eq!(list("event_type=pull_request.opened&status=deduplicated").await.0, ["3"]);
    assert_eq!(list("event_type=push").await.0, [""; 0]);
    assert_eq!(list("since=2026-01-01T00:00:01Z&until=2026-01-01T00:00:02Z").await.0, ["2"]);
    let (first, cursor) = list("limit=3").await;
    assert_eq!(first, ["3", "3", "2"]);
    assert_eq!(list(&format!("limit=3&cursor={}", cursor.unwrap())).await, (vec!["1".to_owned()], None));
}

#[tokio::test]
async fn a_delivery_is_worked_on_again_once_it_has_ended() {
    let mut world = World::new().await;
    let hook = world.hook(json!({})).await;
    let number = world.taken_on(&hook, 7).await;
    let path = format!("/api/v1/inbound-deliveries/{number}/rerun");
    let early = world.post(&path, "").await;
    assert_eq!(early.slug(), "conflict");
    world.turns.drain().await.unwrap();
    let again = world.post(&path, "{}").await;
    assert_eq!(again.status, 202);
    let again = again.json();
    assert_eq!((&again["number"], &again["status"]), (&json!(number), &json!("received")));
    assert_eq!(again.get("actions"), None);
    world.turns.drain().await.unwrap();
    let ended = detail(&world, number).await;
    assert_eq!((&ended["status"], &ended["runs"]), (&json!("completed"), &json!(2)));
}

/// A delivery whose agent waits for approval of two comments; the paths of the actions.
async fn waiting(world: &mut World) -> (Hook, u64, Vec<String>) {
    let agent = world.careful_agent().await;
    let hook = world.hook(json!({ "agent_id": agent })).await;
    let number = world.taken_on(&hook, 7).await;
    world.wants_to_comment(&["Looks good.", "Or does it?"]);
    world.turns.drain().await.unwrap();
    let actions = detail(world, number).await["actions"].clone();
    let path = |action: &Value| {
        format!("/api/v1/inbound-deliveries/{number}/actions/{}", action["id"].as_str().unwrap())
    };
    let paths = actions.as_array().unwrap().iter().map(path).collect();
    (hook, number, paths)
}

#[tokio::test]
async fn what_is_approved_is_done_and_what_is_denied_is_not() {
    let mut world = World::new().await;
    let (_, number, actions) = waiting(&mut world).await;
    assert_eq!(world.sender.take_sent().len(), 0);
    let before = detail(&world, number).await["actions"][0].clone();
    let expected = json!({
        "id": before["id"], "tool": "github_post_comment", "input": {"number": 7, "body": "Looks good."},
        "output": null, "status": "waiting", "error": null, "object": null,
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(before, expected);

    let approved = world.post(&format!("{}/approve", actions[0]), "").await;
    assert_eq!((approved.status.as_u16(), &approved.json()["status"]), (202, &json!("approved")));
    let denied = world.post(&format!("{}/deny", actions[1]), "{}").await;
    assert_eq!((denied.status.as_u16(), &denied.json()["status"]), (200, &json!("denied")));
    for action in &actions {
        for decision in ["approve", "deny"] {
            assert_eq!(world.post(&format!("{action}/{decision}"), "").await.slug(), "conflict");
        }
    }
    world.github_answers(&json!({ "id": 42 }));
    world.turns.drain().await.unwrap();
    let sent = world.sender.take_sent();
    assert_eq!(sent.len(), 1, "the approved one alone");
    assert_eq!(sent[0].headers["authorization"], format!("Bearer {PROVIDER_TOKEN}"));
    let done = detail(&world, number).await["actions"].clone();
    assert_eq!((&done[0]["status"], &done[1]["status"]), (&json!("success"), &json!("denied")));
    assert_eq!((&done[0]["output"], &done[0]["object"]), (&json!(r#"{"id":42}"#), &json!("comment:42")));

    let session = detail(&world, number).await["session_id"].as_str().unwrap().to_owned();
    let said = world.get(&format!("/api/v1/sessions/{session}/messages?limit=500")).await.json();
    let calls = said["data"].as_array().unwrap().iter().flat_map(|message| {
        message["tool_calls"].as_array().unwrap().iter().map(|call| call["action_id"].clone())
    });
    assert_eq!(calls.collect::<Vec<_>>(), [done[0]["id"].clone(), done[1]["id"].clone()]);
}

#[tokio::test]
async fn an_action_belongs_to_its_delivery() {
    let mut world = World::new().await;
    let (hook, _, actions) = waiting(&mut world).await;
    let other = world.taken_on(&hook, 8).await;
    let action = actions[0].rsplit('/').next().unwrap();
    for path in [
        format!("{other}/actions/{action}"),
        format!("99/actions/{action}"),
        format!("{other}/actions/x"),
        format!("x/actions/{action}"),
    ] {
        for decision in ["approve", "deny"] {
            let answer = world.post(&format!("/api/v1/inbound-deliveries/{path}/{decision}"), "").await;
            assert_eq!(answer.slug(), "not-found", "{path}");
        }
    }
}

#[tokio::test]
async fn a_failure_at_the_provider_is_shown() {
    let mut world = World::new().await;
    let (_, number, actions) = waiting(&mut world).await;
    world.post(&format!("{}/approve", actions[0]), "").await;
    world.sender.script([posthouse_testkit::answer(Outcome::Refused { status: 403 })]);
    world.turns.drain().await.unwrap();
    let action = detail(&world, number).await["actions"][0].clone();
    assert_eq!(action["status"], "error");
    assert!(action["error"].as_str().unwrap().contains("403"), "{action}");
}

#[tokio::test]
async fn nothing_that_is_secret_is_in_any_answer() {
    let mut world = World::new().await;
    let (hook, number, _) = waiting(&mut world).await;
    let agents = world.get("/api/v1/agents").await.json();
    let agent = format!("/api/v1/agents/{}", agents["data"][0]["id"].as_str().unwrap());
    let source = format!("/api/v1/sources/{}", hook.id);
    let delivery = format!("/api/v1/inbound-deliveries/{number}");
    let session = detail(&world, number).await["session_id"].as_str().unwrap().to_owned();
    let secrets = [SECRET, PROVIDER_TOKEN, API_KEY];
    let again = json!({"auth": {"secret": SECRET}, "provider_token": PROVIDER_TOKEN}).to_string();
    let bad = json!({"auth": {"token": SECRET}, "provider_token": format!("{PROVIDER_TOKEN} ")}).to_string();
    let bad_token = json!({"provider_token": format!("{PROVIDER_TOKEN} ")}).to_string();
    let key = json!({ "api_key": API_KEY }).to_string();
    let bad_key = json!({"api_key": format!("{API_KEY} ")}).to_string();
    let stray_key = json!({"runner": "digest", "api_key": API_KEY}).to_string();
    for (method, path, body) in [
        ("GET", "/api/v1/sources", ""),
        ("GET", source.as_str(), ""),
        ("PATCH", &source, &again),
        ("PATCH", &source, &bad),
        ("PATCH", &source, &bad_token),
        ("GET", &format!("{source}/deliveries"), ""),
        ("GET", &delivery, ""),
        ("GET", &format!("{delivery}/body"), ""),
        ("GET", "/api/v1/agents", ""),
        ("GET", &agent, ""),
        ("PATCH", &agent, &key),
        ("PATCH", &agent, &bad_key),
        ("PATCH", &agent, &stray_key),
        ("GET", &format!("/api/v1/sessions/{session}"), ""),
        ("GET", &format!("/api/v1/sessions/{session}/messages"), ""),
        ("GET", "/api/v1/events", ""),
    ] {
        let answer = world.call(method, path, body).await;
        for secret in secrets {
            assert!(!answer.text().contains(secret), "{method} {path} {body}: {}", answer.text());
        }
    }
    assert_eq!(world.get(&format!("{source}/secret")).await.json(), json!({ "secret": SECRET }));
}
