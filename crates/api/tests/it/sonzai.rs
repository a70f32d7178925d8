//! The sonzai dialect: one webhook for an event type of a project or of the tenant, as its published clients see it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use posthouse_api::ApiOptions;
use posthouse_engine::{KeyLimit, Options};
use posthouse_testkit::answer;
use posthouse_types::{Capability, Environment, Outcome};
use serde_json::{Value, json};

use crate::wire_log::WireLog;
use crate::world::{Answer, World, request};

const BASE: &str = "/sonzai/api/v1";
const PROJECT: &str = "0b6dd7c2-6c2a-4c86-9bb0-6f0a4f6c1c7d";
const OTHER_PROJECT: &str = "11111111-6c2a-4c86-9bb0-6f0a4f6c1c7d";

/// Signs what the examples show.
const SECRET: &str = "whsec_0123456789abcdef";

/// The webhooks of the tenant, and of the project.
fn families() -> [String; 2] {
    [format!("{BASE}/webhooks"), format!("{BASE}/projects/{PROJECT}/webhooks")]
}

impl World {
    async fn with_project() -> Self {
        let world = Self::new().await;
        world.project(PROJECT).await;
        world
    }

    async fn project(&self, id: &str) {
        self.make("/api/v1/projects", &format!(r#"{{"id": "{id}", "name": "p"}}"#)).await;
    }

    async fn put_webhook(&self, path: &str, url: &str) -> Value {
        let answer = self.call("PUT", path, &json!({ "webhook_url": url }).to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Publishes an event, of the project when the path is the project's, and delivers what is due.
    async fn publish_for(&mut self, path: &str, event_type: &str) {
        let mut body = json!({"type": event_type, "payload": {"agent_id": "a1", "mood": "Zoë"}});
        if path.contains(PROJECT) {
            body["project_id"] = PROJECT.into();
        }
        let accepted = self.post("/api/v1/events", &body.to_string()).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text());
        self.deliver.drain().await.unwrap();
    }

    async fn repeatable(&self, method: Method, path: &str, key: &str, body: &str) -> Answer {
        let request = self.request(method, path).header("idempotency-key", key);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

impl Answer {
    /// The locations of a problem, after checking its shape.
    fn problem(&self, path: &str) -> Vec<String> {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["$schema"], format!("http://localhost{BASE}/schemas/ErrorModel.json"));
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["title"], self.status.canonical_reason().unwrap());
        let path = path.split('?').next().unwrap();
        assert_eq!(problem["instance"], format!("http://localhost{path}"));
        let told = problem["detail"].as_str().unwrap();
        assert!(!told.is_empty() && (self.status != 422 || told == "validation failed"), "{told}");
        let members = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
        members.iter().map(|member| member["location"].as_str().unwrap().to_owned()).collect()
    }

    /// Checks that it is this problem, about these parts of the request.
    fn is_problem(&self, path: &str, status: u16, named: &[&str]) {
        assert_eq!(self.status, status, "{path}: {}", self.text());
        assert_eq!(self.problem(path), named, "{path}: {}", self.text());
    }

    fn secret(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        let secret = self.json()["signing_secret"].as_str().unwrap().to_owned();
        let random = secret.strip_prefix("whsec_").unwrap();
        assert!(random.len() == 64 && random.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
        secret
    }
}

/// Makes every call of a family, and says what was answered.
async fn every_call(world: &mut World, webhooks: &str) -> String {
    let mut log = WireLog::default();
    let webhook = format!("{webhooks}/session.end");
    log.call(world, "GET", webhooks, "").await;
    let full = r#"{"webhook_url":"https://example.com/hook?a=b","auth_header":"Bearer Zm9v"}"#;
    let first = log.call(world, "PUT", &webhook, full).await.secret();
    log.call(world, "PUT", &webhook, r#"{"webhook_url":"https://example.com"}"#).await;
    log.call(world, "PUT", &webhook, full).await;
    let second = log.call(world, "POST", &format!("{webhook}/rotate-secret"), "").await.secret();
    log.call(world, "GET", webhooks, "").await;
    log.call(world, "GET", &format!("{webhook}/attempts"), "").await;
    let mut report = answer(Outcome::Refused { status: 500 });
    report.response_body = Bytes::from_static(b"oh \xff");
    report.response_headers.insert("x-seen", HeaderValue::from_static("yes"));
    world.sender.script([report, answer(Outcome::Timeout)]);
    for _ in 0..2 {
        world.publish_for(webhooks, "session.end").await;
    }
    log.call(world, "GET", &format!("{webhook}/attempts?limit=1&offset=1"), "").await;
    let page = log.call(world, "GET", &format!("{webhook}/attempts?page_size=1"), "").await.json();
    let next = page["next_cursor"].as_str().unwrap();
    log.call(world, "GET", &format!("{webhook}/attempts?page_size=1&cursor={next}"), "").await;
    log.call(world, "DELETE", &webhook, "").await;
    log.call(world, "DELETE", &webhook, "").await;
    log.call(world, "PUT", &webhook, r#"{"webhook_url":"nowhere"}"#).await;
    log.without(&first, "whsec_[first]").without(&second, "whsec_[second]").text()
}

#[tokio::test]
async fn every_call_as_it_goes_over_the_wire() {
    let mut world = World::with_project().await;
    let [tenant, project] = families();
    insta::assert_snapshot!("sonzai_calls_tenant", every_call(&mut world, &tenant).await);
    insta::assert_snapshot!("sonzai_calls_project", every_call(&mut world, &project).await);
}

#[tokio::test]
async fn every_delivery_as_it_goes_over_the_wire() {
    let mut world = World::with_project().await;
    let mut log = WireLog::default();
    for webhooks in families() {
        let body = r#"{"webhook_url":"https://example.com/hook","auth_header":"Bearer Zm9v"}"#;
        world.call("PUT", &format!("{webhooks}/session.end"), body).await.secret();
        let newest = world.get("/api/v1/endpoints?limit=1").await.json()["data"][0].clone();
        let rotate = format!("/api/v1/endpoints/{}/rotate-secret", newest["id"].as_str().unwrap());
        let known = json!({"secret": SECRET, "overlap_seconds": 0}).to_string();
        assert_eq!(world.post(&rotate, &known).await.status, 200);
        world.publish_for(&webhooks, "session.end").await;
        log.deliveries(&world);
        world.call("DELETE", &format!("{webhooks}/session.end"), "").await;
    }
    insta::assert_snapshot!("sonzai_deliveries", log.text());
}

#[tokio::test]
async fn every_bad_input_is_named() {
    let world = World::with_project().await;
    let long = "x".repeat(129);
    for webhooks in families() {
        let webhook = format!("{webhooks}/a");
        world.put_webhook(&webhook, "https://example.com/").await;
        let put = |body: &str| ("PUT", webhook.clone(), body.to_owned());
        let attempts = |query: &str| ("GET", format!("{webhook}/attempts?{query}"), String::new());
        let at = |method, path: &str| (method, format!("{webhooks}{path}"), String::new());
        let good = r#"{"webhook_url":"https://example.com/"}"#;
        let rotate = |body: &str| ("POST", format!("{webhook}/rotate-secret"), body.to_owned());
        for ((method, path, body), status, named) in [
            (put("{"), 400, vec!["body"]),
            (put("[]"), 422, vec!["body"]),
            (put("{}"), 422, vec!["body.webhook_url"]),
            (put(r#"{"webhook_url":5}"#), 422, vec!["body.webhook_url"]),
            (put(r#"{"webhook_url":null}"#), 422, vec!["body.webhook_url"]),
            (put(r#"{"webhook_url":"ftp://example.com"}"#), 422, vec!["body.webhook_url"]),
            (put(r#"{"webhook_url":"https://a.example","url":"x"}"#), 422, vec!["body.url"]),
            (
                put(r#"{"webhook_url":"https://a.example","auth_header":"a\nb"}"#),
                422,
                vec!["body.auth_header"],
            ),
            (
                put(r#"{"webhook_url":"x","auth_header":"é"}"#),
                422,
                vec!["body.webhook_url", "body.auth_header"],
            ),
            (
                put(&format!(
                    r#"{{"webhook_url":"https://a.example","auth_header":"{}"}}"#,
                    "a".repeat(8192)
                )),
                422,
                vec!["body.auth_header"],
            ),
            (("PUT", format!("{webhooks}/a..b"), good.to_owned()), 422, vec!["path.eventType"]),
            (("PUT", format!("{webhooks}/{long}"), good.to_owned()), 422, vec!["path.eventType"]),
            (("PUT", format!("{webhooks}/%2A"), good.to_owned()), 422, vec!["path.eventType"]),
            (at("DELETE", "/b"), 404, vec![]),
            (at("DELETE", "/a..b"), 404, vec![]),
            (at("GET", "/b/attempts"), 404, vec![]),
            (at("GET", "/%2A/attempts"), 404, vec![]),
            (at("POST", "/b/rotate-secret"), 404, vec![]),
            (at("POST", "/a..b/rotate-secret"), 404, vec![]),
            (at("GET", "/a/elsewhere"), 404, vec![]),
            (at("PATCH", "/a"), 405, vec![]),
            (at("GET", "/a/rotate-secret"), 405, vec![]),
            (attempts("limit=0"), 422, vec!["query.limit"]),
            (attempts("limit=501"), 422, vec!["query.limit"]),
            (attempts("limit=ten&offset=-1"), 422, vec!["query.limit", "query.offset"]),
            (attempts("offset=9223372036854775808"), 422, vec!["query.offset"]),
            (attempts("page_size=0"), 422, vec!["query.page_size"]),
            (attempts("page_size=+5"), 422, vec!["query.page_size"]),
            (attempts("limit=1&page_size=1"), 422, vec!["query.page_size"]),
            (attempts("offset=0&page_size=1&cursor=x"), 422, vec!["query.page_size", "query.cursor"]),
            (attempts("cursor=x"), 400, vec!["query.cursor"]),
            (attempts("page=1"), 422, vec!["query.page"]),
            (attempts("limit=1&limit=2"), 422, vec!["query.limit"]),
            (rotate(r#"{"secret":"x"}"#), 422, vec!["body.secret"]),
        ] {
            let answer = world.call(method, &path, &body).await;
            assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
            assert_eq!(answer.problem(&path), named, "{method} {path} {body}: {}", answer.text());
        }
        assert_eq!(world.get(&webhooks).await.json()["webhooks"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_the_engine_refuses_is_named_as_in_the_request() {
    let options = Options { https_only: true, ..Options::default() };
    let world = World::with(options, ApiOptions::default()).await;
    let path = format!("{BASE}/webhooks/a");
    let answer = world.call("PUT", &path, r#"{"webhook_url":"http://example.com/"}"#).await;
    answer.is_problem(&path, 422, &["body.webhook_url"]);
}

#[tokio::test]
async fn refusals_of_every_kind_have_one_shape() {
    let api = ApiOptions { request_bytes_max: 100, ..ApiOptions::default() };
    let mut world = World::with(Options::default(), api).await;
    let path = format!("{BASE}/webhooks/a");
    world.call("PUT", &path, &" ".repeat(101)).await.is_problem(&path, 413, &["body"]);
    let text = world.request(Method::PUT, &path).header(header::CONTENT_TYPE, "text/plain");
    world.send(text.body(Body::empty()).unwrap()).await.is_problem(&path, 415, &["header.content-type"]);
    world.get("/sonzai/").await.is_problem("/sonzai/", 404, &[]);
    (&mut world.close_store).await;
    let refused = world.call("PUT", &path, r#"{"webhook_url":"https://example.com/"}"#).await;
    refused.is_problem(&path, 503, &[]);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn a_put_replaces_the_header_with_the_rest() {
    let world = World::new().await;
    let (webhooks, webhook) = (format!("{BASE}/webhooks"), format!("{BASE}/webhooks/a"));
    for rest in ["", r#","auth_header":"""#, r#","auth_header":null"#] {
        for (rest, shown) in [(r#","auth_header":"Basic x""#, Some("Basic x")), (rest, None)] {
            let body = format!(r#"{{"webhook_url":"https://example.com/"{rest}}}"#);
            assert_eq!(world.call("PUT", &webhook, &body).await.status, 200);
            let listed = world.get(&webhooks).await.json()["webhooks"][0].clone();
            assert_eq!(listed.get("auth_header").and_then(Value::as_str), shown, "{rest}");
        }
    }
}

#[tokio::test]
async fn projects_in_paths_are_there_and_the_callers() {
    let world = World::with_project().await;
    let theirs = world.key_of("globex", Environment::Live, &Capability::ALL).await;
    for (project, status, named) in [
        ("nowhere", 422, vec!["path.projectId"]),
        ("0b6dd7c26c2a4c869bb06f0a4f6c1c7d", 422, vec!["path.projectId"]),
        (OTHER_PROJECT, 404, vec![]),
    ] {
        for (method, rest, body) in [
            ("GET", "", ""),
            ("PUT", "/a", r#"{"webhook_url":"https://example.com/"}"#),
            ("DELETE", "/a", ""),
            ("GET", "/a/attempts", ""),
            ("POST", "/a/rotate-secret", ""),
        ] {
            let path = format!("{BASE}/projects/{project}/webhooks{rest}");
            world.call(method, &path, body).await.is_problem(&path, status, &named);
        }
    }
    let [tenant, project] = families();
    for webhooks in [&tenant, &project] {
        world.put_webhook(&format!("{webhooks}/a"), "https://example.com/").await;
    }
    let get = |path: &str| world.send(request(&theirs, Method::GET, path).body(Body::empty()).unwrap());
    assert_eq!(get(&project).await.status, 404, "another tenant's");
    assert_eq!(get(&tenant).await.json()["webhooks"], json!([]));
}

#[tokio::test]
async fn a_key_of_one_project_means_that_project() {
    let mut world = World::with_project().await;
    world.project(OTHER_PROJECT).await;
    let [tenant, project] = families();
    world.put_webhook(&format!("{tenant}/a"), "https://example.com/tenant").await;
    let whole = std::mem::take(&mut world.key);
    world.key = whole.clone();
    world.key = world.key_of_project(PROJECT).await;
    world.put_webhook(&format!("{tenant}/a"), "https://example.com/own").await;
    for webhooks in [&tenant, &project] {
        let listed = world.get(webhooks).await.json();
        assert_eq!(listed["webhooks"].as_array().unwrap().len(), 1);
        assert_eq!(listed["webhooks"][0]["project_id"], PROJECT);
        assert_eq!(listed["webhooks"][0]["webhook_url"], "https://example.com/own");
    }
    let other = format!("{BASE}/projects/{OTHER_PROJECT}/webhooks");
    assert_eq!(world.get(&other).await.status, 404);
    assert_eq!(world.call("DELETE", &format!("{tenant}/a"), "").await.status, 204);
    world.key = whole;
    assert_eq!(world.get(&tenant).await.json()["webhooks"][0]["webhook_url"], "https://example.com/tenant");
}

#[tokio::test]
async fn calls_need_their_capabilities() {
    let mut world = World::with_project().await;
    let all = world.key.clone();
    for webhooks in families() {
        let webhook = format!("{webhooks}/a");
        let put = r#"{"$schema":7,"webhook_url":"https://example.com/","auth_header":"Basic x"}"#;
        assert_eq!(world.call("PUT", &webhook, put).await.status, 200);
        let shown = world.get(&webhooks).await.json()["webhooks"][0]["auth_header"].clone();
        assert_eq!(shown, "Basic x");
        let calls = [
            ("GET", webhooks.clone(), "", Capability::Read),
            ("GET", format!("{webhook}/attempts"), "", Capability::Read),
            ("PUT", webhook.clone(), put, Capability::Manage),
            ("POST", format!("{webhook}/rotate-secret"), "{}", Capability::Manage),
            ("DELETE", webhook.clone(), "", Capability::Manage),
        ];
        for (method, path, body, needs) in calls {
            let others = Capability::ALL.into_iter().filter(|capability| *capability != needs);
            world.key = world.key_of("acme", Environment::Live, &others.collect::<Vec<_>>()).await;
            let answer = world.call(method, &path, body).await;
            assert_eq!(answer.status, 403, "{method} {path} without {needs}");
            assert!(answer.problem(&path).is_empty());
            world.key = world.key_of("acme", Environment::Live, &[needs]).await;
            let answer = world.call(method, &path, body).await;
            assert!(answer.status.is_success(), "{method} {path} with {needs}: {}", answer.text());
            if path == webhooks {
                assert_eq!(answer.json()["webhooks"][0]["auth_header"], "[redacted]");
            }
        }
        world.key.clone_from(&all);
        let open = Request::builder().uri(&webhooks).body(Body::empty()).unwrap();
        let answer = world.send(open).await;
        answer.is_problem(&webhooks, 401, &["header.authorization"]);
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}

#[tokio::test]
async fn repeated_requests_are_answered_as_the_first_time() {
    let world = World::with_project().await;
    for (number, webhooks) in families().into_iter().enumerate() {
        let (webhook, rotate) = (format!("{webhooks}/a"), format!("{webhooks}/a/rotate-secret"));
        let [put_key, rotate_key] = ["put", "rotate"].map(|name| format!("{name}{number}"));
        let body = r#"{"webhook_url":"https://example.com/"}"#;
        let first = world.repeatable(Method::PUT, &webhook, &put_key, body).await.secret();
        assert_eq!(world.repeatable(Method::PUT, &webhook, &put_key, body).await.secret(), first);
        let turned = world.repeatable(Method::POST, &rotate, &rotate_key, "").await.secret();
        assert_ne!(turned, first);
        assert_eq!(world.repeatable(Method::POST, &rotate, &rotate_key, "").await.secret(), turned);
        assert_ne!(world.post(&rotate, "").await.secret(), turned, "another request");
        for (method, path, key, body) in [
            (Method::PUT, &webhook, &put_key, r#"{"webhook_url":"https://example.com/b"}"#),
            (Method::POST, &rotate, &put_key, ""),
            (Method::PUT, &webhook, &rotate_key, body),
        ] {
            let answer = world.repeatable(method, path, key, body).await;
            assert_eq!(answer.status, 409, "{}", answer.text());
            assert_eq!(answer.problem(path), ["header.idempotency-key"]);
        }
        let answer = world.repeatable(Method::PUT, &webhook, "a b", body).await;
        answer.is_problem(&webhook, 422, &["header.idempotency-key"]);
    }
}

#[tokio::test]
async fn a_webhook_is_an_endpoint_and_not_every_endpoint_is_a_webhook() {
    let world = World::with_project().await;
    let [tenant, project] = families();
    world.put_webhook(&format!("{project}/a.b"), "https://example.com/").await;
    let endpoint = world.get("/api/v1/endpoints").await.json()["data"][0].clone();
    assert_eq!(endpoint["wire"], "sonzai");
    assert_eq!(endpoint["events"], json!(["a.b"]));
    assert_eq!(endpoint["project_id"], PROJECT);
    assert_eq!(endpoint["timeout_ms"], 10_000);
    for body in [
        r#"{"url": "https://example.com/", "wire": "sonzai"}"#,
        r#"{"url": "https://example.com/", "wire": "sonzai", "events": ["a.*"]}"#,
        r#"{"url": "https://example.com/", "wire": "sonzai", "events": ["a", "b"]}"#,
        r#"{"url": "https://example.com/", "wire": "standard", "events": ["a"]}"#,
    ] {
        world.make("/api/v1/endpoints", body).await;
    }
    assert_eq!(world.get(&tenant).await.json()["webhooks"], json!([]));
    assert_eq!(world.call("DELETE", &format!("{tenant}/a"), "").await.status, 404);
    world
        .make("/api/v1/endpoints", r#"{"url": "https://example.com/", "wire": "sonzai", "events": ["a"]}"#)
        .await;
    assert_eq!(world.get(&tenant).await.json()["webhooks"][0]["event_type"], "a");
    assert_eq!(world.call("DELETE", &format!("{tenant}/a"), "").await.status, 204);
    assert_eq!(world.get(&project).await.json()["webhooks"].as_array().unwrap().len(), 1);
}

/// The attempts of a webhook: number, status and code of each.
async fn attempts(world: &World, webhook: &str) -> Vec<(u64, String, u64)> {
    let page = world.get(&format!("{webhook}/attempts")).await.json();
    let all = page["attempts"].as_array().unwrap().iter().map(|attempt| {
        let number = |name: &str| attempt[name].as_u64().unwrap();
        (number("attempt_number"), attempt["status"].as_str().unwrap().to_owned(), number("response_code"))
    });
    all.collect()
}

#[tokio::test]
async fn a_delivery_has_four_attempts() {
    let mut world = World::new().await;
    let webhook = format!("{BASE}/webhooks/a");
    world.put_webhook(&webhook, "https://example.com/").await;
    world.sender.script((0..4).map(|_| answer(Outcome::Refused { status: 503 })));
    world.publish_for(&webhook, "a").await;
    // The longest a wait can be is its length and a fifth; the next attempt is due then, and none after it.
    for wait in [1_200, 6_000, 30_000, 3_600_000] {
        world.clock.advance(Duration::from_millis(wait));
        world.deliver.drain().await.unwrap();
    }
    let failed = |number| (number, "failed".to_owned(), 503);
    assert_eq!(attempts(&world, &webhook).await, [failed(4), failed(3), failed(2), failed(1)]);
    assert_eq!(world.get("/api/v1/deliveries").await.json()["data"][0]["status"], "dead");
}

#[tokio::test]
async fn refusals_end_a_delivery_except_those_that_ask_for_patience() {
    let mut world = World::new().await;
    let webhook = format!("{BASE}/webhooks/a");
    world.put_webhook(&webhook, "https://example.com/").await;
    for (status, ended) in
        [(400, "dead"), (404, "dead"), (408, "pending"), (429, "pending"), (500, "pending")]
    {
        world.sender.script([answer(Outcome::Refused { status })]);
        world.publish_for(&webhook, "a").await;
        let delivery = world.get("/api/v1/deliveries?limit=1").await.json()["data"][0].clone();
        assert_eq!(delivery["status"], ended, "{status}");
        world.clock.advance(Duration::from_secs(2));
        world.deliver.drain().await.unwrap();
    }
    world.sender.script([answer(Outcome::Refused { status: 410 })]);
    world.publish_for(&webhook, "a").await;
    let listed =
        async |world: &World| world.get(&format!("{BASE}/webhooks")).await.json()["webhooks"][0].clone();
    assert_eq!(listed(&world).await["is_active"], false, "gone");
    world.put_webhook(&webhook, "https://example.com/new").await;
    assert_eq!(listed(&world).await["is_active"], true);
}

#[tokio::test]
async fn attempts_come_in_pages_of_both_kinds() {
    let mut world = World::new().await;
    let webhook = format!("{BASE}/webhooks/a");
    world.put_webhook(&webhook, "https://example.com/").await;
    for _ in 0..5 {
        world.publish_for(&webhook, "a").await;
    }
    let path = format!("{webhook}/attempts");
    let whole = world.get(&path).await.json();
    assert_eq!((whole["has_more"].as_bool(), whole.get("next_cursor")), (Some(false), None));
    let whole = whole["attempts"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 5);
    let sent = STANDARD.decode(whole[0]["request_body"].as_str().unwrap()).unwrap();
    assert_eq!(sent, world.sender.take_sent()[4].body, "the newest is first");
    for (query, expected, more) in [
        ("limit=2", &whole[..2], true),
        ("limit=2&offset=3", &whole[3..], false),
        ("offset=4", &whole[4..], false),
        ("offset=9223372036854775807", &[], false),
        ("page_size=5", &whole[..], false),
        ("page_size=4", &whole[..4], true),
    ] {
        let page = world.get(&format!("{path}?{query}")).await.json();
        assert_eq!(page["attempts"], json!(expected), "{query}");
        assert_eq!(page["has_more"], more, "{query}");
        assert_eq!(page.get("next_cursor").is_some(), more, "{query}");
    }
    let (mut seen, mut query) = (Vec::new(), "page_size=2".to_owned());
    loop {
        let page = world.get(&format!("{path}?{query}")).await.json();
        seen.extend(page["attempts"].as_array().unwrap().clone());
        let Some(next) = page.get("next_cursor") else { break };
        query = format!("page_size=2&cursor={}", next.as_str().unwrap());
    }
    assert_eq!(seen, whole);
}

/// Members named so, at any depth.
fn members<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    let inside: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    value.get(name).into_iter().chain(inside.into_iter().flat_map(|one| members(one, name))).collect()
}

#[tokio::test]
async fn schemas_that_bodies_name_are_served() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&posthouse_api::openapi("sonzai").unwrap()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let open = |path: String| world.send(Request::builder().uri(path).body(Body::empty()).unwrap());
    for name in schemas.keys() {
        let answer = open(format!("{BASE}/schemas/{name}.json")).await;
        assert_eq!(answer.status, 200, "{name}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        let schema = answer.json();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema["type"] == "object" && members(&schema, "$ref").is_empty(), "{schema}");
    }
    let outer = ["ErrorModel", "ListWebhooksOutputBody", "UpsertWebhookOutputBody"];
    let outer = outer.iter().chain(&["RotateSigningSecretOutputBody", "ListDeliveryAttemptsOutputBody"]);
    assert!(outer.copied().all(|name| schemas[name]["properties"].get("$schema").is_some()));
    let unknown = format!("{BASE}/schemas/Nothing.jsonx");
    open(unknown.clone()).await.is_problem(&unknown, 404, &[]);
}

#[test]
fn every_operation_is_described_once() {
    let document: Value = serde_json::from_str(&posthouse_api::openapi("sonzai").unwrap()).unwrap();
    let operations = members(&document["paths"], "operationId");
    let names: BTreeSet<_> = operations.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!((names.len(), operations.len()), (11, 11), "five calls, twice, and the schemas");
    assert_eq!(document["servers"][0]["url"], "/sonzai");
    for (path, item) in document["paths"].as_object().unwrap() {
        let in_document = members(item, "parameters").into_iter().flat_map(|all| all.as_array().unwrap());
        let in_document: BTreeSet<_> =
            in_document.filter(|one| one["in"] == "path").map(|one| one["name"].as_str().unwrap()).collect();
        let in_path: BTreeSet<_> = path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(in_document, in_path, "{path}");
    }
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let one = NonZeroU32::new(1).unwrap();
    let options = Options { key_limit: KeyLimit { per_second: one, burst: one }, ..Options::default() };
    let world = World::with(options, ApiOptions::default()).await;
    let path = format!("{BASE}/webhooks");
    assert_eq!(world.get(&path).await.status, 200);
    let refused = world.get(&path).await;
    refused.is_problem(&path, 429, &[]);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    let reset: u64 = refused.headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
    assert!(reset > 1_767_225_600, "a point in time, in seconds");
}

#[tokio::test]
async fn a_host_of_its_own_has_the_original_paths() {
    let hosts = [("sonzai.example".to_owned(), "sonzai".to_owned())];
    let api = ApiOptions { hosts: hosts.into(), ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let request = world.request(Method::GET, "/api/v1/webhooks").header(header::HOST, "sonzai.example");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let schema = answer.json()["$schema"].clone();
    assert_eq!(schema, "http://sonzai.example/api/v1/schemas/ListWebhooksOutputBody.json");
}
