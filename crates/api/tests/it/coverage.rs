//! The document and the routes say the same: each operation has a name and its errors, and asks for a key.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::Value;

use crate::world::World;

/// Operations that answer without a key.
const OPEN: [&str; 4] = ["healthz", "readyz", "getSchema", "followRealtime"];

/// What a dialect's document says of errors: their media type, and the statuses of calls that ask for a key, have a
/// body, have something in their path.
struct Expected {
    media: &'static str,
    body: &'static [&'static str],
}

fn expected(dialect: &str) -> Expected {
    match dialect {
        "native" | "sonzai" => {
            Expected { media: "application/problem+json", body: &["400", "413", "415", "422"] }
        }
        "whatsapp" => Expected { media: "application/json", body: &["413", "415"] },
        _ => Expected { media: "application/json", body: &["400", "413", "415"] },
    }
}

fn document(dialect: &str) -> Value {
    serde_json::from_str(&posthouse_api::openapi(dialect).unwrap()).unwrap()
}

/// Method, path as a caller would write it, path as the document has it, and operation, of every operation.
fn operations(document: &Value) -> Vec<(String, String, String, &Value)> {
    let mount = document["servers"][0]["url"].as_str().unwrap_or_default();
    let paths = document["paths"].as_object().unwrap();
    let operations =
        paths.iter().flat_map(|(path, item)| {
            let real = path
                .replace("{id}", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV")
                .replace("{projectId}", "0b6dd7c2-6c2a-4c86-9bb0-6f0a4f6c1c7d")
                .replace(['{', '}'], "");
            let real = format!("{mount}{real}");
            item.as_object().unwrap().iter().filter(|(method, _)| method.as_str() != "parameters").map(
                move |(method, operation)| (method.to_uppercase(), real.clone(), path.clone(), operation),
            )
        });
    operations.collect()
}

#[tokio::test]
async fn every_operation_asks_for_a_key() {
    let world = World::new().await;
    for dialect in posthouse_api::dialects() {
        let document = document(dialect);
        for (method, path, _, operation) in operations(&document) {
            let request = Request::builder().method(method.as_str()).uri(&path).body(Body::empty()).unwrap();
            let answer = world.send(request).await;
            let open = OPEN.contains(&operation["operationId"].as_str().unwrap());
            let refused = answer.status == StatusCode::UNAUTHORIZED;
            assert_eq!(refused, !open, "{method} {path} answers {}", answer.status);
            assert_eq!(operation.get("security").is_some(), open, "{method} {path}");
            assert!(open || answer.headers["www-authenticate"] == "Bearer");
        }
    }
}

#[test]
fn every_operation_is_described() {
    for dialect in posthouse_api::dialects() {
        let document = document(dialect);
        let mut names = Vec::new();
        for (method, _, path, operation) in operations(&document) {
            let at = format!("{dialect}: {method} {path}");
            for member in ["operationId", "summary"] {
                assert!(
                    operation[member].as_str().is_some_and(|text| !text.is_empty()),
                    "{at} has no {member}"
                );
            }
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{at}");
            names.push(operation["operationId"].as_str().unwrap());
            let mut statuses = vec!["408", "500", "503"];
            if operation.get("security").is_none() {
                statuses.extend(["401", "403", "429"]);
            }
            if operation.get("requestBody").is_some() {
                statuses.extend(expected(dialect).body);
            }
            if path.contains('{') {
                statuses.push("404");
            }
            for status in statuses {
                let response = &operation["responses"][status];
                let referred = response["$ref"].as_str().map(|name| name.replacen('#', "", 1));
                let response = referred.map_or(response, |name| document.pointer(&name).unwrap());
                assert!(!response["content"][expected(dialect).media].is_null(), "{at} lacks {status}");
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "operation ids are unique");
    }
}

/// Each operation is called by a test of its dialect: one with its method, and a path that fits it.
#[test]
fn every_operation_of_a_dialect_stands_in_its_golden_examples() {
    for (dialect, golden) in [
        ("molroo", include_str!("snapshots/it__molroo__molroo.snap").to_owned()),
        (
            "sonzai",
            [
                include_str!("snapshots/it__sonzai__sonzai_calls_project.snap"),
                include_str!("snapshots/it__sonzai__sonzai_calls_tenant.snap"),
            ]
            .concat(),
        ),
        ("casey", include_str!("snapshots/it__casey__casey_calls.snap").to_owned()),
        (
            "whatsapp",
            include_str!("snapshots/it__whatsapp__every_call_and_delivery_as_it_goes_over_the_wire.snap")
                .to_owned(),
        ),
    ] {
        let document = document(dialect);
        let mount = document["servers"][0]["url"].as_str().unwrap();
        for (method, _, path, operation) in operations(&document) {
            // Tickets are random, and what they open is no call with an answer: the tests of the socket have them.
            if path.contains("/realtime") || OPEN.contains(&operation["operationId"].as_str().unwrap()) {
                continue;
            }
            let shown = is_shown(&golden, &method, mount, &path);
            assert!(shown, "{dialect}: {method} {path} has no golden example");
        }
    }
}

/// Calls of the native API about what is received; those about what is sent have theirs beside their tests.
#[test]
fn every_operation_of_the_inbound_half_stands_in_its_golden_example() {
    let golden = include_str!("snapshots/it__native_inbound__native_inbound.snap");
    let document = document("native");
    let mut count = 0;
    for (method, _, path, operation) in operations(&document) {
        let tag = operation["tags"][0].as_str().unwrap();
        // The texts of profiles are long, and no concern of the calls.
        if !["Sources", "Inbound deliveries", "Agents"].contains(&tag) || path == "/api/v1/profiles" {
            continue;
        }
        count += 1;
        assert!(is_shown(golden, &method, "", &path), "{method} {path} has no golden example");
    }
    assert_eq!(count, 18);
}

/// True when a call of this method, to a path that fits, stands in the golden examples.
fn is_shown(golden: &str, method: &str, mount: &str, path: &str) -> bool {
    golden.lines().filter_map(|line| line.strip_prefix("> ")).any(|line| {
        line.split_once(' ').is_some_and(|(called, rest)| {
            let real = rest.split(['?', ' ']).next().unwrap_or_default();
            called == method && real.strip_prefix(mount).is_some_and(|real| fits(path, real))
        })
    })
}

/// True when a path of the document stands for this path.
fn fits(path: &str, real: &str) -> bool {
    let (path, real): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), real.split('/').collect());
    path.len() == real.len()
        && path.iter().zip(&real).all(|(one, other)| one.starts_with('{') || one == other)
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
    for dialect in posthouse_api::dialects() {
        let document = document(dialect);
        let mut found = Vec::new();
        walk(&document, &mut found);
        for reference in found {
            assert!(document.pointer(&reference.replacen('#', "", 1)).is_some(), "{dialect}: {reference}");
        }
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
    for (_, path, _, _) in operations(&document("native")) {
        let request = world.request(Method::OPTIONS, &path).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (405, "wrong-method"), "{path}");
        assert!(!answer.headers["allow"].is_empty(), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_leave_in_their_dialects_clothes() {
    let world = World::new().await;
    for dialect in posthouse_api::dialects().filter(|dialect| *dialect != "native") {
        let document = document(dialect);
        let mount = document["servers"][0]["url"].as_str().unwrap();
        for path in [mount.to_owned(), format!("{mount}/"), format!("{mount}/no/such/call")] {
            let answer = world.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(answer.headers["content-type"], expected(dialect).media, "{path}");
        }
        for (_, path, _, _) in operations(&document) {
            let request = world.request(Method::OPTIONS, &path).body(Body::empty()).unwrap();
            let answer = world.send(request).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(answer.headers["content-type"], expected(dialect).media, "{path}");
            assert!(!answer.headers["allow"].is_empty(), "{path}");
        }
    }
}

#[test]
fn there_is_no_document_of_another_name() {
    assert_eq!(posthouse_api::openapi("nobody"), None);
}
