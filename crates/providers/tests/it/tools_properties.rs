//! Whatever the payload and the arguments: no tool panics, and none leads out of the place that its provider, its
//! source and the delivery give it.

use percent_encoding::percent_decode_str;
use posthouse_providers::tool::payload::{FULL_PAYLOAD, LIMIT_BYTES_MAX, full_payload};
use posthouse_providers::tool::{Context, Tool};
use posthouse_types::{ActionId, SecretText};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{
    BoxedStrategy, Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::sample::select;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};
use url::Url;

use crate::tools::all;

/// Texts made to lead astray, besides any others.
fn hostile_text() -> BoxedStrategy<String> {
    let pieces = select(vec![
        "..",
        ".",
        "/",
        "\\",
        "%2f",
        "%2e%2e",
        "%",
        "?",
        "#",
        "&",
        "=",
        "@",
        ":",
        "//",
        "\n",
        "\r\n",
        "\0",
        "\u{85}",
        "é",
        "😀",
        " ",
        "a",
        "octo-org",
        "hello-world",
        "<!-- posthouse:",
        " -->",
        "[",
        "]",
        "\"",
    ]);
    prop_oneof![vec(pieces, 0..8).prop_map(|pieces| pieces.concat()), any::<String>()].boxed()
}

/// Any JSON.
fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile_text().prop_map(Value::from),
    ];
    let grow = |inner: BoxedStrategy<Value>| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(hostile_text(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    };
    leaf.prop_recursive(3, 16, 4, move |inner| grow(inner.boxed())).boxed()
}

/// What fits a schema of ours.
fn fitting(schema: &Value) -> BoxedStrategy<Value> {
    let count = |name: &str, otherwise: usize| {
        schema[name].as_u64().map_or(otherwise, |count| usize::try_from(count).unwrap())
    };
    match schema["type"].as_str().unwrap() {
        "object" if schema["properties"].is_object() => fitting_object(schema),
        "object" => {
            let key = matching(schema["propertyNames"]["pattern"].as_str().unwrap());
            let members = btree_map(key, hostile_text(), 1..4);
            members.prop_map(|members| json!(members)).boxed()
        }
        "array" => {
            let (min, max) = (count("minItems", 0), count("maxItems", 3).min(3));
            vec(fitting(&schema["items"]), min..=max).prop_map(Value::from).boxed()
        }
        "string" if schema["enum"].is_array() => select(schema["enum"].as_array().unwrap().clone()).boxed(),
        "string" if schema["pattern"].is_string() => {
            matching(schema["pattern"].as_str().unwrap()).prop_map(Value::from).boxed()
        }
        "string" => hostile_text().prop_map(Value::from).boxed(),
        "integer" => {
            let (min, max) = (schema["minimum"].as_u64().unwrap(), schema["maximum"].as_u64());
            prop_oneof![min..100, min..=max.unwrap_or(u64::MAX)].prop_map(Value::from).boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        other => panic!("no strategy for {other}"),
    }
}

fn matching(expression: &str) -> BoxedStrategy<String> {
    // Proptest makes whole texts, and wants no anchors.
    string_regex(expression.trim_start_matches('^').trim_end_matches('$')).unwrap().boxed()
}

fn fitting_object(schema: &Value) -> BoxedStrategy<Value> {
    let required = schema["required"].as_array().unwrap();
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> = schema["properties"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, member)| {
            let named = Just(name.clone());
            let member = (named, fitting(member));
            if required.contains(&json!(name)) {
                member.prop_map(Some).boxed()
            } else {
                option::of(member).boxed()
            }
        })
        .collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

fn tool_and_arguments() -> impl Strategy<Value = (&'static Tool, Value)> {
    let tools: Vec<&'static Tool> = all().collect();
    select(tools).prop_flat_map(|tool| (Just(tool), fitting(&(tool.parameters)())))
}

fn prepare(tool: &Tool, payload: &Value, base_url: Option<&str>, arguments: &Value) -> Option<Vec<String>> {
    let token = SecretText::new("token".to_owned());
    let context = Context { payload, base_url, token: &token, action: ActionId::from_u128(1), made: &[] };
    let calls = (tool.prepare)(&context, arguments).ok()?;
    assert!(!calls.is_empty(), "{}", tool.name);
    Some(calls.iter().map(|call| call.uri.to_string()).collect())
}

/// A payload that names a place, and what Stripe's tools are asked to act on.
fn payload(arguments: &Value) -> Value {
    let mut object = Map::new();
    for name in ["customer", "subscription", "invoice", "payment_intent", "charge"] {
        object.insert(name.to_owned(), arguments[name].clone());
    }
    json!({
        "repository": { "full_name": "octo-org/hello-world" },
        "project": { "path_with_namespace": "group/sub/hello-world" },
        "data": { "object": object },
    })
}

fn place(tool: &Tool) -> &'static str {
    match tool.name.split('_').next().unwrap() {
        "github" => "/repos/octo-org/hello-world/",
        "gitlab" => "/api/v4/projects/group%2Fsub%2Fhello-world/",
        _ => "/v1/",
    }
}

/// The path that a server sees, or sees once it has decoded it.
fn resolved(uri: &str) -> [String; 2] {
    let decoded = percent_decode_str(uri).decode_utf8_lossy().into_owned();
    [uri, &decoded].map(|uri| Url::parse(uri).unwrap().path().to_owned())
}

proptest! {
    #[test]
    fn arguments_stay_in_their_place((tool, arguments) in tool_and_arguments()) {
        let root = "https://api.example/base";
        if let Some(uris) = prepare(tool, &payload(&arguments), Some(root), &arguments) {
            for uri in uris {
                let place = format!("/base{}", place(tool));
                prop_assert!(uri.starts_with(&format!("https://api.example{place}")), "{}", uri);
                let [path, decoded] = resolved(&uri);
                prop_assert!(path.starts_with(&place), "{}", uri);
                let place = percent_decode_str(&place).decode_utf8_lossy().into_owned();
                prop_assert!(decoded.starts_with(&place), "{}", uri);
            }
        }
    }

    #[test]
    fn payloads_stay_in_their_place(
        (tool, arguments) in tool_and_arguments(),
        names in vec(hostile_text(), 2..4),
        anything in any_json(),
    ) {
        let path = names.join("/");
        let shaped = json!({
            "account": names[0],
            "repository": { "full_name": path },
            "project": { "id": anything, "path_with_namespace": path },
            "pull_request": anything,
            "object_attributes": anything,
            "merge_request": anything,
            "issue": anything,
            "data": { "object": { "object": names[0], "id": path, "customer": arguments["customer"] } },
        });
        for payload in [&shaped, &anything] {
            for uri in prepare(tool, payload, None, &arguments).into_iter().flatten() {
                let start = match tool.name.split('_').next().unwrap() {
                    "github" => "https://api.github.com/repos/",
                    "gitlab" => "https://gitlab.com/api/v4/projects/",
                    _ => "https://api.stripe.com/v1/",
                };
                prop_assert!(uri.starts_with(start), "{}", uri);
                prop_assert!(Url::parse(&uri).unwrap().as_str().starts_with(start), "{}", uri);
            }
        }
    }

    #[test]
    fn nothing_panics_whatever_comes(
        tool in select(all().collect::<Vec<_>>()),
        payload in any_json(),
        arguments in any_json(),
        base_url in option::of(hostile_text()),
    ) {
        let _uris = prepare(tool, &payload, base_url.as_deref(), &arguments);
        let _object = (tool.object)(&payload);
    }

    #[test]
    fn pieces_of_a_payload_are_bounded_and_follow_each_other(
        body in prop_oneof![vec(any::<u8>(), 0..200), any_json().prop_map(|json| json.to_string().into_bytes())],
        content_type in option::of(hostile_text()),
        arguments in fitting(&(FULL_PAYLOAD.parameters)()),
    ) {
        prop_assert!(jsonschema::is_valid(&(FULL_PAYLOAD.parameters)(), &arguments));
        if let Ok(piece) = full_payload(&body, content_type.as_deref(), &arguments) {
            let offset = arguments["offset"].as_u64().unwrap_or(0);
            let limit = arguments["limit"].as_u64().unwrap_or(LIMIT_BYTES_MAX as u64);
            let more = piece["truncated"] == true;
            prop_assert_eq!(more, piece["nextOffset"].is_u64());
            if let Some(next) = piece["nextOffset"].as_u64() {
                prop_assert!(offset < next && next <= offset + limit && next < piece["size"].as_u64().unwrap());
            }
        }
        let _any = full_payload(&body, None, &json!({ "pointer": String::from_utf8_lossy(&body) }));
    }
}
