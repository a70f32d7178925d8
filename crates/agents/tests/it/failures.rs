//! What goes wrong between us and a model.

use std::sync::Arc;
use std::time::Duration;

use posthouse_agents::RunnersOptions;
use posthouse_engine::{AgentRun, RunError};
use posthouse_testkit::{ScriptedSender, answer as scripted};
use posthouse_types::{LlmProvider, Outcome};
use tokio::net::TcpListener;

use crate::peer::{Peer, answer};
use crate::protocols::{ALL, OPENAI, Protocol};
use crate::support::{llm, options, reply};

async fn error(run: AgentRun) -> RunError {
    reply(options(), run, &Arc::default()).await.unwrap_err()
}

async fn error_of(protocol: &Protocol, answers: impl IntoIterator<Item = String>) -> RunError {
    let peer = Peer::answering(answers).await;
    error(llm(protocol.provider, &peer.url(protocol.base))).await
}

fn json(status: u16, body: &serde_json::Value) -> String {
    answer(status, "application/json", &body.to_string())
}

#[tokio::test]
async fn busy_models_are_asked_again_later() {
    for protocol in ALL {
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
            let error = error_of(&protocol, [json(status, &(protocol.error)("Slow down."))]).await;
            let RunError::Temporary(text) = error else {
                panic!("{} {status}: {error:?}", protocol.provider)
            };
            assert_eq!(text, format!("the model answered {status}: Slow down."));
        }
    }
}

#[tokio::test]
async fn refusals_are_final_and_do_not_tell_the_key() {
    for protocol in ALL {
        for status in [400, 401, 403, 404, 422] {
            let body = (protocol.error)("Incorrect API key provided:\n\u{1b}sk-own.");
            let error = error_of(&protocol, [json(status, &body)]).await;
            let RunError::Permanent(text) = error else {
                panic!("{} {status}: {error:?}", protocol.provider)
            };
            assert_eq!(text, format!("the model answered {status}: Incorrect API key provided: [key]."));
        }
    }
}

#[tokio::test]
async fn what_was_spent_is_told_with_the_failure() {
    for protocol in ALL {
        let first = json(200, &(protocol.calls)(&[("look_up", 1)]));
        let error = error_of(&protocol, [first, json(429, &(protocol.error)("Slow down."))]).await;
        let RunError::Temporary(text) = error else { panic!("{error:?}") };
        assert!(text.ends_with(": Slow down. (19 tokens read and 10 written were spent)"), "{text}");
    }
}

#[tokio::test]
async fn answers_that_are_not_the_protocol_are_errors() {
    for protocol in ALL {
        for body in ["", "{", "null", "[]", "\"x\"", "{\"choices\": 7}", "<html>a page</html>"] {
            let error = error_of(&protocol, [answer(200, "application/json", body)]).await;
            let RunError::Permanent(text) = error else { panic!("{} {body}: {error:?}", protocol.provider) };
            assert!(text.starts_with("the model's answer is not "), "{}: {body}: {text}", protocol.provider);
            assert!(text.chars().count() < 400 && !text.contains("sk-own"), "{text}");
        }
    }
}

#[tokio::test]
async fn pages_are_not_repeated() {
    let error = error_of(&OPENAI, [answer(404, "text/html", "<html>Intranet of Acme</html>")]).await;
    assert_eq!(error, RunError::Permanent("the model answered 404".to_owned()));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Peer::telling([(OPENAI.says)("Fine.")]).await;
    let location = format!("HTTP/1.1 307 X\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("/"));
    let error = error_of(&OPENAI, [location]).await;
    assert_eq!(error, RunError::Permanent("the model answered 307".to_owned()));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn huge_answers_are_not_read() {
    let huge = "x".repeat(8 * 1024 * 1024 + 1);
    let error = error_of(&OPENAI, [json(200, &(OPENAI.says)(&huge))]).await;
    assert_eq!(
        error,
        RunError::Permanent("the model gave no answer: it answered with more than 8388608 bytes".to_owned())
    );
}

#[tokio::test]
async fn filtered_answers_are_no_answers() {
    let mut filtered = (OPENAI.says)("");
    filtered["choices"][0]["finish_reason"] = "content_filter".into();
    let error = error_of(&OPENAI, [json(200, &filtered)]).await;
    let RunError::Permanent(text) = error else { panic!("{error:?}") };
    assert!(text.starts_with("the model gave no answer: "), "{text}");
}

#[tokio::test]
async fn connections_that_fail_may_work_later() {
    // Nothing listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = error(llm(LlmProvider::Openai, &format!("http://{free}/v1"))).await;
    assert!(
        matches!(&refused, RunError::Temporary(text) if text.contains("could not be reached")),
        "{refused:?}"
    );

    let closed = error_of(&OPENAI, []).await;
    assert!(
        matches!(&closed, RunError::Temporary(text) if text.contains("could not be reached")),
        "{closed:?}"
    );

    let cut = answer(200, "application/json", "{}").replace("Content-Length: 2", "Content-Length: 3");
    let cut = error_of(&OPENAI, [cut]).await;
    assert!(matches!(&cut, RunError::Temporary(text) if text.contains("could not be reached")), "{cut:?}");
}

#[tokio::test]
async fn slow_models_are_asked_again_later() {
    let sender = Arc::new(ScriptedSender::default());
    sender.script([scripted(Outcome::Timeout)]);
    let mut run = llm(LlmProvider::Openai, "http://127.0.0.1:9/v1");
    run.agent.limits.seconds = 7;
    let options = RunnersOptions { sender: sender.clone(), ..options() };
    let error = reply(options, run, &Arc::default()).await.unwrap_err();
    assert!(matches!(&error, RunError::Temporary(text) if text.contains("scripted timeout")), "{error:?}");
    assert_eq!(sender.take_sent()[0].timeout, Duration::from_secs(7));
}
