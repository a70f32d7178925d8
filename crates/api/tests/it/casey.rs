//! The casey dialect: tellcasey's webhook endpoints, as its published clients see them.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use posthouse_api::ApiOptions;
use posthouse_engine::{Clock as _, KeyLimit, Options, SystemClock};
use posthouse_testkit::answer;
use posthouse_types::{Capability, Environment, Outcome, Timestamp};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::wire_log::WireLog;
use crate::world::{Answer, World, request};

const WEBHOOKS: &str = "/casey/v1/backend/webhooks";

/// Signs what the examples show.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

impl World {
    async fn webhook(&self, body: &str) -> Value {
        let made = self.post(WEBHOOKS, body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["data"].clone()
    }

    /// Makes an endpoint and gives it the secret of the examples.
    async fn signing(&self, body: &str) -> String {
        let id = self.webhook(body).await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/endpoints/{id}/rotate-secret");
        let rotated = self.post(&path, &format!(r#"{{"secret": "{SECRET}", "overlap_seconds": 0}}"#)).await;
        assert_eq!(rotated.status, 200, "{}", rotated.text());
        id
    }

    async fn publish(&self, event_type: &str, payload: &str) {
        let body = format!(r#"{{"type": "{event_type}", "payload": {payload}}}"#);
        let accepted = self.post("/api/v1/events", &body).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text());
    }
}

impl Answer {
    /// The code of an error and its message, after checking that there is nothing else.
    fn refusal(&self) -> (String, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json", "{}", self.text());
        let body = self.json();
        let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
        assert_eq!(body, json!({"error": {"code": text("code"), "message": text("message")}}));
        (text("code"), text("message"))
    }

    fn ids(&self) -> Vec<String> {
        let body = self.json();
        let found = body["data"].as_array().unwrap().iter();
        found.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn every_call_as_it_goes_over_the_wire() {
    let world = World::new().await;
    let mut log = WireLog::default();
    log.call(&world, "GET", WEBHOOKS, "").await;
    let first = log.call(&world, "POST", WEBHOOKS, r#"{ "url": "http://example.com" }"#).await.json();
    let full = r#"{"url":"https://example.com/b?c=d","description":"Zoë's","event_types":["conversation.started","conversation.abandoned"]}"#;
    let second = log.call(&world, "POST", WEBHOOKS, full).await.json();
    let one = format!("{WEBHOOKS}/{}", second["data"]["id"].as_str().unwrap());
    log.call(&world, "GET", WEBHOOKS, "").await;
    log.call(&world, "GET", &one, "").await;
    log.call(&world, "GET", &format!("{one}/secret"), "").await;
    log.call(&world, "POST", &format!("{WEBHOOKS}/test"), "").await;
    log.call(&world, "DELETE", &one, "").await;
    log.call(&world, "GET", &one, "").await;
    log.call(
        &world,
        "POST",
        WEBHOOKS,
        r#"{"url":"https://example.com/","event_types":["conversation.paused"]}"#,
    )
    .await;
    log.call(&world, "GET", &format!("{WEBHOOKS}/test"), "").await;
    let [first, second] = [&first, &second].map(|made| made["data"]["secret"].as_str().unwrap());
    for secret in [first, second] {
        assert_eq!(secret.len(), "whsec_".len() + 44, "32 bytes in base64: {secret}");
        assert!(secret.starts_with("whsec_") && Webhook::new(secret).is_ok(), "{secret}");
    }
    let log = log.without(first, "whsec_[first]").without(second, "whsec_[second]");
    insta::assert_snapshot!("casey_calls", log.text());
}

#[tokio::test]
async fn every_delivery_as_it_goes_over_the_wire() {
    let mut world = World::new().await;
    world.signing(r#"{"url": "https://example.com/hook"}"#).await;
    let mut log = WireLog::default();
    world.publish("conversation.completed", r#"{"conversation_id": "c1", "turn_count": 7}"#).await;
    world.deliver.drain().await.unwrap();
    log.deliveries(&world);
    log.call(&world, "POST", &format!("{WEBHOOKS}/test"), "{}").await;
    world.deliver.drain().await.unwrap();
    log.deliveries(&world);
    insta::assert_snapshot!("casey_deliveries", log.text());
}

/// The headers of one family, under the names of Standard Webhooks.
fn family(headers: &HeaderMap, prefix: &str) -> HeaderMap {
    let mut found = HeaderMap::new();
    for (name, value) in headers {
        if let Some(rest) = name.as_str().strip_prefix(prefix) {
            found.insert(header::HeaderName::try_from(format!("webhook-{rest}")).unwrap(), value.clone());
        }
    }
    assert_eq!(found.len(), 3, "{headers:?}");
    found
}

#[tokio::test]
async fn the_published_library_verifies_both_families_of_headers() {
    let mut world = World::new().await;
    let made = world.webhook(r#"{"url": "https://example.com/hook"}"#).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    // The library compares with the clock of this machine.
    for (offset_ms, in_time) in [(0, true), (-600_000, false), (600_000, false)] {
        world.clock.set(Timestamp::from_millis(SystemClock.now().as_millis() + offset_ms));
        world.publish("conversation.completed", r#"{"text": "Zoë"}"#).await;
        world.deliver.drain().await.unwrap();
        let [sent] = <[_; 1]>::try_from(world.sender.take_sent()).unwrap();
        let changed = Bytes::from(String::from_utf8(sent.body.to_vec()).unwrap().replacen('Z', "z", 1));
        for prefix in ["webhook-", "svix-"] {
            let headers = family(&sent.headers, prefix);
            let verifies = |secret: &str, body: &Bytes| Webhook::new(secret).unwrap().verify(body, &headers);
            assert_eq!(verifies(&secret, &sent.body).is_ok(), in_time, "{prefix} {offset_ms}");
            assert!(verifies(&secret, &changed).is_err());
            assert!(verifies(SECRET, &sent.body).is_err());
        }
    }
}

#[tokio::test]
async fn tests_reach_every_enabled_endpoint_of_this_format_under_one_message_id() {
    let mut world = World::new().await;
    let test = format!("{WEBHOOKS}/test");
    let alone = world.post(&test, "").await.json();
    assert_eq!(alone["data"]["success"], true, "also with no endpoints");
    world.webhook(r#"{"url": "https://a.example/", "event_types": ["conversation.started"]}"#).await;
    world.webhook(r#"{"url": "https://b.example/", "event_types": ["conversation.abandoned"]}"#).await;
    let off = world.webhook(r#"{"url": "https://off.example/"}"#).await;
    let native = format!("/api/v1/endpoints/{}", off["id"].as_str().unwrap());
    assert_eq!(world.call("PATCH", &native, r#"{"enabled": false}"#).await.status, 200);
    world.make("/api/v1/endpoints", r#"{"url": "https://standard.example/"}"#).await;
    let answer = world.post(&test, "{}").await;
    assert_eq!(answer.status, 200);
    let message_id = answer.json()["data"]["message_id"].as_str().unwrap().to_owned();
    assert_ne!(message_id, alone["data"]["message_id"].as_str().unwrap());
    world.deliver.drain().await.unwrap();
    let sent = world.sender.take_sent();
    let mut hosts: Vec<&str> = sent.iter().map(|one| one.uri.host().unwrap()).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["a.example", "b.example"]);
    for one in &sent {
        assert_eq!(one.headers["webhook-id"], message_id.as_str());
        assert_eq!(one.headers["svix-id"], message_id.as_str());
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        assert_eq!(body["event_type"], "test.event");
        assert!(body["event_id"].as_str().unwrap().starts_with("evt_"));
    }
}

#[tokio::test]
async fn event_types_have_a_default_and_count_once() {
    let world = World::new().await;
    for (given, kept) in [
        ("null", json!(["conversation.completed"])),
        (r#"["conversation.started", "conversation.started"]"#, json!(["conversation.started"])),
        (
            r#"["conversation.abandoned", "conversation.completed"]"#,
            json!(["conversation.abandoned", "conversation.completed"]),
        ),
    ] {
        let body =
            format!(r#"{{"url": "https://example.com", "description": null, "event_types": {given}}}"#);
        let made = world.webhook(&body).await;
        assert_eq!((&made["event_types"], &made["description"]), (&kept, &json!("")), "{given}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    let long = format!(r#"{{"url": "https://e.com/", "description": "{}"}}"#, "d".repeat(1025));
    let large = format!(r#"{{"url": "https://e.com/{}"}}"#, "x".repeat(2048));
    for (body, named) in [
        ("", "body is not JSON"),
        ("{", "body is not JSON"),
        ("[]", "the body: "),
        ("null", "the body: "),
        ("{}", "url: is required"),
        (r#"{"url": null}"#, "url: "),
        (r#"{"url": 5}"#, "url: "),
        (r#"{"url": ""}"#, "url: must be an absolute URL"),
        (r#"{"url": "example.com"}"#, "url: must be an absolute URL"),
        (r#"{"url": "ftp://example.com"}"#, "url: must begin with https:// or http://"),
        (r#"{"url": "https://u:p@example.com"}"#, "url: must not hold a user name"),
        (&large, "url: must be at most 2048 characters"),
        (&long, "description: must be at most 1024 characters"),
        (r#"{"url": "https://e.com/", "description": 1}"#, "description: "),
        (r#"{"url": "https://e.com/", "event_types": []}"#, "event_types: must have 1 to 100 entries"),
        (r#"{"url": "https://e.com/", "event_types": "conversation.started"}"#, "event_types: "),
        (r#"{"url": "https://e.com/", "event_types": [null]}"#, "event_types[0]: "),
        (r#"{"url": "https://e.com/", "event_types": ["test.event"]}"#, "event_types[0]: must be "),
        (
            r#"{"url": "https://e.com/", "event_types": ["conversation.started", "x"]}"#,
            "event_types[1]: must be ",
        ),
        (r#"{"url": "https://e.com/", "event_types": ["*"]}"#, "not `*`"),
        (r#"{"url": "https://e.com/", "events": ["*"]}"#, "events: unknown member"),
        (r#"{"url": "https://e.com/", "url": "https://e.com/"}"#, "url: is given twice"),
    ] {
        let mut request = world.request(Method::POST, WEBHOOKS);
        request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = world.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        let (code, message) = answer.refusal();
        assert_eq!((answer.status.as_u16(), code.as_str()), (400, "validation_error"), "{body}: {message}");
        assert!(message.contains(named), "{body}: {message}");
    }
    let both = world.post(WEBHOOKS, r#"{"url": "x", "event_types": []}"#).await.refusal().1;
    assert!(both.contains("url: ") && both.contains("; event_types: "), "{both}");
    let odd = world.post(&format!("{WEBHOOKS}/test"), r#"{"event": 1}"#).await;
    assert_eq!(odd.refusal().0, "validation_error");
    assert!(world.get(WEBHOOKS).await.ids().is_empty(), "nothing was made");
}

#[tokio::test]
async fn every_kind_of_error_wears_the_same_clothes() {
    let api = ApiOptions { request_bytes_max: 4096, ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let none = "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let large = format!(r#"{{"url": "https://e.com/", "description": "{}"}}"#, "d".repeat(5000));
    for (method, path, body, status, code) in [
        ("GET", format!("{WEBHOOKS}/{none}"), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/{none}/secret"), "", 404, "not_found"),
        ("DELETE", format!("{WEBHOOKS}/{none}"), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/x"), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/%ff"), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/test/secret"), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/"), "", 404, "not_found"),
        ("GET", "/casey".to_owned(), "", 404, "not_found"),
        ("GET", "/casey/v1/backend/conversations".to_owned(), "", 404, "not_found"),
        ("GET", format!("{WEBHOOKS}/test"), "", 405, "method_not_allowed"),
        ("DELETE", format!("{WEBHOOKS}/test"), "", 405, "method_not_allowed"),
        ("PATCH", format!("{WEBHOOKS}/{none}"), "{}", 405, "method_not_allowed"),
        ("DELETE", WEBHOOKS.to_owned(), "", 405, "method_not_allowed"),
        ("POST", WEBHOOKS.to_owned(), large.as_str(), 413, "payload_too_large"),
        ("POST", WEBHOOKS.to_owned(), "", 415, "unsupported_media_type"),
    ] {
        let answer = world.call(method, &path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.refusal().0, code, "{method} {path}");
    }
    let answer = world.send(Request::get(WEBHOOKS).body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.refusal().0.as_str()), (401, "unauthorized"));
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    let header = Request::get(WEBHOOKS).header("x-api-key", &world.key).body(Body::empty()).unwrap();
    assert_eq!(world.send(header).await.status, 401, "bearer keys only");
}

#[tokio::test]
async fn too_many_requests_and_a_store_that_is_gone_say_when_to_come_back() {
    let one = NonZeroU32::MIN;
    let options = Options { key_limit: KeyLimit { per_second: one, burst: one }, ..Options::default() };
    let limited = World::with(options, ApiOptions::default()).await;
    assert_eq!(limited.get(WEBHOOKS).await.status, 200);
    let answer = limited.get(WEBHOOKS).await;
    assert_eq!((answer.status.as_u16(), answer.refusal().0.as_str()), (429, "rate_limited"));
    assert_eq!(answer.headers["retry-after"], "1");

    let mut world = World::new().await;
    let id = world.webhook(r#"{"url": "https://e.com/"}"#).await["id"].as_str().unwrap().to_owned();
    let close = std::mem::replace(&mut world.close_store, Box::pin(async {}));
    close.await;
    let answer = world.call("DELETE", &format!("{WEBHOOKS}/{id}"), "").await;
    assert_eq!((answer.status.as_u16(), answer.refusal().0.as_str()), (503, "unavailable"));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn capabilities_are_asked_for() {
    let mut world = World::new().await;
    let id = world.webhook(r#"{"url": "https://e.com/"}"#).await["id"].as_str().unwrap().to_owned();
    let one = format!("{WEBHOOKS}/{id}");
    let calls = [
        (Capability::Read, "GET", WEBHOOKS.to_owned(), "", 200),
        (Capability::Read, "GET", one.clone(), "", 200),
        (Capability::Manage, "POST", WEBHOOKS.to_owned(), r#"{"url": "https://e.com/"}"#, 201),
        (Capability::Manage, "POST", format!("{WEBHOOKS}/test"), "", 200),
        (Capability::Manage, "GET", format!("{one}/secret"), "", 200),
        (Capability::Manage, "DELETE", one, "", 204),
    ];
    for (needs, method, path, body, status) in calls {
        for capability in Capability::ALL.into_iter().filter(|other| *other != needs) {
            world.key = world.key_of("acme", Environment::Live, &[capability]).await;
            let answer = world.call(method, &path, body).await;
            assert_eq!(answer.status, 403, "{method} {path} with {capability}: {}", answer.text());
            assert_eq!(answer.refusal().0, "forbidden");
        }
        world.key = world.key_of("acme", Environment::Live, &[needs]).await;
        assert_eq!(world.call(method, &path, body).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn what_belongs_to_others_is_not_there() {
    let mut world = World::new().await;
    let mine = world.webhook(r#"{"url": "https://e.com/"}"#).await["id"].as_str().unwrap().to_owned();
    let standard = world.endpoint().await;
    assert_eq!(world.get(WEBHOOKS).await.ids(), [mine.as_str()]);
    let foreign = [("acme", Environment::Test, &mine), ("other", Environment::Live, &mine)];
    for (tenant, environment, id) in foreign.into_iter().chain([("acme", Environment::Live, &standard)]) {
        world.key = world.key_of(tenant, environment, &Capability::ALL).await;
        for (method, path) in [
            ("GET", format!("{WEBHOOKS}/{id}")),
            ("GET", format!("{WEBHOOKS}/{id}/secret")),
            ("DELETE", format!("{WEBHOOKS}/{id}")),
        ] {
            let answer = world.call(method, &path, "").await;
            assert_eq!((answer.status.as_u16(), answer.refusal().0.as_str()), (404, "not_found"), "{path}");
        }
        assert!(!world.get(WEBHOOKS).await.ids().contains(id));
    }
    world.key = world.key_of("acme", Environment::Live, &Capability::ALL).await;
    assert_eq!(world.get(&format!("{WEBHOOKS}/{mine}")).await.status, 200, "nothing was deleted");
    assert_eq!(world.get(&format!("/api/v1/endpoints/{standard}")).await.status, 200);
}

#[tokio::test]
async fn keys_of_a_project_make_and_see_its_endpoints() {
    let mut world = World::new().await;
    let project = world.make("/api/v1/projects", r#"{"name": "p"}"#).await;
    let whole =
        world.webhook(r#"{"url": "https://whole.example/"}"#).await["id"].as_str().unwrap().to_owned();
    let key = world.key_of_project(&project).await;
    let admin = std::mem::replace(&mut world.key, key);
    let own = world.webhook(r#"{"url": "https://own.example/"}"#).await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(WEBHOOKS).await.ids(), [own.as_str()]);
    assert_eq!(world.get(&format!("{WEBHOOKS}/{whole}")).await.status, 404);
    world.post(&format!("{WEBHOOKS}/test"), "").await;
    world.deliver.drain().await.unwrap();
    let sent = world.sender.take_sent();
    assert_eq!(sent.iter().map(|one| one.uri.host().unwrap()).collect::<Vec<_>>(), ["own.example"]);
    world.key = admin;
    assert_eq!(world.get(&format!("/api/v1/endpoints/{own}")).await.json()["project_id"], project.as_str());
    assert_eq!(world.get(WEBHOOKS).await.ids(), [own, whole], "newest first");
}

#[tokio::test]
async fn a_repeated_create_makes_one_endpoint() {
    let world = World::new().await;
    let create = |body: &'static str| {
        let request = request(&world.key, Method::POST, WEBHOOKS).header("idempotency-key", "k1");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        world.send(request.body(Body::from(body)).unwrap())
    };
    let first = create(r#"{"url": "https://e.com/"}"#).await;
    let again = create(r#"{"url": "https://e.com/"}"#).await;
    assert_eq!((first.status.as_u16(), &first.body), (201, &again.body), "the secret too");
    let other = create(r#"{"url": "https://other.example/"}"#).await;
    assert_eq!((other.status.as_u16(), other.refusal().0.as_str()), (409, "conflict"));
    assert_eq!(world.get(WEBHOOKS).await.ids().len(), 1);
}

#[tokio::test]
async fn both_apis_show_the_same_endpoint() {
    let world = World::new().await;
    let made = world.webhook(r#"{"url": "https://e.com", "description": "d"}"#).await;
    let native = world.get(&format!("/api/v1/endpoints/{}", made["id"].as_str().unwrap())).await.json();
    assert_eq!(native["wire"], "casey");
    assert_eq!(native["events"], json!(["conversation.completed"]));
    assert_eq!(native["timeout_ms"], 15_000);
    assert_eq!(native["retry_policy"]["policy"], "custom");
    for member in ["url", "description", "enabled", "created_at"] {
        assert_eq!(native[member], made[member], "{member}");
    }
    let body = r#"{"url": "https://n.example/", "wire": "casey", "events": ["*", "conversation.*"]}"#;
    let id = world.make("/api/v1/endpoints", body).await;
    let shown = world.get(&format!("{WEBHOOKS}/{id}")).await.json();
    assert_eq!(shown["data"]["event_types"], json!(["*", "conversation.*"]));
}

/// Source: tellcasey's n8n trigger node, `webhookMethods` (checkExists, create, delete).
#[tokio::test]
async fn the_n8n_trigger_finds_what_it_made() {
    let world = World::new().await;
    for url in [
        "https://n8n.example",
        "https://N8N.example:443/webhook/1/%7Ecasey",
        "https://bücher.example/webhook/ü",
    ] {
        let exists = async || {
            let list = world.get(WEBHOOKS).await.json();
            let found = list["data"].as_array().unwrap().iter().find(|one| one["url"] == url);
            found.map(|one| one["id"].as_str().unwrap().to_owned())
        };
        assert_eq!(exists().await, None, "{url}");
        let create = json!({
            "url": url,
            "description": "n8n workflow 7",
            "event_types": ["conversation.started", "conversation.completed", "conversation.abandoned"],
        });
        let made = world.webhook(&create.to_string()).await;
        assert_eq!(made["url"], url, "as it was sent");
        let id = made["id"].as_str().unwrap();
        assert_eq!(exists().await.as_deref(), Some(id), "{url}");
        assert_eq!(world.call("DELETE", &format!("{WEBHOOKS}/{id}"), "").await.status, 204);
        assert_eq!(exists().await, None, "{url}");
    }
}

#[tokio::test]
async fn failures_are_tried_eight_times_with_the_same_body_and_fresh_signatures() {
    let mut world = World::new().await;
    let id = world.signing(r#"{"url": "https://e.com/"}"#).await;
    world.publish("conversation.completed", "{}").await;
    let path = format!("/api/v1/deliveries?endpoint_id={id}");
    world.sender.script((0..8).map(|_| answer(Outcome::Refused { status: 302 })));
    for wait_s in [5, 300, 1800, 7200, 18_000, 36_000, 36_000] {
        world.deliver.drain().await.unwrap();
        let delivery = world.get(&path).await.json()["data"][0].clone();
        assert_eq!(delivery["status"], "pending");
        let next: Timestamp = delivery["next_attempt_at"].as_str().unwrap().parse().unwrap();
        let waits_ms = next.as_millis() - world.clock.now().as_millis();
        assert!((wait_s * 900..=wait_s * 1100).contains(&waits_ms), "{wait_s} s: {waits_ms} ms");
        world.clock.set(next);
    }
    world.deliver.drain().await.unwrap();
    assert_eq!(world.get(&path).await.json()["data"][0]["status"], "dead");
    let sent = world.sender.take_sent();
    assert_eq!(sent.len(), 8);
    for pair in sent.windows(2) {
        assert_eq!(
            (&pair[0].body, &pair[0].headers["webhook-id"]),
            (&pair[1].body, &pair[1].headers["webhook-id"])
        );
        assert_ne!(pair[0].headers["webhook-signature"], pair[1].headers["webhook-signature"]);
    }
    assert_eq!(world.get(&format!("{WEBHOOKS}/{id}")).await.json()["data"]["enabled"], true);
}

#[tokio::test]
async fn a_receiver_that_is_gone_switches_its_endpoint_off() {
    let mut world = World::new().await;
    let id = world.signing(r#"{"url": "https://e.com/"}"#).await;
    world.publish("conversation.completed", "{}").await;
    world.sender.script([answer(Outcome::Refused { status: 410 })]);
    world.deliver.drain().await.unwrap();
    assert_eq!(world.get(&format!("{WEBHOOKS}/{id}")).await.json()["data"]["enabled"], false);
    world.publish("conversation.completed", "{}").await;
    world.clock.advance(Duration::from_secs(3600));
    world.deliver.drain().await.unwrap();
    assert_eq!(world.sender.take_sent().len(), 1, "nothing more is sent");
}

#[tokio::test]
async fn a_host_of_its_own_has_the_original_paths() {
    let api = ApiOptions {
        hosts: [("casey.example".to_owned(), "casey".to_owned())].into(),
        ..ApiOptions::default()
    };
    let world = World::with(Options::default(), api).await;
    let request = world.request(Method::GET, "/v1/backend/webhooks").header(header::HOST, "casey.example");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, r#"{"data":[]}"#));
}
