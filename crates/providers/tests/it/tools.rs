//! What tools ask of providers: the files in `tests/vectors/tools`, one per tool, written from the providers'
//! documentation; and what tools refuse.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use posthouse_providers::tool::{Call, Context, Tool, Unable, find, find_mark, github, gitlab, stripe};
use posthouse_types::{ActionId, SecretText};
use serde_json::{Value, json};

const ACTION: ActionId = ActionId::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0042);

pub(crate) fn all() -> impl Iterator<Item = &'static Tool> {
    github::TOOLS.iter().chain(&gitlab::TOOLS).chain(&stripe::TOOLS)
}

fn tool(name: &str) -> &'static Tool {
    all().find(|tool| tool.name == name).unwrap()
}

fn prepare(tool: &Tool, payload: &Value, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let token = SecretText::new("token-of-the-source".to_owned());
    let context = Context { payload, base_url: None, token: &token, action: ACTION, made: &[] };
    (tool.prepare)(&context, arguments)
}

fn shown(call: &Call) -> Value {
    let headers: BTreeMap<&str, &str> =
        call.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let is_json = headers.get("content-type") == Some(&"application/json");
    let body = if is_json {
        serde_json::from_slice(&call.body).unwrap()
    } else {
        json!(str::from_utf8(&call.body).unwrap())
    };
    let (method, url) = (call.method.as_str(), call.uri.to_string());
    json!({ "method": method, "url": url, "headers": headers, "body": body })
}

/// Fills in what is not the same in every version and run.
fn filled(expected: &Value) -> Value {
    let text = expected.to_string().replace("{version}", env!("CARGO_PKG_VERSION"));
    let mut filled: Value = serde_json::from_str(&text.replace("{action}", &ACTION.to_string())).unwrap();
    if filled.get("body").is_none() {
        filled["body"] = "".into();
    }
    filled
}

fn check(tool: &Tool, vector: &Value) {
    let name = format!("{}: {}", tool.name, vector["case"]);
    let arguments = &vector["arguments"];
    assert!(jsonschema::is_valid(&(tool.parameters)(), arguments), "{name}");

    let token = SecretText::new("token-of-the-source".to_owned());
    let made: Vec<String> = serde_json::from_value(vector["made"].clone()).unwrap_or_default();
    let base_url = vector["base_url"].as_str();
    let context =
        Context { payload: &vector["payload"], base_url, token: &token, action: ACTION, made: &made };
    let calls = (tool.prepare)(&context, arguments).unwrap_or_else(|unable| panic!("{name}: {unable}"));
    let expected: Vec<Value> = vector["requests"].as_array().unwrap().iter().map(filled).collect();
    assert_eq!(calls.iter().map(shown).collect::<Vec<_>>(), expected, "{name}");

    assert!(!format!("{calls:?}").contains("token-of-the-source"), "{name}: the token is printed");
    let object = (tool.object)(&vector["answer"]);
    assert_eq!(object.as_deref(), vector["object"].as_str(), "{name}");
}

#[test]
fn vectors_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/tools");
    for tool in all() {
        let file = fs::read_to_string(folder.join(format!("{}.json", tool.name)));
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", tool.name));
        let vectors: Vec<Value> = serde_json::from_str(&file).unwrap();
        assert!(!vectors.is_empty(), "{}", tool.name);
        for vector in &vectors {
            check(tool, vector);
        }
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), all().count(), "a file without a tool");
}

#[test]
fn tools_are_named_after_their_provider_once() {
    let names: Vec<&str> = all().map(|tool| tool.name).collect();
    for name in &names {
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
    }
    for (provider, tools) in
        [("github_", &github::TOOLS[..]), ("gitlab_", &gitlab::TOOLS), ("stripe_", &stripe::TOOLS)]
    {
        for tool in tools {
            assert!(tool.name.starts_with(provider), "{}", tool.name);
            assert!(std::ptr::eq(find(tools, tool.name).unwrap(), tool));
        }
    }
    assert!(find(&github::TOOLS, "github_delete_repository").is_none());
}

#[test]
fn what_only_looks_writes_nothing() {
    for tool in all() {
        let looks = ["_get_", "_list_", "_retrieve_"].iter().any(|verb| tool.name.contains(verb));
        assert_eq!(tool.writes, !looks, "{}", tool.name);
    }
}

/// Strict: each object in a schema names all its members, or bounds those that it does not name.
#[test]
fn schemas_are_strict_and_described() {
    fn check(schema: &Value, name: &str) {
        assert!(schema["description"].is_string() || schema["properties"].is_object(), "{name}: {schema}");
        if schema["type"] == "object" {
            let bounded = schema["additionalProperties"] == false || schema["maxProperties"].is_u64();
            assert!(bounded, "{name}: {schema}");
        }
        if schema["type"] == "string" {
            let bounded = ["maxLength", "enum", "pattern"].iter().any(|key| !schema[key].is_null());
            assert!(bounded, "{name}: {schema}");
        }
        if schema["type"] == "array" {
            assert!(schema["maxItems"].is_u64(), "{name}: {schema}");
            check(&schema["items"], name);
        }
        for member in schema["properties"].as_object().into_iter().flat_map(|members| members.values()) {
            check(member, name);
        }
    }
    for tool in all() {
        let schema = (tool.parameters)();
        assert!(jsonschema::meta::is_valid(&schema), "{}", tool.name);
        assert_eq!(schema["type"], "object", "{}", tool.name);
        check(&schema, tool.name);
    }
}

#[test]
fn arguments_that_lead_astray_are_refused() {
    let repository = json!({ "repository": { "full_name": "octo-org/hello-world" } });
    let project = json!({ "project": { "id": 15 } });
    for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/..", "a\nb", "a\0b", ""] {
        for (name, payload) in [("github_get_file", &repository), ("gitlab_get_file", &project)] {
            let result = prepare(tool(name), payload, &json!({ "path": path, "ref": "main" }));
            assert!(result.is_err(), "{name} {path:?}");
        }
    }
    for label in ["", ".", "..", "../comments/1", "a\\..\\b", "a\r\nb"] {
        let arguments = json!({ "number": 7, "labels": ["bug", label] });
        assert!(prepare(tool("github_remove_labels"), &repository, &arguments).is_err(), "{label:?}");
    }
}

#[test]
fn arguments_keep_their_place() {
    let repository = json!({ "repository": { "full_name": "octo-org/hello-world" } });
    for (label, encoded) in [
        ("a/b", "a%2Fb"),
        ("a?state=closed", "a%3Fstate%3Dclosed"),
        ("a#b", "a%23b"),
        ("a%2f..%2fb", "a%252f..%252fb"),
        ("a;b=c&d", "a%3Bb%3Dc%26d"),
    ] {
        let arguments = json!({ "number": 7, "labels": [label] });
        let calls = prepare(tool("github_remove_labels"), &repository, &arguments).unwrap();
        let wanted = format!("https://api.github.com/repos/octo-org/hello-world/issues/7/labels/{encoded}");
        assert_eq!(calls[0].uri, wanted.as_str());
    }
    let arguments = json!({ "path": "a?b#c%2f/d", "ref": "x&y=z#?%" });
    let calls = prepare(tool("github_get_file"), &repository, &arguments).unwrap();
    let wanted = "https://api.github.com/repos/octo-org/hello-world/contents/a%3Fb%23c%252f/d\
                  ?ref=x%26y%3Dz%23%3F%25";
    assert_eq!(calls[0].uri, wanted);
}

#[test]
fn payloads_that_name_nothing_to_act_in_are_refused() {
    let comment = json!({ "number": 7, "body": "x" });
    for full_name in
        ["", "octo-org", "/x", "x/", "a/b/c", "../x", "x/..", "a b/c", "a/b?c", "a/b#", "a%2fb/c", "ä/b"]
    {
        let payload = json!({ "repository": { "full_name": full_name } });
        let unable = prepare(tool("github_post_comment"), &payload, &comment).unwrap_err();
        assert_eq!(unable.0, "the delivery's payload names no repository to act in", "{full_name}");
    }
    let comment = json!({ "target": "mr", "iid": 7, "body": "x" });
    for path in ["", "x", "/x", "x/", "a//b", "../x", "a/..", "a/b?c", "a/%2e%2e", "a/b c"] {
        let payload = json!({ "project": { "path_with_namespace": path, "id": "15" } });
        let unable = prepare(tool("gitlab_post_comment"), &payload, &comment).unwrap_err();
        assert_eq!(unable.0, "the delivery's payload names no project to act in", "{path}");
    }
}

#[test]
fn money_of_others_is_not_touched() {
    let payload = json!({ "data": { "object": {
        "id": "pi_1", "object": "payment_intent", "customer": "cus_1", "latest_charge": "ch_1"
    } } });
    let items = json!([{ "amount": 1, "currency": "usd", "description": "x" }]);
    for (name, arguments) in [
        ("stripe_retrieve_customer", json!({ "customer": "cus_2" })),
        ("stripe_update_customer", json!({ "customer": "cus_2", "metadata": { "a": "b" } })),
        ("stripe_retrieve_subscription", json!({ "subscription": "sub_2" })),
        ("stripe_create_invoice", json!({ "customer": "cus_2", "items": items })),
        ("stripe_send_invoice", json!({ "invoice": "in_2" })),
        ("stripe_issue_refund", json!({ "payment_intent": "pi_2" })),
        ("stripe_issue_refund", json!({ "charge": "ch_2" })),
        // The object is a payment, not a charge that happens to have its id.
        ("stripe_issue_refund", json!({ "charge": "pi_1" })),
    ] {
        assert!(jsonschema::is_valid(&(tool(name).parameters)(), &arguments), "{name}");
        let unable = prepare(tool(name), &payload, &arguments).unwrap_err();
        assert!(unable.0.contains("may be acted on"), "{name}: {unable}");
    }
    let unable = prepare(tool("stripe_retrieve_customer"), &payload, &json!({ "customer": "cus_2" }));
    assert_eq!(unable.unwrap_err().0, "the delivery is about customer cus_1, and only that may be acted on");
}

#[test]
fn what_a_schema_can_not_say_is_said() {
    let pull = json!({
        "repository": { "full_name": "octo-org/hello-world" },
        "pull_request": { "number": 42 },
        "issue": { "number": 43, "pull_request": {} },
    });
    let project = json!({ "project": { "id": 15 } });
    let customer = json!({ "data": { "object": { "id": "cus_1", "object": "customer" } } });
    let sha = "5c1f0d7e9a4b3f2681de0c75a9b84d3f6e217a90";
    let position = json!({ "base_sha": sha, "start_sha": sha, "head_sha": sha, "new_path": "a" });
    let run = json!({ "name": "x", "head_sha": sha, "status": "completed", "title": "x", "summary": "x" });
    let items = json!([
        { "amount": 1, "currency": "usd", "description": "x" },
        { "amount": 1, "currency": "eur", "description": "x" },
    ]);
    for (name, payload, arguments, why) in [
        ("github_request_reviewers", &pull, json!({ "number": 42 }), "at least one"),
        ("github_close_issue", &pull, json!({ "number": 42 }), "42 is a pull request"),
        ("github_close_issue", &pull, json!({ "number": 43 }), "43 is a pull request"),
        ("github_create_check_run", &pull, run, "conclusion"),
        (
            "gitlab_create_review",
            &project,
            json!({ "iid": 1, "body": "x", "position": position }),
            "new_line",
        ),
        ("stripe_create_invoice", &customer, json!({ "customer": "cus_1", "items": items }), "same currency"),
        ("stripe_issue_refund", &customer, json!({}), "payment_intent or charge"),
        ("stripe_issue_refund", &customer, json!({ "payment_intent": "a", "charge": "b" }), "one of them"),
    ] {
        assert!(jsonschema::is_valid(&(tool(name).parameters)(), &arguments), "{name}");
        let unable = prepare(tool(name), payload, &arguments).unwrap_err();
        assert!(unable.0.contains(why), "{name}: {unable}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let payload = json!({ "repository": { "full_name": "octo-org/hello-world" } });
    for (arguments, why) in [
        (json!({ "number": 7 }), "missing field `body`"),
        (json!({ "number": 7, "body": "x", "repo": "a/b" }), "unknown field `repo`"),
        (json!({ "number": "7", "body": "x" }), "invalid type: string \"7\""),
        (json!([]), "invalid length"),
        (json!(null), "invalid type: null"),
    ] {
        assert!(
            !jsonschema::is_valid(&(tool("github_post_comment").parameters)(), &arguments),
            "{arguments}"
        );
        let unable = prepare(tool("github_post_comment"), &payload, &arguments).unwrap_err();
        assert!(unable.0.contains(why), "{unable}");
    }
}

/// What agents write, as the event that tells of it shows it.
#[test]
fn what_is_written_is_known_again() {
    let payload = json!({ "repository": { "full_name": "octo-org/hello-world" } });
    let arguments = json!({ "number": 7, "body": "As you said: <!-- posthouse:act_x -->" });
    let calls = prepare(tool("github_post_comment"), &payload, &arguments).unwrap();
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(find_mark(body["body"].as_str().unwrap()), Some(ACTION));
}

#[test]
fn an_unusable_token_is_not_repeated() {
    let payload = json!({ "project": { "id": 15 } });
    let token = SecretText::new("line\nbreak".to_owned());
    let context = Context { payload: &payload, base_url: None, token: &token, action: ACTION, made: &[] };
    let unable = (tool("gitlab_get_diff").prepare)(&context, &json!({ "iid": 1 })).unwrap_err();
    assert_eq!(unable.0, "the provider token in this source's settings is not usable");
}
