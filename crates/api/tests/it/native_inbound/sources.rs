//! Sources: what they have when nothing is said, how they change, who knows their secrets.

use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use serde_json::{Value, json};

use super::{Hook, PROVIDER_TOKEN, SECRET};
use crate::world::World;

const SOURCES: &str = "/api/v1/sources";

/// The members that a change has touched, as they are now.
fn picked(source: &Value, change: &Value) -> Value {
    let members = change.as_object().unwrap();
    members.keys().map(|name| (name.clone(), source[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn a_source_of_which_little_is_said_has_the_defaults() {
    let world = World::new().await;
    let made = world.post(SOURCES, r#"{"name": "Hook", "profile": "stripe"}"#).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["cache-control"], "no-store");
    let mut source = made.json();
    let secret = source.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    let hook = Hook::of(&source);
    assert!(hook.path.starts_with("/api/webhooks/ingest/wh_"), "{}", hook.path);
    assert_eq!(hook.path.len(), "/api/webhooks/ingest/wh_".len() + 36);
    let expected = json!({
        "id": hook.id, "number": 1, "public_id": hook.public_id(),
        "ingest_url": format!("http://localhost{}", hook.path),
        "name": "Hook", "profile": "stripe", "description": "", "project_id": null,
        "auth": {"mode": "stripe_webhook_signature", "header": null}, "has_secret": true,
        "events": {"allow": [], "deny": []}, "event_header": null,
        "session": {"mode": "per_delivery", "name": null}, "agent_id": null,
        "overrides": {"model": null, "system_prompt_suffix": null, "tools": null},
        "rate_limit_per_minute": 60, "max_body_bytes": 1_048_576, "allowed_cidrs": [], "ignored_senders": [],
        "dedup_by_body_seconds": 300, "has_provider_token": false, "provider_url": null,
        "prompt_template": null, "deliver_only": false, "enabled": true, "deliveries": 0,
        "last_delivery_at": null, "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(source, expected);
    for name in [hook.id.as_str(), "1"] {
        assert_eq!(world.get(&format!("{SOURCES}/{name}")).await.json(), expected);
    }
    assert_eq!(world.get(SOURCES).await.json(), json!({"data": [expected], "next_cursor": null}));
    let all_null = json!({
        "name": "n", "profile": "generic", "description": null, "project_id": null, "auth": null, "events": null,
        "event_header": null, "session": null, "agent_id": null, "overrides": null,
        "rate_limit_per_minute": null, "max_body_bytes": null, "allowed_cidrs": null, "ignored_senders": null,
        "dedup_by_body_seconds": null, "provider_token": null, "provider_url": null, "prompt_template": null,
        "deliver_only": null, "enabled": null,
    });
    assert_eq!(world.post(SOURCES, &all_null.to_string()).await.status, 201);
}

#[tokio::test]
async fn everything_that_can_be_said_is_kept() {
    let world = World::new().await;
    let project = world.make("/api/v1/projects", r#"{"name": "p"}"#).await;
    let agent = world.make("/api/v1/agents", r#"{"name": "a", "runner": "digest"}"#).await;
    let said = json!({
        "name": "Hook", "profile": "generic", "description": "d", "project_id": project, "agent_id": agent,
        "events": {"allow": ["deploy"], "deny": ["deploy.failed"]}, "event_header": "x-kind",
        "session": {"mode": "named_session", "name": "ops"},
        "overrides": {
            "model": "big", "system_prompt_suffix": "Be kind.", "tools": {"allow": ["a_*"], "deny": ["a_b"]},
        },
        "rate_limit_per_minute": 5, "max_body_bytes": 2048, "allowed_cidrs": ["192.0.2.0/24", "2001:db8::1"],
        "ignored_senders": ["review-bot"],
        "dedup_by_body_seconds": 0, "provider_url": "https://git.example/api/v4",
        "prompt_template": "{a.b}", "deliver_only": true, "enabled": false,
    });
    let mut asked = said.clone();
    asked["auth"] = json!({"mode": "static_header", "header": "X-Proof", "token": SECRET});
    asked["provider_token"] = json!(PROVIDER_TOKEN);
    let made = world.post(SOURCES, &asked.to_string()).await.json();
    assert_eq!(picked(&made, &said), said);
    assert_eq!(made["auth"], json!({"mode": "static_header", "header": "x-proof"}));
    assert_eq!((&made["has_secret"], &made["has_provider_token"]), (&json!(true), &json!(true)));
    assert_eq!(made.get("secret"), None, "it was given");
    let id = made["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{SOURCES}/{id}/secret")).await.json(), json!({ "secret": SECRET }));

    // What is absent stays; null puts back the default.
    assert_eq!(world.call("PATCH", &format!("{SOURCES}/{id}"), "{}").await.json(), made);
    let cleared = json!({
        "description": null, "events": null, "event_header": null, "session": null, "agent_id": null,
        "overrides": null, "rate_limit_per_minute": null, "max_body_bytes": null, "allowed_cidrs": null, "ignored_senders": null,
        "dedup_by_body_seconds": null, "provider_token": null, "provider_url": null, "prompt_template": null,
    });
    let now = world.call("PATCH", &format!("{SOURCES}/{id}"), &cleared.to_string()).await.json();
    let expected = json!({
        "description": "", "events": {"allow": [], "deny": []}, "event_header": null,
        "session": {"mode": "per_delivery", "name": null}, "agent_id": null,
        "overrides": {"model": null, "system_prompt_suffix": null, "tools": null},
        "rate_limit_per_minute": 60, "max_body_bytes": 1_048_576, "allowed_cidrs": [], "ignored_senders": [],
        "dedup_by_body_seconds": 300, "has_provider_token": false, "provider_url": null, "prompt_template": null,
    });
    assert_eq!(picked(&now, &expected), expected);
    assert_eq!((&now["enabled"], &now["project_id"]), (&json!(false), &json!(project)));
}

#[tokio::test]
async fn changes_reach_inside_of_objects() {
    let world = World::new().await;
    let hook = world.hook(json!({
        "events": {"allow": ["push"], "deny": ["issues"]},
        "session": {"mode": "named_session", "name": "ops"},
        "overrides": {"model": "big", "tools": ["github_*"]},
    }));
    let path = format!("{SOURCES}/{}", hook.await.id);
    for (change, expected) in [
        (json!({"events": {"deny": ["note"]}}), json!({"events": {"allow": ["push"], "deny": ["note"]}})),
        (json!({"events": {"allow": null}}), json!({"events": {"allow": [], "deny": ["note"]}})),
        (json!({"session": {"name": "dev"}}), json!({"session": {"mode": "named_session", "name": "dev"}})),
        (json!({"session": {"name": ""}}), json!({"session": {"mode": "named_session", "name": null}})),
        (
            json!({"session": {"mode": "named_session", "name": "x"}}),
            json!({"session": {"mode": "named_session", "name": "x"}}),
        ),
        (
            json!({"session": {"mode": "named_session"}}),
            json!({"session": {"mode": "named_session", "name": "x"}}),
        ),
        (
            json!({"session": {"mode": "per_entity"}}),
            json!({"session": {"mode": "per_entity", "name": null}}),
        ),
        (
            json!({"session": {"mode": "named_session"}}),
            json!({"session": {"mode": "named_session", "name": null}}),
        ),
        (json!({"session": {"mode": null}}), json!({"session": {"mode": "per_delivery", "name": null}})),
        (
            json!({"overrides": {"system_prompt_suffix": "Hm."}}),
            json!({"overrides": {
                "model": "big", "system_prompt_suffix": "Hm.", "tools": {"allow": ["github_*"], "deny": []},
            }}),
        ),
        (
            json!({"overrides": {"model": null, "tools": {"deny": ["github_merge_pr"]}}}),
            json!({"overrides": {
                "model": null, "system_prompt_suffix": "Hm.", "tools": {"allow": [], "deny": ["github_merge_pr"]},
            }}),
        ),
        (json!({"prompt_template": ""}), json!({"prompt_template": null})),
        (json!({"name": "Other", "enabled": false}), json!({"name": "Other", "enabled": false})),
    ] {
        let answer = world.call("PATCH", &path, &change.to_string()).await;
        assert_eq!(answer.status, 200, "{change}: {}", answer.text());
        assert_eq!(picked(&answer.json(), &expected), expected, "{change}");
    }
}

#[tokio::test]
async fn a_mode_changes_with_what_belongs_to_it() {
    let world = World::new().await;
    let made = world.post(
        SOURCES,
        r#"{"name": "n", "profile": "generic", "auth": {"token": "one", "header": "X-Proof"}}"#,
    );
    let path = format!("{SOURCES}/{}", made.await.json()["id"].as_str().unwrap());
    let secret = async || world.get(&format!("{path}/secret")).await;
    for (change, auth, secret_now) in [
        (json!({"token": "two"}), json!({"mode": "static_header", "header": "x-proof"}), Some("two")),
        (json!({"mode": "bearer"}), json!({"mode": "bearer", "header": null}), Some("two")),
        (json!({"mode": "none"}), json!({"mode": "none", "header": null}), None),
        (
            json!({"mode": "github_hmac_sha256", "secret": "three"}),
            json!({"mode": "github_hmac_sha256", "header": null}),
            Some("three"),
        ),
        (
            json!({"mode": null, "header": "X-A", "token": "four"}),
            json!({"mode": "static_header", "header": "x-a"}),
            Some("four"),
        ),
        (json!({"header": null}), json!({"mode": "static_header", "header": null}), Some("four")),
    ] {
        let answer = world.call("PATCH", &path, &json!({ "auth": change }).to_string()).await;
        assert_eq!(answer.status, 200, "{change}: {}", answer.text());
        let source = answer.json();
        assert_eq!(source["auth"], auth, "{change}");
        assert_eq!(source["has_secret"], secret_now.is_some(), "{change}");
        assert_eq!(source.get("warning").is_some(), secret_now.is_none(), "{change}");
        match secret_now {
            Some(known) => assert_eq!(secret().await.json(), json!({ "secret": known }), "{change}"),
            None => assert_eq!(secret().await.slug(), "not-found", "{change}"),
        }
    }
    // What was sent in the clear must not become what signs.
    let refused = world.call("PATCH", &path, r#"{"auth": {"mode": "github_hmac_sha256"}}"#).await;
    assert_eq!((refused.status.as_u16(), refused.locations()), (422, vec!["body.auth.secret".to_owned()]));
}

#[tokio::test]
async fn secrets_are_rotated_made_or_given() {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let path = format!("{SOURCES}/{}", hook.id);
    for body in ["", "null", "{}"] {
        let rotated = world.post(&format!("{path}/rotate-secret"), body).await;
        assert_eq!(rotated.headers["cache-control"], "no-store");
        let rotated = rotated.json();
        assert_eq!(rotated["overlap_seconds"], 86_400);
        assert_eq!(rotated["secret"].as_str().unwrap().len(), 64);
        let revealed = world.get(&format!("{path}/secret")).await;
        assert_eq!(revealed.headers["cache-control"], "no-store");
        assert_eq!(revealed.json()["secret"], rotated["secret"]);
    }
    // What GitHub still has is taken for as long as was said, and no longer.
    world.taken_on(&hook, 1).await;
    let given = json!({"secret": "another secret", "overlap_seconds": 0});
    assert_eq!(world.post(&format!("{path}/rotate-secret"), &given.to_string()).await.json(), given);
    assert_eq!(world.pull_request(&hook, 2).await.status, 401);
}

#[tokio::test]
async fn the_url_is_the_one_that_the_operator_says() {
    let api = ApiOptions { public_url: Some("https://hooks.example".into()), ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let made = world.post(SOURCES, r#"{"name": "n", "profile": "github"}"#).await.json();
    let public_id = made["public_id"].as_str().unwrap();
    assert_eq!(made["ingest_url"], format!("https://hooks.example/api/webhooks/ingest/{public_id}"));
}

#[tokio::test]
async fn profiles_say_what_is_known_of_providers() {
    let world = World::new().await;
    let profiles = world.get("/api/v1/profiles").await.json();
    assert_eq!(profiles["next_cursor"], Value::Null);
    let of = |name: &str| {
        let profiles = profiles["data"].as_array().unwrap();
        profiles.iter().find(|profile| profile["name"] == name).unwrap().clone()
    };
    let generic = of("generic");
    assert_eq!(
        (&generic["display_name"], &generic["auth_mode"]),
        (&json!("Generic"), &json!("static_header"))
    );
    assert_eq!(
        (&generic["events"], &generic["response_tools"], &generic["has_response_tools"]),
        (&json!([]), &json!([]), &json!(false))
    );
    let github = of("github");
    assert_eq!(github["has_response_tools"], true);
    assert!(github["setup_guide"].as_str().unwrap().contains("GitHub"));
    let opened = github["events"].as_array().unwrap();
    let opened = opened.iter().find(|event| event["type"] == "pull_request.opened").unwrap();
    assert!(opened["description"].is_string() && opened.get("use_case").is_some());
    let tools = github["response_tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "github_post_comment").unwrap();
    assert!(tool["writes"] == true && tool["description"].is_string());
}
