//! Agents.

use posthouse_engine::{AgentDetail, CreateAgent, Error};
use posthouse_types::{
    AgentLimits, AgentSettings, EndpointUrl, LlmProvider, Name, ProjectId, Runner, SecretText, ToolPolicy,
};

use super::super::wire;
use super::source_change::tools_in;
use super::sources::tools_out;
use crate::http::{Fields, Object};

/// The runners, by name.
const RUNNERS: [&str; 4] = ["digest", "llm", "command", "http"];

/// The settings that a request names; the outer `None` leaves a setting as it is.
#[expect(clippy::option_option, reason = "to leave, to clear and to set are three things")]
pub(crate) struct AgentChange {
    name: Option<Name>,
    runner: RunnerChange,
    model: Option<Option<String>>,
    system_prompt: Option<String>,
    tools: Option<Option<ToolPolicy>>,
    limits: LimitsChange,
    approval: Option<bool>,
}

/// What runs, as far as it is said.
#[derive(Default)]
#[expect(clippy::option_option, reason = "to leave, to clear and to set are three things")]
struct RunnerChange {
    kind: Option<&'static str>,
    provider: Option<LlmProvider>,
    base_url: Option<Option<EndpointUrl>>,
    command: Option<String>,
    url: Option<EndpointUrl>,
}

#[derive(Default)]
struct LimitsChange {
    turns: Option<u32>,
    tokens: Option<u32>,
    seconds: Option<u32>,
}

/// What is to change of an agent, read from a request.
pub(crate) struct AgentPatch {
    /// Of its settings.
    pub(crate) settings: AgentChange,
    /// Its key or secret.
    #[expect(clippy::option_option, reason = "to leave, to remove and to set are three things")]
    pub(crate) secret: Option<Option<SecretText>>,
}

impl AgentChange {
    /// Makes the change.
    pub(crate) fn apply(&self, settings: &mut AgentSettings) {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        set(&mut settings.name, self.name.as_ref());
        settings.runner = self.runner.after(&settings.runner);
        set(&mut settings.model, self.model.as_ref());
        set(&mut settings.system_prompt, self.system_prompt.as_ref());
        set(&mut settings.tools, self.tools.as_ref());
        set(&mut settings.limits.turns, self.limits.turns.as_ref());
        set(&mut settings.limits.tokens, self.limits.tokens.as_ref());
        set(&mut settings.limits.seconds, self.limits.seconds.as_ref());
        set(&mut settings.approval, self.approval.as_ref());
    }
}

impl RunnerChange {
    /// The runner that is meant. What belongs to one kind goes with it.
    fn after(&self, before: &Runner) -> Runner {
        match self.kind.unwrap_or(before.as_str()) {
            "llm" => {
                let (provider, base_url) = match before {
                    Runner::Llm { provider, base_url } => (*provider, base_url.clone()),
                    _ => (LlmProvider::Openai, None),
                };
                Runner::Llm {
                    provider: self.provider.unwrap_or(provider),
                    base_url: self.base_url.clone().unwrap_or(base_url),
                }
            }
            "command" => {
                let known = if let Runner::Command { command } = before { Some(command) } else { None };
                Runner::Command { command: self.command.as_ref().or(known).cloned().unwrap_or_default() }
            }
            "http" => {
                let known = if let Runner::Http { url } = before { Some(url) } else { None };
                let url = self.url.as_ref().or(known).cloned();
                // That there is one was checked.
                url.map_or_else(|| before.clone(), |url| Runner::Http { url })
            }
            _ => Runner::Digest,
        }
    }
}

pub(crate) fn create_agent(request: wire::CreateAgent) -> Result<CreateAgent, Error> {
    let mut fields = Fields::default();
    let name = fields.read(&request.name, Name::parse, || "body.name".to_owned());
    let project = request.project_id.as_deref();
    let project = fields.read_if(project, str::parse::<ProjectId>, || "body.project_id".to_owned());
    // A new agent is the default one, changed by what is said; null says nothing.
    let asked = wire::UpdateAgent {
        name: None,
        runner: Some(request.runner),
        model: request.model.map(Some),
        system_prompt: request.system_prompt.map(Some),
        tools: request.tools.map(Some),
        limits: request.limits.map(Some),
        approval: request.approval,
        provider: request.provider.map(Some),
        base_url: request.base_url.map(Some),
        api_key: request.api_key.map(Some),
        command: request.command,
        url: request.url,
        secret: request.secret.map(Some),
    };
    let patch = read_patch(asked, &Runner::Digest, &mut fields);
    let mut settings = AgentSettings {
        name: fields.finish_with(name)?,
        runner: Runner::Digest,
        model: None,
        system_prompt: String::new(),
        tools: None,
        limits: AgentLimits::default(),
        approval: false,
    };
    patch.settings.apply(&mut settings);
    Ok(CreateAgent { settings, project, secret: patch.secret.flatten() })
}

/// What to change of an agent that runs this now.
pub(crate) fn agent_patch(request: wire::UpdateAgent, now: &Runner) -> Result<AgentPatch, Error> {
    let mut fields = Fields::default();
    let patch = read_patch(request, now, &mut fields);
    fields.finish()?;
    Ok(patch)
}

fn read_patch(request: wire::UpdateAgent, now: &Runner, fields: &mut Fields) -> AgentPatch {
    let kind = request.runner.as_deref();
    let kind = fields.read_if(kind, runner_in, || "body.runner".to_owned());
    // What belongs to a runner that there is not can not be said.
    if kind.is_some() || request.runner.is_none() {
        check_members(&request, kind, now, fields);
    }
    let runner = RunnerChange {
        kind,
        provider: request.provider.and_then(|provider| match provider {
            Some(name) => fields.read(&name, str::parse, || "body.provider".to_owned()),
            None => Some(LlmProvider::Openai),
        }),
        base_url: request
            .base_url
            .map(|url| fields.read_if(url.as_deref(), EndpointUrl::parse, || "body.base_url".to_owned())),
        command: request.command,
        url: fields.read_if(request.url.as_deref(), EndpointUrl::parse, || "body.url".to_owned()),
    };
    let limits = request.limits.map_or_else(LimitsChange::default, limits_in);
    let tools = request.tools.map(|tools| tools.and_then(|tools| tools_in(tools, "body.tools", fields)));
    let settings = AgentChange {
        name: fields.read_if(request.name.as_deref(), Name::parse, || "body.name".to_owned()),
        runner,
        model: request.model,
        system_prompt: request.system_prompt.map(Option::unwrap_or_default),
        tools,
        limits,
        approval: request.approval,
    };
    let secret = request.api_key.or(request.secret).map(|secret| secret.map(SecretText::new));
    AgentPatch { settings, secret }
}

fn runner_in(name: &str) -> Result<&'static str, &'static str> {
    RUNNERS.into_iter().find(|runner| *runner == name).ok_or("must be digest, llm, command or http")
}

/// Members of other runners are refused: someone meant something by them. Null says that there is none, which is so.
fn check_members(request: &wire::UpdateAgent, kind: Option<&str>, now: &Runner, fields: &mut Fields) {
    let kind = kind.unwrap_or(now.as_str());
    let is_given = |member: &Option<Option<String>>| matches!(member, Some(Some(_)));
    for (member, owner, given) in [
        ("provider", "llm", is_given(&request.provider)),
        ("base_url", "llm", is_given(&request.base_url)),
        ("api_key", "llm", is_given(&request.api_key)),
        ("command", "command", request.command.is_some()),
        ("url", "http", request.url.is_some()),
        ("secret", "http", is_given(&request.secret)),
    ] {
        if given && owner != kind {
            fields.refuse(format!("body.{member}"), format!("does not belong to the runner {kind}"));
        }
    }
    for (member, owner, given) in
        [("command", "command", request.command.is_some()), ("url", "http", request.url.is_some())]
    {
        if !given && owner == kind && now.as_str() != kind {
            fields.refuse(format!("body.{member}"), format!("is required for the runner {kind}"));
        }
    }
}

fn limits_in(limits: Option<Object<wire::AgentLimitsIn>>) -> LimitsChange {
    let defaults = AgentLimits::default();
    let wire::AgentLimitsIn { turns, tokens, seconds } = limits.map_or_else(
        || wire::AgentLimitsIn { turns: Some(None), tokens: Some(None), seconds: Some(None) },
        |Object(limits)| limits,
    );
    LimitsChange {
        turns: turns.map(|turns| turns.unwrap_or(defaults.turns)),
        tokens: tokens.map(|tokens| tokens.unwrap_or(defaults.tokens)),
        seconds: seconds.map(|seconds| seconds.unwrap_or(defaults.seconds)),
    }
}

pub(crate) fn agent_out(detail: AgentDetail) -> wire::Agent {
    let AgentDetail { agent, has_secret } = detail;
    let settings = agent.settings;
    let kind = settings.runner.as_str();
    let (mut provider, mut base_url, mut command, mut url) = (None, None, None, None);
    match settings.runner {
        Runner::Digest => {}
        Runner::Llm { provider: whose, base_url: place } => {
            provider = Some(whose.as_str());
            base_url = place.map(|url| url.as_str().to_owned());
        }
        Runner::Command { command: program } => command = Some(program),
        Runner::Http { url: place } => url = Some(place.as_str().to_owned()),
    }
    wire::Agent {
        id: agent.id.to_string(),
        name: settings.name.to_string(),
        runner: kind,
        model: settings.model,
        system_prompt: settings.system_prompt,
        tools: settings.tools.as_ref().map(tools_out),
        limits: wire::AgentLimits {
            turns: settings.limits.turns,
            tokens: settings.limits.tokens,
            seconds: settings.limits.seconds,
        },
        approval: settings.approval,
        project_id: agent.project.map(|id| id.to_string()),
        provider,
        base_url,
        has_api_key: has_secret && kind == "llm",
        command,
        url,
        has_secret: has_secret && kind == "http",
        created_at: agent.created_at.to_string(),
        updated_at: agent.updated_at.to_string(),
    }
}
