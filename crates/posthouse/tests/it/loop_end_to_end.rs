//! The whole loop over real sockets: a provider posts, an agent reads, acts at the provider and answers, endpoints are
//! told, a person goes on with the conversation.

use posthouse_providers::sample;
use serde_json::{Value, json};

use crate::loop_world::{
    PROVIDER_TOKEN, SUFFIX, SYSTEM_PROMPT, TOKENS, World, calls, content, result, says, send, send_signed,
};

const COMMENT: &str = "Please check the signature before anything else.";
/// What the provider calls the comment.
const COMMENT_ID: u64 = 991;

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_a_session_whose_agent_acts_and_answers() {
    let world = World::start().await;
    let payload = sample::sample("github", "pull_request.opened", "d-1").unwrap().body;
    let accepted = accepted(&world, &payload);
    let posted = reviewed(&world, &payload).await;
    let session = told(&world).await;
    kept(&world, &accepted, &session);
    continued(&world, &session).await;
    passed_over(&world, &payload, &posted);
    counted(&world);
    assert!(world.model.is_idle().await, "the agent's own comment woke it again");
    assert!(world.github.is_idle().await, "the comment was posted more than once");
}

/// The answer to the provider, member by member.
fn accepted(world: &World, payload: &str) -> Value {
    let answer = world.send("pull_request", "d-1", payload);
    assert_eq!(answer.status, 202);
    let received_at = answer.body["receivedAt"].as_str().unwrap();
    let expected = json!({
        "deliveryId": 1,
        "status": "queued",
        "webhookId": world.source["public_id"],
        "eventType": "pull_request.opened",
        "receivedAt": received_at,
    });
    assert_eq!(answer.body, expected);
    answer.body
}

/// Plays the model: it reads the payload, posts a comment, answers. The comment as it came to the provider.
async fn reviewed(world: &World, payload: &str) -> String {
    let asked = world.question().await;
    let question = asked.json();
    assert_eq!(question["model"], "scripted-1");
    let tools: Vec<&Value> =
        question["tools"].as_array().unwrap().iter().map(|t| &t["function"]["name"]).collect();
    assert_eq!(tools, ["webhook_get_full_payload", "github_post_comment"]);
    let [system, user] = question["messages"].as_array().unwrap().as_slice() else { panic!("{question}") };
    let system = content(system);
    assert!(system.starts_with(&format!("{SYSTEM_PROMPT}\n\n{SUFFIX}\n\n")), "{system}");
    let fence = system.split_once("between <").and_then(|(_, rest)| rest.split_once('>')).unwrap().0;
    let told = content(user);
    let told =
        told.strip_prefix(&format!("<{fence}>\n")).and_then(|t| t.strip_suffix(&format!("\n</{fence}>")));
    assert_eq!(told.unwrap(), normalised(world));
    asked.answer(200, calls("call_1", "webhook_get_full_payload", &json!({})));

    let asked = world.question().await;
    let read: Value = serde_json::from_str(&result(&asked.json(), "call_1")).unwrap();
    assert_eq!((&read["body"], &read["truncated"]), (&json!(payload), &json!(false)));
    asked.answer(200, calls("call_2", "github_post_comment", &json!({ "number": 42, "body": COMMENT })));

    let comment = world.github.next().await;
    assert_eq!(
        (comment.method.as_str(), comment.path.as_str()),
        ("POST", "/repos/octo-org/hello-world/issues/42/comments")
    );
    assert_eq!(comment.headers["authorization"], format!("Bearer {PROVIDER_TOKEN}"));
    let posted = comment.json()["body"].as_str().unwrap().to_owned();
    assert!(posted.starts_with(COMMENT), "{posted}");
    comment.answer(201, json!({ "id": COMMENT_ID, "body": posted }));

    let asked = world.question().await;
    assert!(result(&asked.json(), "call_2").contains(&COMMENT_ID.to_string()));
    asked.answer(200, says("I left a comment."));
    posted
}

/// What the agent is told, as the delivery shows it.
fn normalised(world: &World) -> String {
    let detail = world.client.get("/api/v1/inbound-deliveries/1");
    let told = detail["normalized"].as_str().unwrap().to_owned();
    let received = detail["received_at"].as_str().unwrap().split('.').next().unwrap().to_owned();
    let head = format!(
        "Webhook delivery received.\n\nWebhook: Reviews ({})\nSource: github\nEvent: pull_request.opened\n\
         Delivery: d-1\nReceived: {received}Z\n\n---\n\nGitHub event: pull_request.opened\n\n\
         Repository: octo-org/hello-world\nPR #42: \"Add webhook support\"\n  Author: @octo-dev\n  \
         Branch: feature/webhooks → main\n  URL: https://github.com/octo-org/hello-world/pull/42\n  Draft: false\n\n\
         Description:\n",
        world.source["public_id"].as_str().unwrap(),
    );
    assert!(told.starts_with(&head), "{told}");
    assert!(told.contains("\nChanged files: 42 (+1,203 / -156)\n"), "{told}");
    assert!(told.ends_with("\n---\n\nFull payload available via webhook_get_full_payload tool."), "{told}");
    told
}

/// What the platform is told of it; the session.
async fn told(world: &World) -> String {
    let told = world.told_of(5).await;
    let of = |wanted: &str| -> Vec<&Value> {
        told.iter().filter(|(kind, _)| kind == wanted).map(|(_, payload)| payload).collect()
    };
    let public_id = world.source["public_id"].as_str().unwrap();
    let session = format!("webhook:{public_id}:github:octo-org~hello-world:pr:42");
    assert!(told.iter().all(|(_, payload)| payload["session_id"] == session), "{told:?}");
    assert_eq!(of("session.started").len(), 1, "{told:?}");
    assert_eq!(of("session.started")[0]["label"], session.replace('~', "/"));
    let mut roles: Vec<&str> = of("session.message").iter().map(|p| p["role"].as_str().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["assistant", "user"]);
    let [action] = of("action.taken")[..] else { panic!("{told:?}") };
    assert_eq!(action["tool"], "github_post_comment");
    assert_eq!(action["status"], "success");
    assert_eq!(action["source_id"], world.source_id());
    assert_eq!(action["input"], json!({ "number": 42, "body": COMMENT }));
    assert_eq!(of("session.completed").len(), 1);
    assert_eq!(
        of("session.completed")[0]["tokens"],
        json!({ "input": 3 * TOKENS.0, "output": 3 * TOKENS.1 })
    );
    session
}

/// What is kept of the delivery and of what was said.
fn kept(world: &World, accepted: &Value, session: &str) {
    let delivery = world.client.get(&format!("/api/v1/inbound-deliveries/{}", accepted["deliveryId"]));
    assert_eq!(delivery["status"], "completed");
    assert_eq!(delivery["session_id"], session);
    assert_eq!(delivery["runs"], 1);
    assert_eq!(delivery["received_at"], accepted["receivedAt"]);
    assert_eq!(
        (&delivery["tokens_in"], &delivery["tokens_out"]),
        (&json!(3 * TOKENS.0), &json!(3 * TOKENS.1))
    );
    assert!(delivery["duration_ms"].is_u64(), "{delivery}");
    assert!(!delivery.to_string().contains("sha256="), "what proves the sender is not kept: {delivery}");
    let [action] = delivery["actions"].as_array().unwrap().as_slice() else { panic!("{delivery}") };
    assert_eq!((&action["tool"], &action["status"]), (&json!("github_post_comment"), &json!("success")));
    assert_eq!(action["object"], format!("comment:{COMMENT_ID}"));

    let said = world.said(session);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!((&said[0]["role"], &said[0]["content"]), (&json!("user"), &delivery["normalized"]));
    assert_eq!((&said[1]["role"], &said[1]["content"]), (&json!("assistant"), &json!("I left a comment.")));
    let called: Vec<(&Value, &Value)> = said[1]["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| (&call["name"], &call["action_id"]))
        .collect();
    let payload_tool = (&json!("webhook_get_full_payload"), &Value::Null);
    assert_eq!(called, [payload_tool, (&action["tool"], &action["id"])]);
}

/// A person goes on with the session.
async fn continued(world: &World, session: &str) {
    let path = format!("/api/v1/sessions/{session}/messages");
    world.client.post(&path, &json!({ "content": "Is it safe to merge?" }));
    let asked = world.question().await;
    let question = asked.json();
    let messages = question["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert_eq!(content(&messages[2]), "I left a comment.");
    assert_eq!(content(&messages[3]), "Is it safe to merge?", "a person's word is not fenced");
    asked.answer(200, says("Not yet."));
    // The question, the answer, and that it is over.
    let told = world.told_of(3).await;
    assert!(told.iter().any(|(kind, _)| kind == "session.completed"), "{told:?}");
    assert_eq!(world.said(session).last().unwrap()["content"], "Not yet.");
}

/// What nothing follows from: the agent's own comment, a repeat, a forgery, one too many.
fn passed_over(world: &World, payload: &str, posted: &str) {
    let mut own: Value =
        serde_json::from_str(&sample::sample("github", "issue_comment.created", "d-2").unwrap().body)
            .unwrap();
    own["comment"]["id"] = COMMENT_ID.into();
    own["comment"]["body"] = posted.into();
    let answer = world.send("issue_comment", "d-2", &own.to_string());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, json!({ "status": "filtered", "eventType": "issue_comment.created" }));
    let filtered =
        world.client.get(&format!("/api/v1/sources/{}/deliveries?status=filtered", world.source_id()));
    assert_eq!(filtered["data"][0]["reason"], "own_action");

    let answer = world.send("pull_request", "d-1", payload);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, json!({ "status": "deduplicated", "existingDeliveryId": 1 }));

    let signature = format!("sha256={}", "0".repeat(64));
    let answer = send_signed(&world.source, "pull_request", "d-3", (payload, &signature));
    assert_eq!((answer.status, answer.body), (401, json!({ "error": "authentication failed" })));

    let narrow =
        json!({ "name": "Narrow", "profile": "github", "deliver_only": true, "rate_limit_per_minute": 1 });
    let narrow = world.client.post("/api/v1/sources", &narrow);
    assert_eq!(send(&narrow, "push", "d-4", "{}").status, 202);
    let answer = send(&narrow, "push", "d-5", "{}");
    assert_eq!((answer.status, answer.body), (429, json!({ "error": "rate limited" })));
}

/// The seven names, as whoever collects metrics sees them. That a run has ended is counted once it has ended, so this
/// reads again, without pausing, for a bounded number of times.
fn counted(world: &World) {
    let source = format!("webhook_id=\"{}\"", world.source_id());
    let expected = [
        format!(
            "webhooks_deliveries_total{{{source},status=\"received\",event_type=\"pull_request.opened\"}} 1"
        ),
        format!(
            "webhooks_deliveries_total{{{source},status=\"completed\",event_type=\"pull_request.opened\"}} 1"
        ),
        format!(
            "webhooks_deliveries_total{{{source},status=\"filtered\",event_type=\"issue_comment.created\"}} 1"
        ),
        format!(
            "webhooks_deliveries_total{{{source},status=\"deduplicated\",event_type=\"pull_request.opened\"}} 1"
        ),
        format!("webhooks_deliveries_total{{{source},status=\"rejected\",event_type=\"none\"}} 1"),
        format!("webhooks_deliveries_filtered_total{{{source},event_type=\"issue_comment.created\"}} 1"),
        format!("webhooks_deliveries_rejected_total{{{source},reason=\"wrong_signature\"}} 1"),
        format!("webhooks_processing_duration_seconds_count{{{source}}} 1"),
        format!(
            "webhooks_response_actions_total{{{source},tool_name=\"github_post_comment\",status=\"success\"}} 1"
        ),
        "webhooks_worker_queue_depth 0".to_owned(),
    ];
    let mut text = String::new();
    for _ in 0..20_000 {
        let answer = ureq::get(format!("{}/metrics", world.client.url)).call();
        text = answer.unwrap().body_mut().read_to_string().unwrap();
        let limited =
            text.lines().any(|l| l.starts_with("webhooks_rate_limited_total{") && l.ends_with("} 1"));
        if limited && expected.iter().all(|wanted| text.lines().any(|line| line == wanted)) {
            return;
        }
    }
    let missing: Vec<&String> =
        expected.iter().filter(|wanted| !text.lines().any(|line| line == *wanted)).collect();
    panic!("missing: {missing:#?}\n{text}");
}
