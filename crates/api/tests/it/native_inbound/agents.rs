//! Agents: each runner with its own members, and what of them is shown.

use std::collections::BTreeSet;

use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use serde_json::{Value, json};

use super::API_KEY;
use crate::world::World;

const AGENTS: &str = "/api/v1/agents";
const SIGNING: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

async fn world() -> World {
    let options = Options { commands: BTreeSet::from(["triage".to_owned()]), ..Options::default() };
    World::with(options, ApiOptions::default()).await
}

/// An agent as it is shown: these members, and else what one has when nothing is said.
fn shown(agent: &Value, members: &Value) -> Value {
    let mut expected = json!({
        "id": agent["id"], "model": null, "system_prompt": "", "tools": null,
        "limits": {"turns": 12, "tokens": 200_000, "seconds": 600}, "approval": false, "project_id": null,
        "provider": null, "base_url": null, "has_api_key": false, "command": null, "url": null,
        "has_secret": false, "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    });
    expected.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    expected
}

#[tokio::test]
async fn every_runner_has_its_own_members() {
    let world = world().await;
    for (asked, expected) in [
        (json!({"name": "a", "runner": "digest"}), json!({"name": "a", "runner": "digest"})),
        (
            json!({"name": "a", "runner": "llm", "model": "small", "api_key": API_KEY}),
            json!({"name": "a", "runner": "llm", "model": "small", "provider": "openai", "has_api_key": true}),
        ),
        (
            json!({
                "name": "a", "runner": "llm", "model": "m", "provider": "ollama",
                "base_url": "https://llm.example/v1", "system_prompt": "Be brief.", "approval": true,
                "tools": ["github_*"], "limits": {"turns": 1, "tokens": 2, "seconds": 3},
            }),
            json!({
                "name": "a", "runner": "llm", "model": "m", "provider": "ollama",
                "base_url": "https://llm.example/v1", "system_prompt": "Be brief.", "approval": true,
                "tools": {"allow": ["github_*"], "deny": []}, "limits": {"turns": 1, "tokens": 2, "seconds": 3},
            }),
        ),
        (
            json!({"name": "a", "runner": "command", "command": "triage", "limits": {"seconds": 9}}),
            json!({
                "name": "a", "runner": "command", "command": "triage",
                "limits": {"turns": 12, "tokens": 200_000, "seconds": 9},
            }),
        ),
        (
            json!({"name": "a", "runner": "http", "url": "https://a.example", "secret": SIGNING, "model": "m"}),
            json!({"name": "a", "runner": "http", "url": "https://a.example", "has_secret": true, "model": "m"}),
        ),
        (
            json!({
                "name": "a", "runner": "digest", "model": null, "system_prompt": null, "tools": null,
                "limits": null, "approval": null, "project_id": null, "provider": null, "base_url": null,
                "api_key": null, "command": null, "url": null, "secret": null,
            }),
            json!({"name": "a", "runner": "digest"}),
        ),
    ] {
        let made = world.post(AGENTS, &asked.to_string()).await;
        assert_eq!(made.status, 201, "{asked}: {}", made.text());
        let made = made.json();
        assert_eq!(made, shown(&made, &expected), "{asked}");
        let path = format!("{AGENTS}/{}", made["id"].as_str().unwrap());
        assert_eq!(world.get(&path).await.json(), made);
        assert_eq!(world.call("PATCH", &path, "{}").await.json(), made);
    }
    let listed = world.get(&format!("{AGENTS}?limit=4")).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 4);
    let cursor = listed["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("{AGENTS}?limit=4&cursor={cursor}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (2, &Value::Null));
}

#[tokio::test]
async fn agents_change_and_become_others() {
    let world = world().await;
    let asked = json!({"name": "a", "runner": "llm", "model": "m", "api_key": API_KEY, "tools": ["x"]});
    let path = format!("{AGENTS}/{}", world.make(AGENTS, &asked.to_string()).await);
    for (change, expected) in [
        (
            json!({"name": "b", "limits": {"turns": 3}}),
            json!({"name": "b", "limits": {"turns": 3, "tokens": 200_000, "seconds": 600}, "has_api_key": true}),
        ),
        (json!({"limits": {"tokens": 5}}), json!({"limits": {"turns": 3, "tokens": 5, "seconds": 600}})),
        (json!({"limits": {"turns": null}}), json!({"limits": {"turns": 12, "tokens": 5, "seconds": 600}})),
        (json!({"limits": null}), json!({"limits": {"turns": 12, "tokens": 200_000, "seconds": 600}})),
        (json!({"tools": {"deny": ["y"]}}), json!({"tools": {"allow": [], "deny": ["y"]}})),
        (json!({"tools": null}), json!({"tools": null, "has_api_key": true})),
        (
            json!({"base_url": "https://llm.example", "api_key": "another"}),
            json!({"base_url": "https://llm.example", "has_api_key": true, "provider": "openai"}),
        ),
        (json!({"api_key": null}), json!({"has_api_key": false})),
        (
            json!({"provider": "anthropic", "base_url": null}),
            json!({"provider": "anthropic", "base_url": null, "has_api_key": false}),
        ),
        (json!({"api_key": API_KEY}), json!({"has_api_key": true})),
        // Another runner: what belonged to the one before is gone, its key too.
        (
            json!({"runner": "http", "url": "https://a.example"}),
            json!({
                "runner": "http", "url": "https://a.example", "provider": null, "has_api_key": false,
                "has_secret": false,
            }),
        ),
        (json!({"secret": SIGNING}), json!({"has_secret": true, "url": "https://a.example"})),
        (json!({"url": "https://b.example"}), json!({"has_secret": true, "url": "https://b.example"})),
        (
            json!({"runner": "command", "command": "triage"}),
            json!({"runner": "command", "command": "triage", "has_secret": false, "url": null}),
        ),
        (
            json!({"runner": "llm"}),
            json!({"runner": "llm", "model": "m", "provider": "openai", "has_api_key": false}),
        ),
        (json!({"runner": "digest", "model": null}), json!({"runner": "digest", "model": null})),
    ] {
        let answer = world.call("PATCH", &path, &change.to_string()).await;
        assert_eq!(answer.status, 200, "{change}: {}", answer.text());
        let agent = answer.json();
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&agent[member], value, "{member} after {change}");
        }
    }
}

#[tokio::test]
async fn an_agent_with_a_source_stays() {
    let world = world().await;
    let agent = world.make(AGENTS, r#"{"name": "a", "runner": "digest"}"#).await;
    let hook = world.hook(json!({ "agent_id": agent })).await;
    let path = format!("{AGENTS}/{agent}");
    let refused = world.call("DELETE", &path, "").await;
    assert_eq!((refused.slug().as_str(), refused.text().contains(&hook.id)), ("conflict", true));
    let unbound = world.call("PATCH", &format!("/api/v1/sources/{}", hook.id), r#"{"agent_id": null}"#).await;
    assert_eq!(unbound.json()["agent_id"], Value::Null);
    assert_eq!(world.call("DELETE", &path, "").await.status, 204);
    assert_eq!(world.get(&path).await.slug(), "not-found");
}

#[tokio::test]
async fn a_session_has_an_agent_that_answers() {
    let mut world = world().await;
    let agent = world.make(AGENTS, r#"{"name": "a", "runner": "digest"}"#).await;
    let made = world.post("/api/v1/sessions", &json!({"id": "s1", "agent_id": agent}).to_string()).await;
    assert_eq!((&made.json()["agent_id"], &made.json()["source_id"]), (&json!(agent), &Value::Null));
    world.runner.script(&[], Ok("Hello yourself."));
    let messages = "/api/v1/sessions/s1/messages";
    assert_eq!(world.post(messages, r#"{"content": "Hello"}"#).await.status, 202);
    world.turns.drain().await.unwrap();
    let said = world.get(messages).await.json()["data"].clone();
    assert_eq!((&said[0]["role"], &said[0]["content"]), (&json!("assistant"), &json!("Hello yourself.")));
    assert_eq!(said[0]["tokens"], json!({"input": 100, "output": 20}));
    assert_eq!((&said[0]["tool_calls"], &said[0]["delivery_id"]), (&json!([]), &Value::Null));
    assert_eq!((&said[1]["role"], &said[1]["tokens"]), (&json!("user"), &Value::Null));
    // Null takes it away: then no one answers.
    for (change, now) in [("{}", json!(agent)), (r#"{"agent_id": null}"#, Value::Null)] {
        let session = world.call("PATCH", "/api/v1/sessions/s1", change).await;
        assert_eq!(session.json()["agent_id"], now);
    }
    world.post(messages, r#"{"content": "Anyone?"}"#).await;
    world.turns.drain().await.unwrap();
    assert_eq!(world.get(messages).await.json()["data"][0]["content"], "Anyone?");
}
