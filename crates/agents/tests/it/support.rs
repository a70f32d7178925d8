//! Agents, options and tools for tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use posthouse_agents::{Command, ProviderDefaults, Runners, RunnersOptions};
use posthouse_egress::{AddressPolicy, Egress, EgressConfig};
use posthouse_engine::{AgentReply, AgentRun, AgentRunner, RunError, Said, ToolOutput, ToolSpec, Toolbox};
use posthouse_testkit::ManualClock;
use posthouse_types::{
    AgentLimits, AgentSettings, EndpointUrl, LlmProvider, Name, Role, Runner, SecretText, SessionId, Tokens,
};
use serde_json::{Value, json};

/// Egress that may call loopback, or not.
pub(crate) fn egress(allow_private: bool) -> Arc<Egress> {
    let policy = AddressPolicy { allow_private, ..AddressPolicy::default() };
    Arc::new(Egress::new(EgressConfig { policy, native_roots: false, ..EgressConfig::default() }).unwrap())
}

/// Everything may be called; nothing is configured.
pub(crate) fn options() -> RunnersOptions {
    RunnersOptions {
        sender: egress(true),
        trusted: egress(true),
        clock: Arc::new(ManualClock::default()),
        commands: BTreeMap::new(),
        providers: HashMap::new(),
    }
}

pub(crate) fn with_provider(provider: LlmProvider, defaults: ProviderDefaults) -> RunnersOptions {
    RunnersOptions { providers: HashMap::from([(provider, defaults)]), ..options() }
}

pub(crate) fn with_command(command: Command) -> RunnersOptions {
    RunnersOptions { commands: BTreeMap::from([("triage".to_owned(), command)]), ..options() }
}

pub(crate) fn url(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text).unwrap()
}

pub(crate) fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// What wakes an agent with this runner.
pub(crate) fn run(runner: Runner) -> AgentRun {
    AgentRun {
        agent: AgentSettings {
            name: Name::parse("Triage").unwrap(),
            runner,
            model: None,
            system_prompt: "Be brief.".to_owned(),
            tools: None,
            limits: AgentLimits::default(),
            approval: false,
        },
        secret: None,
        session: SessionId::parse("webhook:github:7").unwrap(),
        history: vec![
            Said { role: Role::User, content: "Earlier.".to_owned() },
            Said { role: Role::Assistant, content: "Noted.".to_owned() },
        ],
        message: "PR #7 was opened.".to_owned(),
        headline: Some("PR #7 opened".to_owned()),
    }
}

/// An agent with a model at an address of its own, and a key for it.
pub(crate) fn llm(provider: LlmProvider, base_url: &str) -> AgentRun {
    let mut run = run(Runner::Llm { provider, base_url: Some(url(base_url)) });
    run.agent.model = Some("a-model".to_owned());
    run.secret = Some(secret("sk-own"));
    run
}

pub(crate) async fn reply(
    options: RunnersOptions,
    run: AgentRun,
    tools: &Arc<Tools>,
) -> Result<AgentReply, RunError> {
    Runners::new(options).unwrap().run(run, Arc::clone(tools) as Arc<dyn Toolbox>).await
}

/// Two tools; what they are called with is remembered.
#[derive(Default)]
pub(crate) struct Tools {
    called: Mutex<Vec<(String, Value)>>,
    spent: Mutex<Option<Tokens>>,
}

impl Tools {
    pub(crate) fn called(&self) -> Vec<(String, Value)> {
        self.called.lock().clone()
    }

    pub(crate) fn tokens(&self) -> Option<Tokens> {
        *self.spent.lock()
    }
}

#[async_trait]
impl Toolbox for Tools {
    fn specs(&self) -> Vec<ToolSpec> {
        let parameters = json!({ "type": "object", "properties": { "id": { "type": "integer" } } });
        ["look_up", "fail"]
            .map(|name| ToolSpec {
                name: name.to_owned(),
                description: format!("Does {name}."),
                parameters: parameters.clone(),
            })
            .into()
    }

    async fn call(&self, name: &str, arguments: Value) -> ToolOutput {
        let content = format!("{name} of {}", arguments["id"]);
        self.called.lock().push((name.to_owned(), arguments));
        ToolOutput { content, failed: name == "fail" }
    }

    fn spent(&self, tokens: Tokens) {
        *self.spent.lock() = Some(tokens);
    }
}
