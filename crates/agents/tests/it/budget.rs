//! Turns and tokens are limited.

use std::sync::Arc;

use posthouse_engine::RunError;
use posthouse_types::{AgentLimits, Tokens};

use crate::peer::Peer;
use crate::protocols::ALL;
use crate::support::{Tools, llm, options, reply};

#[tokio::test]
async fn turns_are_limited() {
    for protocol in ALL {
        let peer = Peer::telling((1..9).map(|id| (protocol.calls)(&[("look_up", id)]))).await;
        let tools = Arc::new(Tools::default());
        let mut run = llm(protocol.provider, &peer.url(protocol.base));
        run.agent.limits = AgentLimits { turns: 3, ..AgentLimits::default() };
        let error = reply(options(), run, &tools).await.unwrap_err();
        let RunError::Permanent(text) = &error else { panic!("{error:?}") };
        assert!(text.starts_with("budget used up: "), "{text}");
        assert!(text.contains("57 tokens read and 30 written"), "{text}");
        assert_eq!(tools.tokens(), Some(Tokens { input: 57, output: 30 }));
        assert_eq!(peer.asked().len(), 3);
        assert_eq!(tools.called().len(), 2, "what the model could not be told of is not done");
    }
}

#[tokio::test]
async fn tokens_are_limited() {
    for protocol in ALL {
        let peer = Peer::telling((1..9).map(|id| (protocol.calls)(&[("look_up", id)]))).await;
        let tools = Arc::new(Tools::default());
        let mut run = llm(protocol.provider, &peer.url(protocol.base));
        run.agent.limits = AgentLimits { tokens: 58, ..AgentLimits::default() };
        let error = reply(options(), run, &tools).await.unwrap_err();
        let RunError::Permanent(text) = &error else { panic!("{error:?}") };
        assert!(text.starts_with("budget used up: all of its 58 tokens"), "{text}");
        assert!(text.contains("38 tokens read and 20 written"), "{text}");
        assert_eq!(peer.asked().len(), 2);
    }
}

#[tokio::test]
async fn the_last_answer_may_go_over() {
    for protocol in ALL {
        let peer = Peer::telling([(protocol.says)("Fine.")]).await;
        let mut run = llm(protocol.provider, &peer.url(protocol.base));
        run.agent.limits = AgentLimits { turns: 1, tokens: 1, ..AgentLimits::default() };
        assert_eq!(reply(options(), run, &Arc::default()).await.unwrap().content, "Fine.");
    }
}
