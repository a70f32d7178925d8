//! The document and the routes say the same: each operation has a name and its errors, and asks for a key.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::world::World;

/// Operations that answer without a key.
const OPEN: [&str; 2] = ["healthz", "readyz"];

fn document() -> Value {
    serde_json::from_str(&posthouse_api::openapi("native").unwrap()).unwrap()
}

/// Method, path and operation, of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    operations.collect()
}

#[tokio::test]
async fn every_operation_asks_for_a_key() {
    let world = World::new().await;
    let document = document();
    for (method, path, operation) in operations(&document) {
        let path = path.replace("{id}", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV").replace("{type}", "a");
        let request = Request::builder().method(method.as_str()).uri(&path).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        let open = OPEN.contains(&operation["operationId"].as_str().unwrap());
        let expected = if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{method} {path}");
        assert_eq!(operation.get("security").is_some(), open, "{method} {path}");
        assert!(open || answer.headers["www-authenticate"] == "Bearer");
    }
}

#[test]
fn every_operation_is_described() {
    let document = document();
    let mut names = Vec::new();
    for (method, path, operation) in operations(&document) {
        let at = format!("{method} {path}");
        for member in ["operationId", "summary"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{at} has no {member}");
        }
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{at}");
        names.push(operation["operationId"].as_str().unwrap());
        let mut expected = vec!["408", "500", "503"];
        if operation.get("security").is_none() {
            expected.extend(["401", "403", "429"]);
        }
        if operation.get("requestBody").is_some() {
            expected.extend(["400", "413", "415", "422"]);
        }
        if path.contains('{') {
            expected.push("404");
        }
        for status in expected {
            let response = &operation["responses"][status];
            let referred = response["$ref"].as_str().map(|name| name.replacen('#', "", 1));
            let response = referred.map_or(response, |name| document.pointer(&name).unwrap());
            assert!(!response["content"]["application/problem+json"].is_null(), "{at} lacks {status}");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "operation ids are unique");
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

#[tokio::test]
async fn unknown_paths_and_methods_leave_in_the_same_clothes() {
    let world = World::new().await;
    for path in
        ["/nowhere", "/api/v1", "/api/v1/", "/api/v1/nowhere", "/api/v1/events/a/b/c", "/api/v1/events/"]
    {
        let answer = world.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (404, "unknown-path"), "{path}");
        assert_eq!(answer.json()["instance"], path);
    }
    let document = document();
    for (_, path, _) in operations(&document) {
        let path = path.replace("{id}", "x").replace("{type}", "a");
        let request = world.request(Method::OPTIONS, &path).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (405, "wrong-method"), "{path}");
        assert!(!answer.headers["allow"].is_empty(), "{path}");
    }
}

#[test]
fn there_is_no_document_of_another_name() {
    assert_eq!(posthouse_api::openapi("nobody"), None);
}
