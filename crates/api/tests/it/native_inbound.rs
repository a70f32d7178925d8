//! The inbound half of the native API, from making a source to approving what an agent wants to do.

mod agents;
mod bad_input;
mod capabilities;
mod sources;
mod work;

use axum::body::Body;
use axum::http::{Method, Request, header};
use posthouse_engine::Clock as _;
use posthouse_providers::auth::sign;
use posthouse_testkit::answer;
use posthouse_types::{AuthMode, Outcome, SecretText};
use serde_json::{Value, json};

use crate::wire_log::WireLog;
use crate::world::{Answer, World};

/// What proves GitHub in these tests.
pub(crate) const SECRET: &str = "it is a secret to everybody";
const PROVIDER_TOKEN: &str = "ghp_provider-token";
const API_KEY: &str = "sk-model-key";

/// A source as its provider knows it.
pub(crate) struct Hook {
    pub(crate) id: String,
    path: String,
}

impl World {
    /// A source that GitHub sends to.
    pub(crate) async fn hook(&self, mut members: Value) -> Hook {
        for (member, value) in [
            ("name", json!("Hook")),
            ("profile", json!("github")),
            ("auth", json!({ "secret": SECRET })),
            ("provider_token", json!(PROVIDER_TOKEN)),
        ] {
            members.as_object_mut().unwrap().entry(member).or_insert(value);
        }
        let made = self.post("/api/v1/sources", &members.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        Hook::of(&made.json())
    }

    /// An agent with a model, which the scripted runner plays, whose actions wait for approval.
    pub(crate) async fn careful_agent(&self) -> String {
        let agent = json!({
            "name": "Reviewer", "runner": "llm", "model": "small", "api_key": API_KEY, "approval": true,
            "tools": ["github_post_comment"],
        });
        self.make("/api/v1/agents", &agent.to_string()).await
    }

    /// GitHub tells of a pull request; its number is the key of the delivery, too.
    pub(crate) async fn pull_request(&self, hook: &Hook, number: u64) -> Answer {
        let body = pull_request(number);
        let secret = SecretText::new(SECRET.to_owned());
        let proof = sign(AuthMode::GithubHmacSha256, None, &secret, body.as_bytes(), self.clock.now());
        let request = Request::builder()
            .method(Method::POST)
            .uri(&hook.path)
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header("x-github-event", "pull_request")
            .header("x-github-delivery", number.to_string());
        let request = proof.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// A pull request that is taken on; the delivery's number.
    pub(crate) async fn taken_on(&self, hook: &Hook, number: u64) -> u64 {
        let answer = self.pull_request(hook, number).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["deliveryId"].as_u64().unwrap()
    }

    /// The next run of an agent wants to comment so on pull request 7.
    pub(crate) fn wants_to_comment(&self, texts: &[&str]) {
        let calls: Vec<(&str, Value)> =
            texts.iter().map(|text| ("github_post_comment", json!({ "number": 7, "body": text }))).collect();
        self.runner.script(&calls, Ok("I have commented."));
    }
}

impl Hook {
    fn of(source: &Value) -> Self {
        let url = source["ingest_url"].as_str().unwrap();
        Self {
            id: source["id"].as_str().unwrap().to_owned(),
            path: url.strip_prefix("http://localhost").unwrap().to_owned(),
        }
    }

    fn public_id(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }
}

fn pull_request(number: u64) -> String {
    let body = json!({
        "action": "opened",
        "number": number,
        "pull_request": {
            "number": number, "title": "Add webhook support", "user": { "login": "octocat" },
            "html_url": format!("https://github.com/octo-org/hello/pull/{number}"),
        },
        "repository": { "full_name": "octo-org/hello" },
    });
    body.to_string()
}

impl World {
    /// GitHub's answer to the next request.
    fn github_answers(&self, body: &Value) {
        let mut report = answer(Outcome::Delivered { status: 201 });
        report.response_body = body.to_string().into();
        self.sender.script([report]);
    }
}

#[tokio::test]
async fn every_call_as_it_goes_over_the_wire() {
    let mut world = World::new().await;
    let mut log = WireLog::default();
    let agent = json!({
        "name": "Reviewer", "runner": "llm", "model": "small", "system_prompt": "Be brief.",
        "api_key": API_KEY, "approval": true, "tools": {"allow": ["github_*"], "deny": ["github_merge_pr"]},
        "limits": {"turns": 5},
    });
    let agent = log.call(&world, "POST", "/api/v1/agents", &agent.to_string()).await.id();
    let agent_path = format!("/api/v1/agents/{agent}");
    log.call(&world, "GET", "/api/v1/agents?limit=1", "").await;
    log.call(&world, "GET", &agent_path, "").await;
    log.call(&world, "PATCH", &agent_path, r#"{"limits":{"seconds":60},"system_prompt":null}"#).await;

    let source = json!({
        "name": "Reviews", "profile": "github", "auth": {"secret": SECRET}, "agent_id": agent,
        "events": {"allow": ["pull_request"]}, "session": {"mode": "per_entity"},
        "provider_token": PROVIDER_TOKEN,
    });
    let made = log.call(&world, "POST", "/api/v1/sources", &source.to_string()).await.json();
    let hook = Hook::of(&made);
    let generic = r#"{"name":"Anything","profile":"generic"}"#;
    let made = log.call(&world, "POST", "/api/v1/sources", generic).await.json();
    let (other, made_here) = (Hook::of(&made), made["secret"].as_str().unwrap().to_owned());
    assert!(made_here.len() == 64 && made_here.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made_here}");
    let source_path = format!("/api/v1/sources/{}", hook.id);
    log.call(&world, "GET", "/api/v1/sources?limit=1", "").await;
    log.call(&world, "GET", &source_path, "").await;
    log.call(&world, "PATCH", &source_path, r#"{"events":{"deny":["pull_request.closed"]}}"#).await;
    log.call(&world, "GET", &format!("{source_path}/secret"), "").await;
    let rotate = json!({"secret": SECRET, "overlap_seconds": 0}).to_string();
    log.call(&world, "POST", &format!("{source_path}/rotate-secret"), &rotate).await;

    world.taken_on(&hook, 7).await;
    world.wants_to_comment(&["Looks good.", "Or does it?"]);
    world.turns.drain().await.unwrap();
    let listed = log.call(&world, "GET", &format!("{source_path}/deliveries?status=completed"), "").await;
    let delivery = listed.json()["data"][0].clone();
    let path = format!("/api/v1/inbound-deliveries/{}", delivery["id"].as_str().unwrap());
    let actions = log.call(&world, "GET", &path, "").await.json()["actions"].clone();
    let action = |index: usize| format!("{path}/actions/{}", actions[index]["id"].as_str().unwrap());
    log.call(&world, "GET", &format!("{path}/body"), "").await;
    log.call(&world, "POST", &format!("{}/approve", action(0)), "").await;
    log.call(&world, "POST", &format!("{}/deny", action(1)), "").await;
    world.github_answers(&json!({ "id": 42 }));
    world.turns.drain().await.unwrap();
    log.call(&world, "POST", &format!("{path}/rerun"), "").await;
    let session = delivery["session_id"].as_str().unwrap().to_owned();
    let session = format!("/api/v1/sessions/{session}");
    log.call(&world, "GET", &session, "").await;
    log.call(&world, "GET", &format!("{session}/messages"), "").await;
    log.call(&world, "DELETE", &agent_path, "").await;
    log.call(&world, "DELETE", &source_path, "").await;
    log.call(&world, "DELETE", &agent_path, "").await;
    log.call(&world, "GET", &path, "").await;
    let log = log.without(&made_here, "[made here]").without(hook.public_id(), "wh_[one]");
    insta::assert_snapshot!("native_inbound", log.without(other.public_id(), "wh_[other]").text());
}

impl Answer {
    fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}
