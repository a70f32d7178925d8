//! Changing webhooks.

use serde_json::{Value, json};

use super::Client;
use super::webhooks::post;
use crate::world::World;

async fn patched(client: &mut Client, id: &Value, patch: Value) -> Value {
    client.call("webhooks.update", json!({ "id": id, "patch": patch })).await
}

#[tokio::test]
async fn what_is_absent_stays_and_what_is_null_is_cleared() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let full = json!({
        "name": "n", "description": "d", "model": "m", "systemPromptSuffix": "s", "toolPolicy": { "allow": ["*"] },
        "authMode": "bearer", "authConfig": { "token": "t" },
        "sourceConfig": { "api_token": "t", "event_header": "x-kind" },
        "sessionMode": "named_session", "namedSessionKey": "k", "promptTemplate": "{a}",
        "eventFilter": { "allow": ["push"] }, "allowedCidrs": ["192.0.2.1"],
    });
    let made = client.call("webhooks.create", full).await;
    let id = made["id"].clone();
    assert_eq!(patched(&mut client, &id, json!({})).await, made);
    assert_eq!(client.call("webhooks.update", json!({ "id": id })).await, made, "no patch changes nothing");
    let mut expected = made.clone();
    for (name, spelt) in [
        ("description", "description"),
        ("model", "model"),
        ("systemPromptSuffix", "system_prompt_suffix"),
        ("toolPolicy", "toolPolicy"),
        ("sourceConfig", "source_config"),
        ("namedSessionKey", "named_session_key"),
        ("promptTemplate", "promptTemplate"),
    ] {
        assert!(expected.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        assert_eq!(patched(&mut client, &id, json!({ spelt: null })).await, expected, "{name}");
    }
    // What always has a value keeps it.
    let nulls = json!({ "name": null, "enabled": null, "authMode": null, "sessionMode": null, "deliverOnly": null,
        "agentId": null, "deliverTo": null, "deliverExtra": null });
    assert_eq!(patched(&mut client, &id, nulls).await, expected);
    // What has one of its own when nothing is said gets that.
    patched(&mut client, &id, json!({ "maxBodyBytes": 10, "rateLimitPerMinute": 1 })).await;
    let nulls = json!({ "eventFilter": null, "allowed_cidrs": null, "maxBodyBytes": null, "rateLimitPerMinute": null });
    let emptied = patched(&mut client, &id, nulls).await;
    assert_eq!(emptied["eventFilter"], json!({ "allow": [], "deny": [] }));
    assert_eq!(emptied["allowedCidrs"], json!([]));
    for limit in ["maxBodyBytes", "rateLimitPerMinute"] {
        assert_eq!(emptied[limit], made[limit], "{limit}");
    }
    assert_eq!(patched(&mut client, &id, json!({ "eventFilter": {}, "allowedCidrs": [] })).await, emptied);
    assert_eq!(client.call("webhooks.get", json!({ "id": id })).await, emptied);
}

#[tokio::test]
async fn values_are_replaced() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let id = client.call("webhooks.create", json!({ "name": "n" })).await["id"].clone();
    let patch = json!({
        "name": "m", "description": "d", "enabled": false, "model": "x", "eventFilter": { "deny": ["a"] },
        "sessionMode": "per_entity", "allowedCidrs": ["2001:db8::/32"], "maxBodyBytes": 10,
        "rateLimitPerMinute": 1, "deliverOnly": true, "promptTemplate": "t",
    });
    let shown = patched(&mut client, &id, patch.clone()).await;
    for (name, value) in patch.as_object().unwrap() {
        if name != "eventFilter" {
            assert_eq!(&shown[name], value, "{name}");
        }
    }
    assert_eq!(shown["eventFilter"], json!({ "allow": [], "deny": ["a"] }));
    let named =
        patched(&mut client, &id, json!({ "session_mode": "named_session", "named_session_key": "k" })).await;
    assert_eq!(named["namedSessionKey"], "k");
    assert_eq!(patched(&mut client, &id, json!({ "namedSessionKey": "l" })).await["namedSessionKey"], "l");
    let kept = patched(&mut client, &id, json!({ "sessionMode": "named_session" })).await;
    assert_eq!(kept["namedSessionKey"], "l");
    let gone = patched(&mut client, &id, json!({ "sessionMode": "per_delivery" })).await;
    assert!(gone.get("namedSessionKey").is_none());
}

#[tokio::test]
async fn secrets_are_replaced_and_what_hides_them_means_nothing() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let spec = json!({ "name": "n", "authConfig": { "header": "X-Mine", "value": "old" } });
    let made = client.call("webhooks.create", spec).await;
    let id = made["id"].clone();
    let hidden = json!({ "authConfig": "[REDACTED]", "sourceConfig": "[REDACTED]" });
    assert_eq!(patched(&mut client, &id, hidden).await, made);
    assert_eq!(post(&world, &made, &[("x-mine", "old")], "1").await, 202);
    patched(&mut client, &id, json!({ "auth_config": { "header": "X-Mine", "value": "new" } })).await;
    assert_eq!(post(&world, &made, &[("x-mine", "old")], "2").await, 401);
    assert_eq!(post(&world, &made, &[("x-mine", "new")], "3").await, 202);
    patched(&mut client, &id, json!({ "authConfig": { "value": "new" } })).await;
    assert_eq!(post(&world, &made, &[("x-webhook-secret", "new")], "4").await, 202, "the whole is replaced");
    // Another mode keeps what fits it, and forgets the header that it does not have.
    patched(&mut client, &id, json!({ "authMode": "bearer" })).await;
    assert_eq!(post(&world, &made, &[("authorization", "Bearer new")], "5").await, 202);
    let open = patched(&mut client, &id, json!({ "authMode": "none", "authConfig": null })).await;
    assert!(open.get("authConfig").is_none());
    assert_eq!(post(&world, &made, &[], "6").await, 202);
    let (code, message) =
        client.fail("webhooks.update", json!({ "id": id, "patch": { "authMode": "bearer" } })).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INTERNAL", "invalid patch: authConfig: is required for bearer")
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_patch_is_named_and_changes_nothing() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let made = client.call("webhooks.create", json!({ "name": "n" })).await;
    let id = &made["id"];
    for (patch, named) in [
        (json!([]), "patch: must be an object"),
        (json!("x"), "patch: must be an object"),
        (json!({ "sourceProfile": "github" }), "sourceProfile: can not be changed"),
        (json!({ "source_profile": "github" }), "sourceProfile: can not be changed"),
        (json!({ "publicId": "wh_1" }), "unknown member"),
        (json!({ "name": "" }), "name: must be"),
        (json!({ "authConfig": null }), "authConfig.value: is required for static_header"),
        (json!({ "authConfig": { "token": "t" } }), "authConfig.token: unknown member"),
        (json!({ "namedSessionKey": "k" }), "namedSessionKey: only goes with"),
        (json!({ "name": "m", "maxBodyBytes": 0 }), "maxBodyBytes: must be"),
        (json!({ "deliverTo": "slack" }), "deliverTo: must be `log`"),
    ] {
        let (code, message) = client.fail("webhooks.update", json!({ "id": id, "patch": patch })).await;
        let rest = message.strip_prefix("invalid patch: ").unwrap_or_else(|| panic!("{patch}: {message}"));
        assert!(code == "INTERNAL" && rest.contains(named), "{patch}: {message}");
    }
    let same = json!({ "sourceProfile": "generic" });
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("generatedSecret");
    assert_eq!(patched(&mut client, id, same).await, expected);
}
