//! What the loop goes through: a server, and around it a model, a provider and a platform that the test plays.

use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use posthouse_testkit::Receiver;
use serde_json::{Value, json};
use sha2::Sha256;
use standardwebhooks::Webhook;
use tempfile::TempDir;

use crate::peer::{Asked, Peer};
use crate::server::{Client, Server};

pub(crate) const MODEL_KEY: &str = "sk-of-the-model";
pub(crate) const PROVIDER_TOKEN: &str = "ghp_of_the_repository";
pub(crate) const SYSTEM_PROMPT: &str = "You review pull requests.";
pub(crate) const SUFFIX: &str = "Focus on security.";
/// Where the model is asked.
const CHAT: &str = "/v1/chat/completions";

/// A server with an agent, a source that is bound to it, and an endpoint that is told of everything.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) model: Peer,
    pub(crate) github: Peer,
    pub(crate) source: Value,
    platform: Receiver,
    /// What checks deliveries to the platform.
    verifier: Webhook,
    server: Option<Server>,
    data: TempDir,
}

/// An answer to a request that did not fail on the way.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(data.path());
        let client = Client::new(&server, data.path());
        let (model, github, platform) = (Peer::start().await, Peer::start().await, Receiver::start().await);
        let agent = client.post(
            "/api/v1/agents",
            &json!({
                "name": "Reviewer", "runner": "llm", "provider": "openai", "model": "scripted-1",
                "base_url": model.url("/v1"), "api_key": MODEL_KEY, "system_prompt": SYSTEM_PROMPT,
                "tools": { "allow": ["webhook_get_full_payload", "github_post_comment"] },
            }),
        );
        let source = client.post(
            "/api/v1/sources",
            &json!({
                "name": "Reviews", "profile": "github", "agent_id": agent["id"],
                "session": { "mode": "per_entity" }, "overrides": { "system_prompt_suffix": SUFFIX },
                "provider_url": github.url(""), "provider_token": PROVIDER_TOKEN,
            }),
        );
        let endpoint = client.post(
            "/api/v1/endpoints",
            &json!({ "url": platform.url("/"), "events": ["session.*", "action.*"] }),
        );
        let verifier = Webhook::new(endpoint["secret"].as_str().unwrap()).unwrap();
        Self { client, model, github, source, platform, verifier, server: Some(server), data }
    }

    pub(crate) fn source_id(&self) -> &str {
        self.source["id"].as_str().unwrap()
    }

    /// Sends the source an event, signed with its secret.
    pub(crate) fn send(&self, event: &str, delivery: &str, body: &str) -> Answered {
        send(&self.source, event, delivery, body)
    }

    /// Waits for the next question to the model.
    pub(crate) async fn question(&self) -> Asked {
        let asked = self.model.next().await;
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", CHAT));
        assert_eq!(asked.headers["authorization"], format!("Bearer {MODEL_KEY}"));
        asked
    }

    /// Waits for the next delivery to the platform, checks its signature as the platform would, and says what it
    /// tells of.
    pub(crate) async fn told(&self) -> (String, Value) {
        let arrived = self.platform.next().await;
        let headers: HeaderMap = arrived.headers.clone();
        self.verifier.verify(&arrived.body, &headers).unwrap();
        let id = arrived.headers["webhook-id"].to_str().unwrap();
        let event = self.client.get(&format!("/api/v1/events/{id}"));
        (event["type"].as_str().unwrap().to_owned(), serde_json::from_slice(&arrived.body).unwrap())
    }

    /// Waits for so many of them, in no order.
    pub(crate) async fn told_of(&self, count: usize) -> Vec<(String, Value)> {
        let mut told = Vec::new();
        while told.len() < count {
            told.push(self.told().await);
        }
        told
    }

    /// What was said in a session, oldest first.
    pub(crate) fn said(&self, session: &str) -> Vec<Value> {
        let path = format!("/api/v1/sessions/{session}/messages");
        let mut messages = self.client.get(&path)["data"].as_array().unwrap().clone();
        messages.reverse();
        messages
    }

    /// `kill -9`, and a new start on the same data.
    pub(crate) fn kill_and_start(&mut self) {
        self.server.take().unwrap().kill();
        let server = Server::start(self.data());
        self.client.url.clone_from(&server.url);
        self.server = Some(server);
    }

    fn data(&self) -> &Path {
        self.data.path()
    }
}

/// Sends a source an event as GitHub does (GitHub, Validating webhook deliveries), with nothing of ours.
pub(crate) fn send(source: &Value, event: &str, delivery: &str, body: &str) -> Answered {
    let secret = source["secret"].as_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    send_signed(source, event, delivery, (body, &signature))
}

pub(crate) fn send_signed(
    source: &Value,
    event: &str,
    delivery: &str,
    (body, signature): (&str, &str),
) -> Answered {
    let mut answer = ureq::post(source["ingest_url"].as_str().unwrap())
        .config()
        .http_status_as_error(false)
        .build()
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", signature)
        .send(body)
        .unwrap();
    Answered { status: answer.status().as_u16(), body: answer.body_mut().read_json().unwrap() }
}

/// An answer of the model in words. Source: OpenAI, API reference, “Create chat completion”.
pub(crate) fn says(text: &str) -> Value {
    completion(&json!({ "role": "assistant", "content": text }), "stop")
}

/// An answer of the model that calls a tool.
pub(crate) fn calls(id: &str, tool: &str, arguments: &Value) -> Value {
    let function = json!({ "name": tool, "arguments": arguments.to_string() });
    let call = json!({ "id": id, "type": "function", "function": function });
    completion(&json!({ "role": "assistant", "content": null, "tool_calls": [call] }), "tool_calls")
}

/// What every answer of the model costs.
pub(crate) const TOKENS: (u64, u64) = (100, 20);

fn completion(message: &Value, finish_reason: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_741_570_283, "model": "scripted-1",
        "choices": [{ "index": 0, "message": message, "finish_reason": finish_reason }],
        "usage": { "prompt_tokens": TOKENS.0, "completion_tokens": TOKENS.1, "total_tokens": TOKENS.0 + TOKENS.1 },
    })
}

/// The result of the last tool in a question, which is its last message.
pub(crate) fn result(question: &Value, call: &str) -> String {
    let last = question["messages"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["role"], &last["tool_call_id"]), (&json!("tool"), &json!(call)), "{question}");
    content(last)
}

/// The text of a message, in either of the forms that the protocol has.
pub(crate) fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(|part| part["text"].as_str().unwrap()).collect(),
        other => panic!("no content: {other}"),
    }
}
