//! A source to send things to.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_engine::service::Turns;
use posthouse_engine::{
    AgentDetail, CreateAgent, CreateSource, Door, InboundQuery, Receipt, Received, Refusal, SourceDetail,
};
use posthouse_providers::auth::sign;
use posthouse_types::{
    AgentSettings, AuthMode, InboundDelivery, InboundRef, Message, Name, PageRequest, Runner, SecretText,
    SessionId, SourceId, SourceSettings, ToolPolicy,
};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) const SECRET: &str = "it is a secret to everybody";

/// A source and how to send to it.
pub(crate) struct Inbox {
    pub(crate) source: SourceId,
    pub(crate) door: Arc<Door>,
    mode: AuthMode,
    pub(crate) secret: SecretText,
}

impl World {
    /// A source of this profile in the profile's own mode, with [`SECRET`] and a token for the provider.
    pub(crate) async fn inbox(&self, profile: &str, change: impl FnOnce(&mut SourceSettings)) -> Inbox {
        let mode = posthouse_providers::find(profile).unwrap().auth;
        let mut settings = SourceSettings::new(Name::parse("Hook").unwrap(), profile, mode);
        change(&mut settings);
        let create = CreateSource {
            settings,
            project: None,
            secret: Some(SecretText::new(SECRET.to_owned())),
            provider_token: Some(SecretText::new("provider-token".to_owned())),
        };
        let (detail, _) = self.engine.create_source(&self.caller, create).await.unwrap();
        self.open_inbox(&detail)
    }

    pub(crate) fn open_inbox(&self, detail: &SourceDetail) -> Inbox {
        let source = &detail.source;
        Inbox {
            source: source.id,
            door: self.engine.door(source.public_id).unwrap(),
            mode: source.settings.auth,
            secret: SecretText::new(SECRET.to_owned()),
        }
    }

    /// An agent with a model of its own, which the scripted runner plays.
    pub(crate) async fn agent(&self, change: impl FnOnce(&mut AgentSettings)) -> AgentDetail {
        let runner = Runner::Llm { provider: posthouse_types::LlmProvider::Openai, base_url: None };
        let mut settings = AgentSettings {
            model: Some("small".to_owned()),
            system_prompt: "Be brief.".to_owned(),
            tools: Some(ToolPolicy::new(vec!["*".to_owned()], vec![]).unwrap()),
            ..AgentSettings::new(Name::parse("reviewer").unwrap(), runner)
        };
        change(&mut settings);
        let create =
            CreateAgent { settings, project: None, secret: Some(SecretText::new("sk-model".to_owned())) };
        self.engine.create_agent(&self.caller, create).await.unwrap()
    }

    /// Sends a signed request.
    pub(crate) async fn send(&self, inbox: &Inbox, sent: &Sent) -> Result<Receipt, Refusal> {
        self.send_from(inbox, sent, None).await
    }

    pub(crate) async fn send_from(
        &self,
        inbox: &Inbox,
        sent: &Sent,
        remote: Option<IpAddr>,
    ) -> Result<Receipt, Refusal> {
        let mut headers = sent.headers.clone();
        for (name, value) in sign(inbox.mode, None, &inbox.secret, &sent.body, self.engine.now()) {
            headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let received = Received { headers: &headers, remote };
        let result = self.engine.receive(&inbox.door, received.clone(), sent.body.clone()).await;
        if let Err(refusal) = &result {
            self.engine.note_refusal(&inbox.door, received, sent.body.len(), refusal).await;
        }
        result
    }

    /// Sends what must be taken on.
    pub(crate) async fn accepted(&self, inbox: &Inbox, sent: &Sent) -> InboundDelivery {
        match self.send(inbox, sent).await {
            Ok(Receipt::Accepted { number, .. }) => self.inbound(InboundRef::Number(number)).await,
            other => panic!("not accepted: {other:?}"),
        }
    }

    pub(crate) async fn inbound(&self, delivery: InboundRef) -> InboundDelivery {
        self.engine.inbound_delivery(&self.caller, delivery).await.unwrap().delivery
    }

    /// What arrived at a source, oldest first.
    pub(crate) async fn arrived(&self, inbox: &Inbox) -> Vec<InboundDelivery> {
        let page = PageRequest::new(Some(500), None).unwrap();
        let listed = self
            .engine
            .inbound_deliveries(&self.caller, inbox.source.into(), InboundQuery::default(), page)
            .await;
        let mut items = listed.unwrap().items;
        items.reverse();
        items
    }

    /// Has agents work until nothing is due.
    pub(crate) async fn work(&self) {
        Turns::new(Arc::clone(&self.engine)).drain().await.unwrap();
    }

    /// What was said in a session, oldest first.
    pub(crate) async fn said(&self, session: &SessionId) -> Vec<Message> {
        let page = PageRequest::new(Some(500), None).unwrap();
        let page = self.engine.messages(&self.caller, session, page).await.unwrap();
        let mut messages: Vec<Message> = page.items.into_iter().map(|detail| detail.message).collect();
        messages.reverse();
        messages
    }

    /// Types and payloads of all events, oldest first.
    pub(crate) async fn events(&self) -> Vec<(String, Value)> {
        let page = PageRequest::new(Some(500), None).unwrap();
        let filter = posthouse_store::EventFilter::default();
        let mut events = self.store.events(self.caller.space, filter, page).await.unwrap().items;
        events.reverse();
        let read = |event: posthouse_types::Event| {
            (event.event_type.to_string(), serde_json::from_slice(&event.payload).unwrap())
        };
        events.into_iter().map(read).collect()
    }
}

/// A request to send, unsigned.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Sent {
    pub(crate) fn new(headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Self {
        let headers = headers
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        Self { headers: headers.collect(), body: body.into() }
    }

    /// GitHub tells of a pull request.
    pub(crate) fn pull_request(number: u64, key: &str) -> Self {
        let body = json!({
            "action": "opened",
            "number": number,
            "pull_request": {
                "number": number, "title": "Add webhook support", "body": "This PR adds it.",
                "html_url": format!("https://github.com/octo-org/hello/pull/{number}"),
                "user": { "login": "octocat" }, "draft": false,
                "head": { "ref": "feature" }, "base": { "ref": "main" },
                "changed_files": 42, "additions": 1203, "deletions": 156,
            },
            "repository": { "full_name": "octo-org/hello" },
            "sender": { "login": "octocat" },
        });
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", "pull_request"),
            ("x-github-delivery", key),
        ];
        Self::new(&headers, body.to_string())
    }

    /// GitHub tells of a comment.
    pub(crate) fn comment(number: u64, id: u64, text: &str) -> Self {
        let body = json!({
            "action": "created",
            "issue": { "number": number, "title": "Add webhook support", "pull_request": {} },
            "comment": { "id": id, "body": text, "user": { "login": "bot" } },
            "repository": { "full_name": "octo-org/hello" },
        });
        let key = format!("comment-{id}");
        Self::new(&[("x-github-event", "issue_comment"), ("x-github-delivery", &key)], body.to_string())
    }
}
