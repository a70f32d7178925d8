//! The OpenAPI document says what the routes do.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;

use crate::world::World;

fn document() -> Value {
    serde_json::from_str(&posthouse_api::openapi("whatsapp").unwrap()).unwrap()
}

/// Method, path and operation, of every operation.
fn operations(document: &Value) -> Vec<(String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), path, operation))
    });
    operations.collect()
}

#[tokio::test]
async fn every_call_is_described_and_asks_for_a_key() {
    let world = World::new().await;
    let document = document();
    assert_eq!(document["servers"][0]["url"], "/whatsapp");
    let mut names = Vec::new();
    for (method, path, operation) in operations(&document) {
        names.push(operation["operationId"].as_str().unwrap());
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{path}");
        let ids = path.replace("{id}", "wh_01ARZ3NDEKTSV4RRFFQ69G5FAV").replace("{session}", "s");
        let uri = format!("/whatsapp{}", ids.replace("{mid}", "msg_01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        let request = Request::builder().method(method.as_str()).uri(uri).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        let open = operation.get("security").is_some();
        let expected = if open { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{method} {path}");
        for status in [expected.as_str(), "401", "408", "429", "500", "503"] {
            assert!(operation["responses"].get(status).is_some(), "{method} {path} lacks {status}");
        }
    }
    names.sort_unstable();
    let expected = [
        "createRealtimeTicket",
        "createWebhook",
        "deleteWebhook",
        "followRealtime",
        "getWebhook",
        "listWebhooks",
        "updateWebhook",
        "voteMessage",
    ];
    assert_eq!(names, expected);
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| walk(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    walk(&document, &mut found);
    for reference in found {
        assert!(document.pointer(&reference.replacen('#', "", 1)).is_some(), "{reference}");
    }
}
