//! Making, showing and removing webhooks.

use axum::body::Body;
use axum::http::Request;
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};

use super::Client;
use crate::world::World;

/// The status of a POST to a webhook.
pub(super) async fn post(world: &World, webhook: &Value, headers: &[(&str, &str)], body: &str) -> u16 {
    let id = webhook["publicId"].as_str().unwrap();
    let mut request = Request::builder().method("POST").uri(format!("/api/webhooks/ingest/{id}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn a_webhook_with_a_name_has_moltis_defaults_and_a_secret_told_once() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let made = client.call("webhooks.create", json!({ "name": "first" })).await;
    let (public_id, secret) = (made["publicId"].as_str().unwrap(), made["generatedSecret"].as_str().unwrap());
    assert_eq!((public_id.len(), &public_id[..3]), (39, "wh_"));
    let mut expected = json!({
        "id": 1, "name": "first", "enabled": true, "publicId": public_id,
        "authMode": "static_header", "authConfig": "[REDACTED]", "sourceProfile": "generic",
        "eventFilter": { "allow": [], "deny": [] }, "sessionMode": "per_delivery", "allowedCidrs": [],
        "maxBodyBytes": 1_048_576, "rateLimitPerMinute": 60, "deliverOnly": false, "deliveryCount": 0,
        "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
        "generatedSecret": secret,
    });
    assert_eq!(made, expected);
    expected.as_object_mut().unwrap().remove("generatedSecret");
    assert_eq!(client.call("webhooks.get", json!({ "id": 1 })).await, expected);
    assert_eq!(post(&world, &made, &[("x-webhook-secret", secret)], "{}").await, 202);
    assert_eq!(post(&world, &made, &[("x-webhook-secret", "other")], "{}").await, 401);
    let shown = client.call("webhooks.get", json!({ "id": 1 })).await;
    assert_eq!(
        (&shown["deliveryCount"], &shown["lastDeliveryAt"]),
        (&json!(1), &json!("2026-01-01T00:00:00.000Z"))
    );
}

fn everything(agent: &str, secret: &str) -> Value {
    json!({
        "name": "Everything", "description": "all of it", "enabled": true, "agentId": agent, "model": "m-1",
        "systemPromptSuffix": "Be brief.", "toolPolicy": { "allow": ["github_*"], "deny": ["github_merge_pr"] },
        "authMode": "github_hmac_sha256", "authConfig": { "secret": secret }, "sourceProfile": "github",
        "sourceConfig": { "api_token": "ghp_1", "api_url": "https://git.example.com/api/v3", "event_header": "x-kind" },
        "eventFilter": { "allow": ["push"], "deny": ["push.forced"] }, "sessionMode": "named_session",
        "namedSessionKey": "ops", "allowedCidrs": ["192.0.2.0/24"], "maxBodyBytes": 2048,
        "rateLimitPerMinute": 5, "deliverOnly": true, "promptTemplate": "{a}", "deliverTo": "log", "deliverExtra": {},
    })
}

#[tokio::test]
async fn every_member_is_kept_in_either_spelling() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let agent = world.agent(None).await.to_string();
    let camel = everything(&agent, "s3cret");
    let snake: Value = camel
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let spelt: String = name
                .chars()
                .flat_map(
                    |c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] },
                )
                .collect();
            (spelt, value.clone())
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert!(snake.get("source_profile").is_some() && snake.get("sourceProfile").is_none());
    let one = client.call("webhooks.create", camel.clone()).await;
    let mut two = client.call("webhooks.create", snake).await;
    for (name, value) in camel.as_object().unwrap() {
        let shown = &one[name];
        match name.as_str() {
            "authConfig" | "sourceConfig" => assert_eq!(shown, "[REDACTED]"),
            "deliverExtra" => assert!(shown.is_null()),
            _ => assert_eq!(shown, value, "{name}"),
        }
    }
    assert!(one.get("generatedSecret").is_none());
    assert!(!one.to_string().contains("s3cret") && !one.to_string().contains("ghp_1"));
    two["id"] = one["id"].clone();
    two["publicId"] = one["publicId"].clone();
    assert_eq!(one, two);
    // Where both are there, camelCase counts.
    let both = json!({ "name": "both", "auth_mode": "none", "authMode": "bearer", "sourceProfile": "stripe",
        "source_profile": "github", "authConfig": { "token": "t" } });
    let both = client.call("webhooks.create", both).await;
    assert_eq!((&both["authMode"], &both["sourceProfile"]), (&json!("bearer"), &json!("stripe")));
    // What the provider's API needs may be spelt either way, too.
    let config = json!({ "name": "c", "source_config": { "apiToken": "t", "apiUrl": "https://a.example", "eventHeader": "x-a" } });
    assert_eq!(client.call("webhooks.create", config).await["sourceConfig"], "[REDACTED]");
}

#[tokio::test]
async fn the_control_programs_requests_work() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let made = client
        .call(
            "webhooks.create",
            json!({
                "name": "cli", "source_profile": "generic", "auth_mode": "none", "session_mode": "per_entity",
                "system_prompt_suffix": "Be kind.",
            }),
        )
        .await;
    assert_eq!((&made["authMode"], &made["sessionMode"]), (&json!("none"), &json!("per_entity")));
    assert_eq!(made["systemPromptSuffix"], "Be kind.");
    assert!(made.get("authConfig").is_none() && made.get("generatedSecret").is_none());
    assert_eq!(post(&world, &made, &[], "{}").await, 202);
    client.say(r#"{"type":"req","id":"l","method":"webhooks.list"}"#).await;
    assert_eq!(client.frame().await["payload"][0]["name"], "cli");
    let listed = client.call("webhooks.deliveries", json!({ "webhookId": made["id"], "limit": 50 })).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        client.call("webhooks.delete", json!({ "id": made["id"] })).await,
        json!({ "deleted": made["id"] })
    );
    assert_eq!(client.call("webhooks.list", Value::Null).await, json!([]));
    assert_eq!(post(&world, &made, &[], "{}").await, 404);
}

#[tokio::test]
async fn every_mode_takes_its_own_configuration() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for (mode, config, header) in [
        ("static_header", json!({ "header": "X-Mine", "value": "v1" }), ("x-mine", "v1")),
        ("static_header", json!({ "value": "v1" }), ("x-webhook-secret", "v1")),
        ("bearer", json!({ "token": "v1" }), ("authorization", "Bearer v1")),
        ("gitlab_token", json!({ "token": "v1" }), ("x-gitlab-token", "v1")),
    ] {
        let spec = json!({ "name": mode, "authMode": mode, "authConfig": config });
        let made = client.call("webhooks.create", spec).await;
        assert_eq!(post(&world, &made, &[header], mode).await, 202, "{mode}");
        assert_eq!(post(&world, &made, &[(header.0, "no")], mode).await, 401, "{mode}");
    }
    for mode in [
        "github_hmac_sha256",
        "stripe_webhook_signature",
        "linear_webhook_signature",
        "pagerduty_v2_signature",
        "sentry_webhook_signature",
    ] {
        let spec = json!({ "name": mode, "authMode": mode, "authConfig": { "secret": "whsec_5e5e" } });
        let made = client.call("webhooks.create", spec).await;
        assert_eq!((&made["authMode"], &made["authConfig"]), (&json!(mode), &json!("[REDACTED]")));
        assert_eq!(post(&world, &made, &[], mode).await, 401, "{mode}");
    }
}

async fn assert_refused(client: &mut Client, spec: Value, named: &str) {
    let (code, message) = client.fail("webhooks.create", spec.clone()).await;
    assert_eq!(code, "INTERNAL", "{spec}: {message}");
    let rest = message.strip_prefix("invalid webhook spec: ");
    let rest = rest.unwrap_or_else(|| panic!("{spec}: {message}"));
    assert!(rest.contains(named), "{spec}: {message}");
}

#[tokio::test]
async fn what_is_wrong_with_a_spec_is_named() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for (spec, named) in [
        (json!({}), "name: is required"),
        (json!({ "name": null }), "name: is required"),
        (json!({ "name": "" }), "name: must be 1 to"),
        (json!({ "name": 7 }), "name: invalid type"),
        (json!({ "name": "x", "nonsense": 1 }), "unknown member"),
        (json!({ "name": "x", "id": 7 }), "unknown member"),
        (json!({ "name": "x", "authMode": "basic" }), "authMode: must be one of none, static_header"),
        (json!({ "name": "x", "sourceProfile": "myspace" }), "sourceProfile: must be one of github"),
        (json!({ "name": "x", "authConfig": "secret" }), "authConfig: must be an object"),
        (json!({ "name": "x", "authConfig": {} }), "authConfig.value: is required for static_header"),
        (json!({ "name": "x", "authConfig": { "value": "" } }), "authConfig: a secret must not be empty"),
        (json!({ "name": "x", "authConfig": { "value": 7 } }), "authConfig.value: must be text"),
        (
            json!({ "name": "x", "authConfig": { "value": "v", "token": "t" } }),
            "authConfig.token: unknown member",
        ),
        (
            json!({ "name": "x", "authConfig": { "value": "v", "header": "a b" } }),
            "authConfig.header: must be the name",
        ),
        (
            json!({ "name": "x", "authMode": "bearer", "authConfig": { "secret": "s" } }),
            "authConfig.token: is required for bearer",
        ),
        (
            json!({ "name": "x", "authMode": "none", "authConfig": { "token": "s" } }),
            "authConfig.token: unknown member",
        ),
        (
            json!({ "name": "x", "sourceConfig": { "signing_secret": "s" } }),
            "sourceConfig.signingSecret: unknown member; known are api_token, api_url and event_header",
        ),
        (json!({ "name": "x", "sourceConfig": { "api_url": "git" } }), "sourceConfig.api_url:"),
        (
            json!({ "name": "x", "sourceConfig": { "api_url": "http://git.example" } }),
            "sourceConfig.api_url: must begin with https://",
        ),
        (json!({ "name": "x", "sourceConfig": { "api_token": "" } }), "sourceConfig.api_token: must be 1 to"),
        (
            json!({ "name": "x", "sourceConfig": { "event_header": "a b" } }),
            "sourceConfig.event_header: must be the name",
        ),
        (json!({ "name": "x", "sourceConfig": [] }), "sourceConfig: must be an object"),
    ] {
        assert_refused(&mut client, spec, named).await;
    }
}

#[tokio::test]
async fn what_else_is_wrong_with_a_spec_is_named_too() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for (spec, named) in [
        (json!({ "name": "x", "eventFilter": { "allow": [""] } }), "eventFilter.allow: each must be"),
        (json!({ "name": "x", "eventFilter": { "only": [] } }), "unknown member"),
        (json!({ "name": "x", "toolPolicy": { "deny": ["a b"] } }), "toolPolicy.deny:"),
        (
            json!({ "name": "x", "sessionMode": "per_day" }),
            "sessionMode: must be per_delivery, per_entity or named_session",
        ),
        (json!({ "name": "x", "namedSessionKey": "k" }), "namedSessionKey: only goes with"),
        (
            json!({ "name": "x", "sessionMode": "named_session", "namedSessionKey": "" }),
            "namedSessionKey: must be 1 to",
        ),
        (json!({ "name": "x", "allowedCidrs": ["10.0.0.0/8", "x"] }), "allowedCidrs[1]: must be an address"),
        (json!({ "name": "x", "maxBodyBytes": 0 }), "maxBodyBytes: must be 1 to"),
        (json!({ "name": "x", "maxBodyBytes": -1 }), "maxBodyBytes: invalid value"),
        (json!({ "name": "x", "rateLimitPerMinute": 0 }), "rateLimitPerMinute: must be 1 to"),
        (json!({ "name": "x", "model": "" }), "model: must be 1 to"),
        (
            json!({ "name": "x", "systemPromptSuffix": "x".repeat(40_000) }),
            "systemPromptSuffix: must be at most",
        ),
        (json!({ "name": "x", "promptTemplate": "x".repeat(40_000) }), "promptTemplate: must be at most"),
        (json!({ "name": "x", "description": "x".repeat(2000) }), "description: must be at most"),
        (json!({ "name": "x", "agentId": "main" }), "agentId: must be agt_"),
        (json!({ "name": "x", "agentId": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV" }), "agentId: there is no agent"),
        (json!({ "name": "x", "deliverTo": "telegram" }), "deliverTo: must be `log`"),
        (json!({ "name": "x", "deliverExtra": { "chat": "1" } }), "deliverExtra: must be empty"),
    ] {
        assert_refused(&mut client, spec, named).await;
    }
    let answer = client.ask("webhooks.create", json!({ "name": "", "authMode": "x" })).await;
    let members: Vec<&Value> = answer["error"]["details"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["member"])
        .collect();
    assert_eq!(
        (answer["error"]["details"]["kind"].as_str(), members.len()),
        (Some("invalid"), 1),
        "{answer}"
    );
    assert_eq!(client.call("webhooks.list", Value::Null).await, json!([]), "nothing was made");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let internal = |message: &str| ("INTERNAL".to_owned(), message.to_owned());
    for (method, name, what) in [
        ("webhooks.get", "id", "webhook"),
        ("webhooks.update", "id", "webhook"),
        ("webhooks.delete", "id", "webhook"),
        ("webhooks.deliveries", "webhookId", "webhook"),
        ("webhooks.delivery.get", "id", "delivery"),
        ("webhooks.delivery.payload", "id", "delivery"),
        ("webhooks.delivery.actions", "deliveryId", "delivery"),
        ("webhooks.delivery.retry", "id", "delivery"),
    ] {
        let missing = internal(&format!("missing '{name}'"));
        for params in [
            Value::Null,
            json!({}),
            json!({ name: "1" }),
            json!({ name: -1 }),
            json!({ name: 1.5 }),
            json!({ name: null }),
        ] {
            assert_eq!(client.fail(method, params.clone()).await, missing, "{method} {params}");
        }
        for number in [0, 7, u64::MAX] {
            let expected = internal(&format!("{what} not found: {number}"));
            assert_eq!(client.fail(method, json!({ name: number })).await, expected, "{method}");
        }
    }
}

#[tokio::test]
async fn lists_are_newest_first_and_profiles_are_described() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    for name in ["a", "b", "c"] {
        client.call("webhooks.create", json!({ "name": name })).await;
    }
    let listed = client.call("webhooks.list", Value::Null).await;
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c", "b", "a"]);
    let profiles = client.call("webhooks.profiles", json!({})).await;
    let github = profiles.as_array().unwrap().iter().find(|profile| profile["id"] == "github").unwrap();
    assert_eq!((&github["displayName"], &github["hasResponseTools"]), (&json!("GitHub"), &json!(true)));
    assert_eq!(github["defaultAuthMode"], "github_hmac_sha256");
    assert!(github["setupGuide"].as_str().unwrap().contains("secret"));
    let types: Vec<&Value> =
        github["eventCatalog"].as_array().unwrap().iter().map(|entry| &entry["eventType"]).collect();
    assert!(types.contains(&&json!("pull_request.opened")));
}

#[tokio::test]
async fn what_a_key_may_not_is_refused() {
    let world = World::new().await;
    let reader = world.key_of("acme", Environment::Live, &[Capability::Read]).await;
    let manager = world.key_of("acme", Environment::Live, &[Capability::Manage]).await;
    let mut client = Client::hello(&world, &reader).await;
    let forbidden = |scope: &str| ("FORBIDDEN".to_owned(), format!("missing scope: {scope}"));
    for (method, params) in [
        ("webhooks.create", json!({ "nonsense": 1 })),
        ("webhooks.update", json!({ "id": 1, "patch": {} })),
        ("webhooks.delete", json!({ "id": 1 })),
        ("webhooks.delivery.retry", json!({ "id": 1 })),
    ] {
        assert_eq!(client.fail(method, params).await, forbidden("operator.write"), "{method}");
    }
    assert_eq!(client.call("webhooks.list", Value::Null).await, json!([]));
    let mut client = Client::hello(&world, &manager).await;
    for (method, params) in [
        ("webhooks.list", json!({})),
        ("webhooks.get", json!({ "id": 1 })),
        ("webhooks.profiles", json!({})),
        ("webhooks.deliveries", json!({ "webhookId": 1 })),
        ("webhooks.delivery.get", json!({ "id": 1 })),
        ("webhooks.delivery.payload", json!({ "id": 1 })),
        ("webhooks.delivery.actions", json!({ "deliveryId": 1 })),
    ] {
        assert_eq!(client.fail(method, params).await, forbidden("operator.read"), "{method}");
    }
    client.call("webhooks.create", json!({ "name": "made" })).await;
}

#[tokio::test]
async fn tenants_and_environments_do_not_see_each_other() {
    let world = World::new().await;
    let mut ours = Client::new(&world).await;
    let made = ours.call("webhooks.create", json!({ "name": "ours", "authMode": "none" })).await;
    assert_eq!(post(&world, &made, &[], "{}").await, 202);
    let delivery =
        ours.call("webhooks.deliveries", json!({ "webhookId": made["id"] })).await[0]["id"].clone();
    for key in [
        world.key_of("other", Environment::Live, &Capability::ALL).await,
        world.key_of("acme", Environment::Test, &Capability::ALL).await,
    ] {
        let mut theirs = Client::hello(&world, &key).await;
        assert_eq!(theirs.call("webhooks.list", Value::Null).await, json!([]));
        for (method, params) in [
            ("webhooks.get", json!({ "id": made["id"] })),
            ("webhooks.update", json!({ "id": made["id"], "patch": { "name": "theirs" } })),
            ("webhooks.delete", json!({ "id": made["id"] })),
            ("webhooks.deliveries", json!({ "webhookId": made["id"] })),
            ("webhooks.delivery.get", json!({ "id": delivery })),
            ("webhooks.delivery.payload", json!({ "id": delivery })),
            ("webhooks.delivery.actions", json!({ "deliveryId": delivery })),
            ("webhooks.delivery.retry", json!({ "id": delivery })),
        ] {
            let (code, message) = theirs.fail(method, params).await;
            assert!(code == "INTERNAL" && message.contains(" not found: "), "{method}: {code} {message}");
        }
    }
    assert_eq!(ours.call("webhooks.get", json!({ "id": made["id"] })).await["name"], "ours");
}
