//! Agents that are HTTP services.

use std::sync::Arc;

use posthouse_agents::RunnersOptions;
use posthouse_engine::{AgentReply, AgentRun, RunError};
use posthouse_sign::standard::{STANDARD_TOLERANCE_S, StandardKey, StandardRequest, verify};
use posthouse_types::Runner;
use serde_json::json;
use tokio::net::TcpListener;

use crate::peer::{Peer, answer};
use crate::support::{egress, options, reply, run, secret, url};

fn asking(address: &str) -> AgentRun {
    run(Runner::Http { url: url(address) })
}

async fn result(text: String) -> Result<AgentReply, RunError> {
    let peer = Peer::answering([text]).await;
    reply(options(), asking(&peer.url("/agent")), &Arc::default()).await
}

#[tokio::test]
async fn the_question_says_everything() {
    let peer = Peer::telling([json!({ "content": "It looks fine.", "more": 1 })]).await;
    let mut run = asking(&peer.url("/agent?x=1"));
    run.agent.model = Some("a-model".to_owned());
    let answered = reply(options(), run, &Arc::default()).await.unwrap();
    assert_eq!(answered, AgentReply { content: "It looks fine.".to_owned(), tokens: None });

    let asked = &peer.asked()[0];
    assert_eq!(asked.path, "/agent?x=1");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("webhook-signature"), None, "there is no secret to sign with");
    let parameters = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
    let expected = json!({
        "session_id": "webhook:github:7",
        "message": "PR #7 was opened.",
        "headline": "PR #7 opened",
        "history": [
            { "role": "user", "content": "Earlier." },
            { "role": "assistant", "content": "Noted." },
        ],
        "system_prompt": "Be brief.",
        "model": "a-model",
        "tools": [
            { "name": "look_up", "description": "Does look_up.", "parameters": parameters },
            { "name": "fail", "description": "Does fail.", "parameters": parameters },
        ],
    });
    assert_eq!(asked.json(), expected);
}

#[tokio::test]
async fn questions_are_signed() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let peer = Peer::telling([json!({ "content": "Fine." })]).await;
    let mut run = asking(&peer.url("/agent"));
    run.secret = Some(secret(key));
    reply(options(), run, &Arc::default()).await.unwrap();
    let asked = &peer.asked()[0];
    let header = |name| asked.header(name).unwrap();
    let request = StandardRequest {
        message_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &asked.body,
    };
    // The manual clock's time.
    let verifier = StandardKey::parse(key).unwrap().verifier();
    verify(&[&verifier], &request, 1_767_225_600, STANDARD_TOLERANCE_S).unwrap();
    assert!(!asked.text().contains(key));
}

#[tokio::test]
async fn secrets_must_be_able_to_sign() {
    let peer = Peer::telling([]).await;
    let mut run = asking(&peer.url("/agent"));
    run.secret = Some(secret("guess-me"));
    let error = reply(options(), run, &Arc::default()).await.unwrap_err();
    assert!(matches!(&error, RunError::Permanent(text) if !text.contains("guess-me")), "{error:?}");
    assert!(peer.asked().is_empty());
}

#[tokio::test]
async fn answers_are_json_or_text() {
    for (given, expected) in [
        (answer(200, "application/json; charset=utf-8", "{\"content\": \"ä\"}"), "ä"),
        (answer(201, "text/plain; charset=utf-8", "As text."), "As text."),
        (answer(200, "text/plain", ""), ""),
        ("HTTP/1.1 204 X\r\n\r\n".to_owned(), ""),
    ] {
        assert_eq!(result(given).await.unwrap().content, expected);
    }
    for bad in [
        answer(200, "application/json", "{"),
        answer(200, "application/json", "{\"content\": 7}"),
        answer(200, "application/json", "[]"),
        answer(200, "text/html", "<p>Hi</p>"),
    ] {
        assert!(matches!(result(bad.clone()).await, Err(RunError::Permanent(_))), "{bad}");
    }
}

#[tokio::test]
async fn statuses_say_whether_to_try_again() {
    for status in [408, 425, 429, 500, 503] {
        let expected = RunError::Temporary(format!("the agent's service answered {status}"));
        assert_eq!(result(answer(status, "text/plain", "no")).await, Err(expected));
    }
    for status in [302, 400, 401, 404, 410] {
        let expected = RunError::Permanent(format!("the agent's service answered {status}"));
        assert_eq!(result(answer(status, "text/plain", "no")).await, Err(expected));
    }
}

#[tokio::test]
async fn huge_answers_are_not_read() {
    let error = result(answer(200, "text/plain", &"x".repeat(256 * 1024 + 1))).await.unwrap_err();
    assert_eq!(
        error,
        RunError::Permanent("the agent's service answered with more than 262144 bytes".to_owned())
    );
}

#[tokio::test]
async fn services_that_are_away_may_come_back() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = reply(options(), asking(&format!("http://{free}/")), &Arc::default()).await.unwrap_err();
    assert!(matches!(error, RunError::Temporary(_)), "{error:?}");
}

#[tokio::test]
async fn private_services_are_not_called() {
    let peer = Peer::telling([json!({ "content": "Fine." })]).await;
    let options = RunnersOptions { sender: egress(false), ..options() };
    let error = reply(options, asking(&peer.url("/agent")), &Arc::default()).await.unwrap_err();
    let expected = "the agent's service is at an address that may not be called";
    assert_eq!(error, RunError::Permanent(expected.to_owned()));
    assert!(peer.asked().is_empty());
}
