//! Which key goes where, and through which door.

use std::sync::Arc;

use posthouse_agents::{ProviderDefaults, Runners, RunnersError, RunnersOptions};
use posthouse_engine::{AgentRun, RunError};
use posthouse_testkit::ScriptedSender;
use posthouse_types::{LlmProvider, Runner};

use crate::peer::{Peer, answer};
use crate::protocols::{ALL, OPENAI};
use crate::support::{egress, llm, options, reply, run, secret, url, with_provider};

/// An agent that brings neither address nor key.
fn bare(provider: LlmProvider) -> AgentRun {
    let mut run = run(Runner::Llm { provider, base_url: None });
    run.agent.model = Some("a-model".to_owned());
    run
}

fn operators(base_url: Option<&str>) -> ProviderDefaults {
    ProviderDefaults { base_url: base_url.map(url), api_key: Some(secret("sk-operator")) }
}

#[tokio::test]
async fn the_operators_key_never_goes_to_an_agents_address() {
    for protocol in ALL {
        let peer = Peer::telling([(protocol.says)("Fine.")]).await;
        let elsewhere = Peer::telling([]).await;
        let defaults = operators(Some(&elsewhere.url("")));
        let mut run = llm(protocol.provider, &peer.url(protocol.base));
        run.secret = None;
        reply(with_provider(protocol.provider, defaults), run, &Arc::default()).await.unwrap();
        let asked = &peer.asked()[0];
        assert!(!asked.text().contains("sk-operator"), "{}", asked.text());
        assert_eq!(asked.header(protocol.key.0), None, "no key rather than an empty one");
        assert!(elsewhere.asked().is_empty());
    }
}

#[tokio::test]
async fn the_operators_address_takes_the_operators_key_and_may_be_private() {
    for protocol in ALL {
        let peer = Peer::telling([(protocol.says)("Fine.")]).await;
        let options = RunnersOptions {
            sender: egress(false),
            ..with_provider(protocol.provider, operators(Some(&peer.url(protocol.base))))
        };
        assert_eq!(reply(options, bare(protocol.provider), &Arc::default()).await.unwrap().content, "Fine.");
        let asked = &peer.asked()[0];
        assert_eq!(asked.path, protocol.path);
        let (header, value) = protocol.key;
        assert_eq!(asked.header(header), Some(value.replace("sk-own", "sk-operator").as_str()));
    }
}

#[tokio::test]
async fn an_agents_own_key_comes_first() {
    let peer = Peer::telling([(OPENAI.says)("Fine.")]).await;
    let mut run = bare(OPENAI.provider);
    run.secret = Some(secret("sk-own"));
    reply(with_provider(OPENAI.provider, operators(Some(&peer.url("/v1")))), run, &Arc::default())
        .await
        .unwrap();
    assert_eq!(peer.asked()[0].header("authorization"), Some("Bearer sk-own"));
}

#[tokio::test]
async fn an_agents_address_may_not_be_private() {
    for protocol in ALL {
        let peer = Peer::telling([(protocol.says)("Fine.")]).await;
        let options = RunnersOptions { sender: egress(false), ..options() };
        let run = llm(protocol.provider, &peer.url(protocol.base));
        let error = reply(options, run, &Arc::default()).await.unwrap_err();
        let expected = "the model gave no answer: its address may not be called";
        assert_eq!(error, RunError::Permanent(expected.to_owned()));
        assert!(peer.asked().is_empty());
    }
}

#[tokio::test]
async fn without_addresses_the_providers_own_is_called_through_the_restricted_door() {
    for (provider, address) in [
        (LlmProvider::Openai, "https://api.openai.com/v1/chat/completions"),
        (LlmProvider::Anthropic, "https://api.anthropic.com/v1/messages"),
        (
            LlmProvider::Gemini,
            "https://generativelanguage.googleapis.com/v1beta/models/a-model:generateContent",
        ),
    ] {
        let (sender, trusted) = (Arc::new(ScriptedSender::default()), Arc::new(ScriptedSender::default()));
        let options = RunnersOptions {
            sender: sender.clone(),
            trusted: trusted.clone(),
            ..with_provider(provider, operators(None))
        };
        reply(options, bare(provider), &Arc::default()).await.unwrap_err();
        let sent = sender.take_sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].uri, address);
        let headers: Vec<_> =
            sent[0].headers.values().filter(|value| value.as_bytes().ends_with(b"sk-operator")).collect();
        assert_eq!(headers.len(), 1);
        assert!(headers[0].is_sensitive());
        assert!(trusted.take_sent().is_empty());
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let permanent = |text: &str| RunError::Permanent(text.to_owned());
    for provider in [LlmProvider::Openai, LlmProvider::Anthropic, LlmProvider::Gemini] {
        let error = reply(options(), bare(provider), &Arc::default()).await.unwrap_err();
        assert_eq!(
            error,
            permanent(&format!("neither the agent nor the server has an API key for {provider}"))
        );
    }
    let error = reply(options(), bare(LlmProvider::Ollama), &Arc::default()).await.unwrap_err();
    assert_eq!(error, permanent("neither the agent nor the server says where Ollama is (base_url)"));

    let mut run = bare(LlmProvider::Openai);
    run.agent.model = None;
    let error = reply(options(), run, &Arc::default()).await.unwrap_err();
    assert_eq!(error, permanent("the agent names no model"));

    let run = llm(LlmProvider::Openai, "http://127.0.0.1:9/v1?api-version=1");
    let error = reply(options(), run, &Arc::default()).await.unwrap_err();
    assert!(matches!(error, RunError::Permanent(text) if text.contains("query")));
}

#[tokio::test]
async fn models_are_no_paths() {
    let peer = Peer::telling([]).await;
    let mut run = bare(LlmProvider::Gemini);
    run.agent.model = Some("../../v1/files?x".to_owned());
    let options = with_provider(LlmProvider::Gemini, operators(Some(&peer.url(""))));
    assert!(matches!(reply(options, run, &Arc::default()).await, Err(RunError::Permanent(_))));
    assert!(peer.asked().is_empty());
}

#[tokio::test]
async fn the_operators_key_is_not_the_owners_business() {
    for protocol in ALL {
        for status in [401, 403] {
            let body = (protocol.error)("Incorrect API key provided: sk-op*****tor, organisation Acme.");
            let peer = Peer::answering([answer(status, "application/json", &body.to_string())]).await;
            let options = with_provider(protocol.provider, operators(Some(&peer.url(protocol.base))));
            let error = reply(options, bare(protocol.provider), &Arc::default()).await.unwrap_err();
            let text = format!("the model answered {status}: the server's API key was refused");
            assert_eq!(error, RunError::Permanent(text));
        }
    }
}

#[test]
fn configurations_that_can_not_work_are_refused() {
    let defaults = operators(Some("http://127.0.0.1:9/v1?x=1"));
    let error = Runners::new(with_provider(LlmProvider::Openai, defaults)).err();
    assert!(matches!(error, Some(RunnersError::Provider { provider: LlmProvider::Openai, .. })));
}
