//! What arrived, its bodies, what was done about it.

use posthouse_testkit::answer;
use posthouse_types::{Outcome, ToolPolicy};
use serde_json::{Value, json};

use super::Client;
use super::webhooks::post;
use crate::world::World;

async fn open_webhook(client: &mut Client) -> Value {
    client.call("webhooks.create", json!({ "name": "n", "authMode": "none" })).await
}

#[tokio::test]
async fn deliveries_are_shown_as_moltis_shows_them() {
    let mut world = World::new().await;
    let mut client = Client::new(&world).await;
    let webhook = open_webhook(&mut client).await;
    let headers = [("content-type", "application/json"), ("x-event-type", "push"), ("x-delivery-id", "d1")];
    assert_eq!(post(&world, &webhook, &headers, r#"{"n":1}"#).await, 202);
    world.turns.drain().await.unwrap();
    let listed = client.call("webhooks.deliveries", json!({ "webhook_id": webhook["id"] })).await;
    let public_id = webhook["publicId"].as_str().unwrap();
    let at = "2026-01-01T00:00:00.000Z";
    let mut delivery = listed[0].clone();
    let kept = delivery.as_object_mut().unwrap().remove("headersJson").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(kept.as_str().unwrap()).unwrap(),
        json!({ "content-type": "application/json", "x-delivery-id": "d1", "x-event-type": "push" })
    );
    let expected = json!({
        "id": 1, "webhookId": webhook["id"], "receivedAt": at, "status": "completed", "eventType": "push",
        "deliveryKey": "d1", "httpMethod": "POST", "contentType": "application/json", "bodySize": 7,
        "sessionKey": format!("webhook:{public_id}:1"), "startedAt": at, "finishedAt": at, "durationMs": 0,
    });
    assert_eq!(delivery, expected);
    assert_eq!(client.call("webhooks.delivery.get", json!({ "id": 1 })).await, listed[0]);
    let actions = client.call("webhooks.delivery.actions", json!({ "delivery_id": 1 })).await;
    assert_eq!(actions, json!([]));
}

#[tokio::test]
async fn pages_are_by_limit_and_offset() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let webhook = open_webhook(&mut client).await;
    for number in 1..=5 {
        assert_eq!(post(&world, &webhook, &[], &number.to_string()).await, 202);
    }
    let mut numbers = async |params: Value| -> Vec<u64> {
        let mut all = json!({ "webhookId": webhook["id"] });
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        let listed = client.call("webhooks.deliveries", all).await;
        listed.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(json!({})).await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers(json!({ "limit": 2 })).await, [5, 4]);
    assert_eq!(numbers(json!({ "limit": 2, "offset": 2 })).await, [3, 2]);
    assert_eq!(numbers(json!({ "limit": null, "offset": 4 })).await, [1]);
    assert_eq!(numbers(json!({ "offset": 5 })).await, [0_u64; 0]);
    for (params, named) in [
        (json!({ "webhookId": webhook["id"], "limit": 0 }), "limit: must be 1 to 500"),
        (json!({ "webhookId": webhook["id"], "limit": 501 }), "limit: must be 1 to 500"),
        (json!({ "webhookId": webhook["id"], "limit": -1 }), "limit: must be a number"),
        (json!({ "webhookId": webhook["id"], "offset": "2" }), "offset: must be a number"),
    ] {
        assert_eq!(
            client.fail("webhooks.deliveries", params).await,
            ("INTERNAL".to_owned(), named.to_owned())
        );
    }
}

#[tokio::test]
async fn bodies_are_json_or_base64_and_refused_requests_have_none() {
    let world = World::new().await;
    let mut client = Client::new(&world).await;
    let webhook = open_webhook(&mut client).await;
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for body in [r#"{"n": 12345678901234567890123, "a": [null, "ü"]}"#, "not JSON", "", deep.as_str()] {
        assert_eq!(post(&world, &webhook, &[], body).await, 202);
    }
    client.say(r#"{"type":"req","id":"p","method":"webhooks.delivery.payload","params":{"id":1}}"#).await;
    let tokio_tungstenite::tungstenite::Message::Text(text) = client.message().await else { panic!("text") };
    assert!(text.contains(r#""payload":{"n": 12345678901234567890123, "a": [null, "ü"]}"#), "{text}");
    let raw = client.call("webhooks.delivery.payload", json!({ "id": 2 })).await;
    assert_eq!(raw, json!({ "raw": "bm90IEpTT04=", "size": 8 }));
    let empty = client.call("webhooks.delivery.payload", json!({ "id": 3 })).await;
    assert_eq!(empty, json!({ "raw": "", "size": 0 }));
    let nested = client.call("webhooks.delivery.payload", json!({ "id": 4 })).await;
    assert_eq!(nested["size"], 4000);
    client.call("webhooks.update", json!({ "id": webhook["id"], "patch": { "maxBodyBytes": 1 } })).await;
    assert_eq!(post(&world, &webhook, &[], "123").await, 413);
    assert_eq!(client.call("webhooks.delivery.payload", json!({ "id": 5 })).await, Value::Null);
    let refused = client.call("webhooks.delivery.get", json!({ "id": 5 })).await;
    assert_eq!(
        (&refused["status"], &refused["rejectionReason"]),
        (&json!("rejected"), &json!("payload_too_large"))
    );
}

#[tokio::test]
async fn actions_are_listed_and_a_delivery_can_be_run_again() {
    let mut world = World::new().await;
    let tools = ToolPolicy::new(vec!["*".to_owned()], vec![]).unwrap();
    let agent = world.agent(Some(tools)).await;
    let mut client = Client::new(&world).await;
    let spec = json!({
        "name": "n", "authMode": "none", "sourceProfile": "github", "agentId": agent.to_string(),
        "sourceConfig": { "api_token": "ghp_1" },
    });
    let webhook = client.call("webhooks.create", spec).await;
    let say = |text: &str| ("github_post_comment", json!({ "number": 7, "body": text }));
    world.runner.script(&[say("One."), say("Two.")], Ok("Done."));
    let mut refused = answer(Outcome::Refused { status: 403 });
    refused.response_body = "{}".into();
    let mut made = answer(Outcome::Delivered { status: 201 });
    made.response_body = r#"{"id": 42}"#.into();
    world.sender.script([made, refused]);
    let body = r#"{"action":"opened","repository":{"full_name":"octo-org/hello"},"issue":{"number":7}}"#;
    assert_eq!(post(&world, &webhook, &[("x-github-event", "issues")], body).await, 202);
    let early = client.fail("webhooks.delivery.retry", json!({ "id": 1 })).await;
    assert_eq!(early, ("INTERNAL".to_owned(), "it can not be run again: it has not ended yet".to_owned()));
    world.turns.drain().await.unwrap();
    let actions = client.call("webhooks.delivery.actions", json!({ "deliveryId": 1 })).await;
    let actions = actions.as_array().unwrap();
    assert_eq!(actions.len(), 2);
    let expected = json!({
        "id": 202, "deliveryId": 1, "toolName": "github_post_comment",
        "inputJson": json!({ "number": 7, "body": "One." }).to_string(), "outputJson": r#"{"id": 42}"#,
        "status": "success", "createdAt": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(actions[0], expected);
    assert_eq!((&actions[1]["id"], &actions[1]["status"]), (&json!(203), &json!("error")));
    assert!(actions[1]["errorMessage"].as_str().unwrap().contains("403"));
    let again = client.call("webhooks.delivery.retry", json!({ "id": 1 })).await;
    assert_eq!((&again["id"], &again["status"]), (&json!(1), &json!("received")));
    world.turns.drain().await.unwrap();
    let ended = client.call("webhooks.delivery.get", json!({ "id": 1 })).await;
    assert_eq!(ended["status"], "completed");
}
