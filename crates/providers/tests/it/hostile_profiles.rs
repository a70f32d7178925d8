//! Whatever arrives: nothing panics, every text stays within its bounds, and the same request is read the same twice.
//! `PROPTEST_CASES` sets how much is tried.

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::{Incoming, find};
use posthouse_types::limits::INBOUND_TEXT_CHARS_MAX;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::{Index, select};
use serde_json::{Map, Value};

use crate::vectors::{self, Vector};

const PROFILES: [&str; 4] = ["generic", "github", "gitlab", "stripe"];

/// Headers that the profiles look at.
const HEADERS: [&str; 10] = [
    "x-event-type",
    "x-webhook-event",
    "x-delivery-id",
    "x-request-id",
    "x-github-event",
    "x-github-delivery",
    "x-gitlab-event",
    "idempotency-key",
    "content-type",
    "x-own",
];

/// Names and values that lead deep into the code.
const WORDS: [&str; 44] = [
    "action",
    "repository",
    "full_name",
    "sender",
    "login",
    "number",
    "pull_request",
    "issue",
    "comment",
    "review",
    "body",
    "id",
    "title",
    "user",
    "commits",
    "message",
    "labels",
    "name",
    "release",
    "workflow_run",
    "check_suite",
    "project",
    "path_with_namespace",
    "object_attributes",
    "iid",
    "merge_request",
    "note",
    "builds",
    "status",
    "type",
    "data",
    "object",
    "subscription",
    "charge",
    "amount",
    "currency",
    "metadata",
    "items",
    "price",
    "created",
    "opened",
    "submitted",
    "open",
    "<!-- posthouse:act_01JQ3N5T7V9X1Z3B5D7F9H1K3M -->",
];

const TYPES: [&str; 20] = [
    "pull_request",
    "issues",
    "issue_comment",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "release",
    "workflow_run",
    "check_suite",
    "ping",
    "check_run",
    "Merge Request Hook",
    "Issue Hook",
    "Note Hook",
    "Pipeline Hook",
    "Job Hook",
    "Tag Push Hook",
    "customer.subscription.created",
    "invoice.paid",
    "application/x-www-form-urlencoded",
];

/// Reads and summarises with all four, whichever the request was meant for.
fn check(headers: &HeaderMap, body: &[u8], event_type: Option<&str>) {
    let incoming = Incoming { headers, body, event_header: Some("x-own") };
    for name in PROFILES {
        let profile = find(name).unwrap();
        let reading = (profile.read)(&incoming);
        assert_eq!(reading, (profile.read)(&incoming), "{name}");
        let key = reading.delivery_key.as_ref().map(|key| key.as_str().to_owned());
        for text in [&reading.event_type, &key, &reading.entity_key, &reading.object].into_iter().flatten() {
            assert!(!text.is_empty() && text.chars().count() <= INBOUND_TEXT_CHARS_MAX, "{name}: {text:?}");
            assert!(!text.contains(char::is_control), "{name}: {text:?}");
        }
        if let Some(entity_key) = &reading.entity_key {
            assert_eq!(entity_key.split(':').next(), Some(name), "{entity_key}");
            assert!(!entity_key.contains(char::is_whitespace), "{entity_key:?}");
            let parts = entity_key.split(':').count();
            assert!(parts == if name == "stripe" { parts.clamp(2, 3) } else { 4 }, "{entity_key}");
        }
        let read_type = reading.event_type.as_deref();
        for event_type in [event_type, read_type] {
            let summary = (profile.summarise)(&incoming, event_type);
            assert_eq!(summary, (profile.summarise)(&incoming, event_type), "{name}");
            assert!(summary.text.len() <= 16 * 1024, "{name}: {}", summary.text.len());
            assert!(summary.headline.chars().count() <= INBOUND_TEXT_CHARS_MAX, "{name}");
            assert!(!summary.headline.contains(char::is_control), "{name}: {:?}", summary.headline);
            assert!(
                !summary.text.contains(|c: char| c.is_control() && c != '\n'),
                "{name}: {:?}",
                summary.text
            );
        }
    }
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(&WORDS[..]).prop_map(str::to_owned),
        2 => select(&TYPES[..]).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => (any::<char>(), 0..3000_usize).prop_map(|(c, count)| c.to_string().repeat(count)),
    ]
}

fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..8).prop_map(Value::from),
            3 => btree_map(words(), inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let value = prop_oneof![
        4 => select(&TYPES[..]).prop_map(HeaderValue::from_static),
        1 => vec(prop_oneof![b' '..=b'~', 0x80..=0xff_u8, Just(b'\t')], 0..700)
            .prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap()),
    ];
    vec((select(&HEADERS[..]).prop_map(HeaderName::from_static), value), 0..4)
        .prop_map(|headers| headers.into_iter().collect())
}

fn real() -> impl Strategy<Value = Vector> {
    let all: Vec<Vector> = PROFILES.into_iter().flat_map(vectors::of).collect();
    select(all)
}

/// Puts something else in the place of a member, however deep.
fn replace(tree: &mut Value, path: &[Index], with: Value) {
    let place = match (tree, path) {
        (Value::Object(members), [next, rest @ ..]) if !members.is_empty() => {
            let index = next.index(members.len());
            members.values_mut().nth(index).map(|member| (member, rest))
        }
        (Value::Array(elements), [next, rest @ ..]) if !elements.is_empty() => {
            let index = next.index(elements.len());
            Some((&mut elements[index], rest))
        }
        (leaf, _) => {
            *leaf = with;
            return;
        }
    };
    if let Some((member, rest)) = place {
        replace(member, rest, with);
    }
}

fn inserted(tree: &mut Value, name: String, with: Value) {
    if let Value::Object(members) = tree {
        members.insert(name, with);
    } else {
        *tree = Value::Object(Map::from_iter([(name, with)]));
    }
}

proptest! {
    #[test]
    fn any_bytes(headers in headers(), body in vec(any::<u8>(), 0..2000), event_type in proptest::option::of(words())) {
        check(&headers, &body, event_type.as_deref());
    }

    #[test]
    fn any_tree(headers in headers(), tree in trees(), event_type in proptest::option::of(words())) {
        check(&headers, tree.to_string().as_bytes(), event_type.as_deref());
    }

    #[test]
    fn any_form(headers in headers(), tree in trees(), field in words()) {
        let mut headers = headers;
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(&field, "x")
            .append_pair("payload", &tree.to_string())
            .finish();
        check(&headers, form.as_bytes(), None);
    }

    #[test]
    fn real_requests_with_bytes_changed(
        vector in real(),
        edits in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..12),
        event_type in proptest::option::of(words()),
    ) {
        let mut body = vector.body.clone();
        for (place, byte, kind) in edits {
            if body.is_empty() {
                break;
            }
            let place = place.index(body.len());
            match kind {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                _ => drop(body.remove(place)),
            }
        }
        check(&vector.headers, &body, event_type.as_deref());
    }

    #[test]
    fn real_requests_with_members_replaced(
        vector in real(),
        edits in vec((vec(any::<Index>(), 1..5), trees()), 1..4),
        added in proptest::option::of((words(), trees())),
        event_type in proptest::option::of(words()),
    ) {
        let mut tree = serde_json::from_slice(&vector.body).unwrap_or(Value::Null);
        for (path, with) in edits {
            replace(&mut tree, &path, with);
        }
        if let Some((name, with)) = added {
            inserted(&mut tree, name, with);
        }
        check(&vector.headers, tree.to_string().as_bytes(), event_type.as_deref());
    }

    #[test]
    fn real_requests_cut_short(vector in real(), end in any::<Index>()) {
        let end = end.index(vector.body.len() + 1);
        check(&vector.headers, &vector.body[..end], None);
    }
}
