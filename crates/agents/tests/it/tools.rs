//! Answers, tools and tokens in each of the protocols.

use std::sync::Arc;

use posthouse_engine::AgentReply;
use posthouse_types::{LlmProvider, Tokens};
use serde_json::{Value, json};

use crate::peer::Peer;
use crate::protocols::{ALL, ANTHROPIC, GEMINI, OPENAI, Protocol};
use crate::support::{Tools, llm, options, reply};

async fn answered(protocol: &Protocol, answers: Vec<Value>) -> (AgentReply, Peer, Arc<Tools>) {
    let peer = Peer::telling(answers).await;
    let tools = Arc::new(Tools::default());
    let run = llm(protocol.provider, &peer.url(protocol.base));
    let reply = reply(options(), run, &tools).await;
    (reply.unwrap_or_else(|error| panic!("{}: {error}", protocol.provider)), peer, tools)
}

#[tokio::test]
async fn a_text_is_the_answer() {
    for protocol in ALL {
        let (reply, peer, tools) = answered(&protocol, vec![(protocol.says)("It looks fine.")]).await;
        assert_eq!(reply.content, "It looks fine.", "{}", protocol.provider);
        assert_eq!(reply.tokens, Some(Tokens { input: 19, output: 10 }), "{}", protocol.provider);
        assert!(tools.called().is_empty());

        let asked = peer.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].path, protocol.path);
        let (header, key) = protocol.key;
        assert_eq!(asked[0].header(header), Some(key));
        assert_eq!(asked[0].text().matches("sk-own").count(), 1, "the key is in one place");
        let question = asked[0].json();
        for (pointer, holds) in protocol.asks.iter().zip(["look_up", "Be brief.", "PR #7 was opened."]) {
            let part = question.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {question}"));
            assert!(part.to_string().contains(holds), "{holds} at {pointer} of {question}");
        }
        let text = question.to_string();
        assert!(text.find("Earlier.") < text.find("Noted."), "{text}");
    }
}

#[tokio::test]
async fn questions_are_as_documented() {
    let (_, peer, _) = answered(&OPENAI, vec![(OPENAI.says)("Yes.")]).await;
    let question = peer.asked()[0].json();
    assert_eq!(question["model"], "a-model");
    assert!(question.get("stream").is_none_or(|stream| stream == false));
    let parameters = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
    let function = json!({ "name": "look_up", "description": "Does look_up.", "parameters": parameters });
    assert_eq!(question["tools"][0], json!({ "type": "function", "function": function }));

    let (_, peer, _) = answered(&ANTHROPIC, vec![(ANTHROPIC.says)("Yes.")]).await;
    let asked = &peer.asked()[0];
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    let question = asked.json();
    assert_eq!(question["max_tokens"], 4096, "required, and of a model that is not known");
    let tool = json!({ "name": "look_up", "description": "Does look_up.", "input_schema": parameters });
    assert_eq!(question["tools"][0], tool);

    let (_, peer, _) = answered(&GEMINI, vec![(GEMINI.says)("Yes.")]).await;
    assert!(!peer.asked()[0].path.contains("key"), "keys are not for URLs");
}

#[tokio::test]
async fn tools_are_called_and_answered() {
    for protocol in ALL {
        let answers = vec![(protocol.calls)(&[("look_up", 1)]), (protocol.says)("Done.")];
        let (reply, peer, tools) = answered(&protocol, answers).await;
        assert_eq!(reply.content, "Done.", "{}", protocol.provider);
        assert_eq!(reply.tokens, Some(Tokens { input: 38, output: 20 }), "of both calls");
        assert_eq!(tools.called(), [("look_up".to_owned(), json!({ "id": 1 }))]);

        let results = (protocol.results)(&peer.asked()[1].json());
        assert_eq!(results.len(), 1);
        assert!(["call_1", "look_up"].contains(&results[0].0.as_str()), "{results:?}");
        assert!(results[0].1.contains("look_up of 1"), "{results:?}");
    }
}

#[tokio::test]
async fn several_tools_are_called_in_order() {
    for protocol in ALL {
        let answers = vec![
            (protocol.calls)(&[("look_up", 2), ("fail", 3), ("look_up", 1)]),
            (protocol.calls)(&[("look_up", 4)]),
            (protocol.says)("Done."),
        ];
        let (reply, peer, tools) = answered(&protocol, answers).await;
        assert_eq!(reply.content, "Done.", "{}", protocol.provider);
        let called: Vec<Value> =
            tools.called().into_iter().map(|(_, arguments)| arguments["id"].clone()).collect();
        assert_eq!(called, [2, 3, 1, 4]);

        let results = (protocol.results)(&peer.asked()[1].json());
        let contents = ["look_up of 2", "fail of 3", "look_up of 1"];
        assert_eq!(results.len(), contents.len(), "{results:?}");
        for ((_, result), content) in results.iter().zip(contents) {
            assert!(result.contains(content), "{results:?}");
        }
    }
}

#[tokio::test]
async fn failures_of_tools_are_marked_where_the_protocol_can() {
    let answers = vec![(ANTHROPIC.calls)(&[("fail", 1), ("look_up", 2)]), (ANTHROPIC.says)("Sorry.")];
    let (_, peer, _) = answered(&ANTHROPIC, answers).await;
    let question = peer.asked()[1].json();
    let results = &question["messages"].as_array().unwrap().last().unwrap()["content"];
    assert_eq!(results[0]["is_error"], true);
    assert_ne!(results[1]["is_error"], true);
}

#[tokio::test]
async fn arguments_that_are_no_object_are_told_to_the_model() {
    for arguments in ["{\"id\": ", "[1]", "7"] {
        let mut calling = (OPENAI.calls)(&[("look_up", 1), ("look_up", 2)]);
        calling["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments.into();
        let (reply, peer, tools) = answered(&OPENAI, vec![calling, (OPENAI.says)("Sorry.")]).await;
        assert_eq!(reply.content, "Sorry.");
        assert_eq!(tools.called(), [("look_up".to_owned(), json!({ "id": 2 }))], "the good one is called");
        let results = (OPENAI.results)(&peer.asked()[1].json());
        assert!(results[0].1.contains("not a JSON object"), "{results:?}");
    }
}

#[tokio::test]
async fn too_many_calls_at_once_are_not_made() {
    let calls: Vec<(&str, u32)> = (0..40).map(|id| ("look_up", id)).collect();
    let answers = vec![(OPENAI.calls)(&calls), (OPENAI.says)("Done.")];
    let (_, peer, tools) = answered(&OPENAI, answers).await;
    assert_eq!(tools.called().len(), 32);
    let results = (OPENAI.results)(&peer.asked()[1].json());
    assert_eq!(results.len(), 40, "each call has its result");
    assert!(results[39].1.contains("too many"));
}

#[tokio::test]
async fn models_without_usage_count_nothing() {
    let mut answer = (OPENAI.says)("Fine.");
    answer.as_object_mut().unwrap().remove("usage");
    let (reply, _, _) = answered(&OPENAI, vec![answer]).await;
    assert_eq!((reply.content.as_str(), reply.tokens), ("Fine.", None));
}

#[tokio::test]
async fn unusual_reasons_to_stop_are_reasons_to_stop() {
    let mut answer = (OPENAI.says)("Fine.");
    answer["choices"][0]["finish_reason"] = "eos".into();
    let (reply, _, _) = answered(&OPENAI, vec![answer]).await;
    assert_eq!(reply.content, "Fine.");
}

#[tokio::test]
async fn histories_begin_with_a_user() {
    let peer = Peer::telling([(OPENAI.says)("Fine.")]).await;
    let mut run = llm(LlmProvider::Openai, &peer.url("/v1"));
    run.history.remove(0);
    reply(options(), run, &Arc::default()).await.unwrap();
    let question = peer.asked()[0].json();
    let roles: Vec<&Value> =
        question["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["system", "user"]);
}

#[tokio::test]
async fn answers_fit_into_a_message() {
    let (reply, _, _) = answered(&OPENAI, vec![(OPENAI.says)(&"ä".repeat(100_000))]).await;
    assert_eq!(reply.content.len(), 64 * 1024 - 1);
    assert!(reply.content.ends_with('…'));
}
