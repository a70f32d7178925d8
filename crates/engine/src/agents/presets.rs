//! Making, changing, removing agents.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use posthouse_store::{AgentRecord, Sealed, StoreError};
use posthouse_types::limits::{AGENTS_PER_SPACE_MAX, NAME_CHARS_MAX, PROMPT_BYTES_MAX};
use posthouse_types::{
    Agent, AgentId, AgentSettings, Capability, EndpointUrl, Page, PageRequest, ProjectId, Runner, SecretText,
    Space, Wire, is_model_name,
};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result, within};
use crate::pages::seen;
use crate::signing::{Secret, check_secret};
use crate::sources::check_tools;
use crate::vault::{DoesNotOpen, Vault};

/// How often a change is tried again when someone else changed the agent at the same moment.
const STALE_RETRIES: usize = 5;
/// The longest credential of an agent, bytes.
const SECRET_BYTES_MAX: usize = 4 * 1024;

/// What a new agent is to be.
#[derive(Debug, Clone)]
pub struct CreateAgent {
    /// What its owner may change later.
    pub settings: AgentSettings,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// Its credential: the key for its model, or what signs requests of an `http` agent.
    pub secret: Option<SecretText>,
}

/// What to change of an agent.
pub struct UpdateAgent<'a> {
    /// Changes the settings; may run more than once.
    pub settings: &'a (dyn Fn(&mut AgentSettings) + Send + Sync),
    /// Replaces or removes its credential.
    pub secret: Option<Option<SecretText>>,
}

/// An agent with what its owner may know of its secrets.
#[derive(Debug, Clone)]
pub struct AgentDetail {
    /// The agent.
    pub agent: Agent,
    /// It has a credential of its own.
    pub has_secret: bool,
}

/// Every agent of every space, in memory.
#[derive(Default)]
pub(crate) struct Presets {
    agents: RwLock<HashMap<(Space, AgentId), Arc<Agent>>>,
}

impl Presets {
    pub(crate) fn get(&self, space: Space, id: AgentId) -> Option<Arc<Agent>> {
        self.agents.read().get(&(space, id)).cloned()
    }

    pub(crate) fn replace_all(&self, agents: Vec<Agent>) {
        let entry = |agent: Agent| ((agent.space, agent.id), Arc::new(agent));
        *self.agents.write() = agents.into_iter().map(entry).collect();
    }

    fn put(&self, agent: Agent) {
        self.agents.write().insert((agent.space, agent.id), Arc::new(agent));
    }

    fn remove(&self, space: Space, id: AgentId) {
        self.agents.write().remove(&(space, id));
    }
}

impl Engine {
    /// Makes an agent.
    pub async fn create_agent(self: &Arc<Self>, caller: &Caller, create: CreateAgent) -> Result<AgentDetail> {
        caller.need(Capability::Manage)?;
        let project = self.known_project(caller, create.project).await?;
        self.check_agent(&create.settings)?;
        if let Some(secret) = &create.secret {
            check_credential(&create.settings.runner, secret)?;
        }
        within("agents", self.store.counts(caller.space).await?.agents, AGENTS_PER_SPACE_MAX)?;
        let now = self.clock.now();
        let id = AgentId::from_u128(self.ids.next_at(now));
        let record = AgentRecord {
            agent: Agent {
                id,
                space: caller.space,
                project,
                settings: create.settings,
                created_at: now,
                updated_at: now,
            },
            secrets: seal_secret(&self.vault, id, create.secret.as_ref()),
            version: 1,
        };
        let written = record.clone();
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let agent = written.agent.clone();
            engine.store.insert_agent(written).await?;
            engine.agents.put(agent);
            Ok(())
        })
        .await?;
        self.agent_detail(record)
    }

    /// One agent.
    pub async fn agent(&self, caller: &Caller, id: AgentId) -> Result<AgentDetail> {
        caller.need(Capability::Read)?;
        let record = self.visible_agent(caller, id).await?;
        self.agent_detail(record)
    }

    /// The agent that is meant, for a caller who is about to do something to it.
    pub async fn agent_for(&self, caller: &Caller, needs: Capability, id: AgentId) -> Result<Agent> {
        caller.need(needs)?;
        Ok(self.visible_agent(caller, id).await?.agent)
    }

    /// Agents, newest first; a key of one project sees those of its project.
    pub async fn agents(
        &self,
        caller: &Caller,
        page: PageRequest<AgentId>,
    ) -> Result<Page<AgentDetail, AgentId>> {
        caller.need(Capability::Read)?;
        let about = |record: &AgentRecord| (record.agent.project, record.agent.id);
        let read = |asked| self.store.agents(caller.space, asked);
        let Page { items, next } = seen(caller, page, about, read).await?;
        let items = items.into_iter().map(|record| self.agent_detail(record)).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    /// Changes an agent. What arrived before goes on as it was configured then, with the credential of now.
    pub async fn update_agent(
        self: &Arc<Self>,
        caller: &Caller,
        id: AgentId,
        update: UpdateAgent<'_>,
    ) -> Result<AgentDetail> {
        caller.need(Capability::Manage)?;
        for _ in 0..STALE_RETRIES {
            let mut record = self.visible_agent(caller, id).await?;
            let before = record.agent.settings.runner.clone();
            (update.settings)(&mut record.agent.settings);
            self.check_agent(&record.agent.settings)?;
            let runner = &record.agent.settings.runner;
            if let Some(secret) = update.secret.as_ref().and_then(Option::as_ref) {
                check_credential(runner, secret)?;
            }
            // A credential belongs to the runner that it was given for.
            let other_kind = runner.as_str() != before.as_str();
            if let Some(secret) = update.secret.clone().or(other_kind.then_some(None)) {
                record.secrets = seal_secret(&self.vault, id, secret.as_ref());
            } else if moves_key(&before, runner) && self.agent_detail(record.clone())?.has_secret {
                let message = "is required when provider or base_url changes: it was given for those before";
                return Err(Error::field("body.api_key", message));
            }
            record.agent.updated_at = self.clock.now();
            if let Some(updated) = self.write_agent(record).await? {
                return self.agent_detail(updated);
            }
        }
        Err(StoreError::Stale.into())
    }

    /// Removes an agent; refused while a source is bound to it.
    pub async fn delete_agent(self: &Arc<Self>, caller: &Caller, id: AgentId) -> Result<()> {
        caller.need(Capability::Manage)?;
        let space = self.visible_agent(caller, id).await?.agent.space;
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            if let Some(source) = engine.doors.of_agent(id).first() {
                let detail = format!("source {source} is bound to the agent; bind it to another first");
                return Err(Error::new(ErrorKind::Conflict { location: None }, detail));
            }
            if !engine.store.delete_agent(space, id).await? {
                return Err(Error::not_found("agent", id));
            }
            engine.agents.remove(space, id);
            Ok(())
        })
        .await
    }

    /// Writes a changed agent to the store and to memory, also where sources are bound to it; `None` when someone
    /// else was quicker.
    async fn write_agent(self: &Arc<Self>, record: AgentRecord) -> Result<Option<AgentRecord>> {
        self.see_through(async move |engine| {
            let _turn = engine.turn.lock().await;
            let (space, id) = (record.agent.space, record.agent.id);
            let updated = match engine.store.update_agent(record).await {
                Err(StoreError::Stale) => return Ok(None),
                updated => updated?.ok_or_else(|| Error::not_found("agent", id))?,
            };
            engine.agents.put(updated.agent.clone());
            for source in engine.doors.of_agent(id) {
                if let Some(record) = engine.store.source(space, source.into()).await? {
                    engine.doors.put(engine.door_of(&record)?);
                }
            }
            Ok(Some(updated))
        })
        .await
    }

    async fn visible_agent(&self, caller: &Caller, id: AgentId) -> Result<AgentRecord> {
        let record = self.store.agent(caller.space, id).await?;
        record.filter(|r| caller.sees(r.agent.project)).ok_or_else(|| Error::not_found("agent", id))
    }

    fn agent_detail(&self, record: AgentRecord) -> Result<AgentDetail> {
        let secret = open_secret(&self.vault, record.agent.id, &record.secrets).map_err(|_| {
            Error::new(
                ErrorKind::Internal,
                "the agent's secret can not be opened with the server's master key",
            )
        })?;
        Ok(AgentDetail { agent: record.agent, has_secret: secret.is_some() })
    }

    fn check_agent(&self, settings: &AgentSettings) -> Result<()> {
        if settings.system_prompt.len() > PROMPT_BYTES_MAX {
            let message = format!("must be at most {PROMPT_BYTES_MAX} bytes");
            return Err(Error::field("body.system_prompt", message));
        }
        if let Some(policy) = &settings.tools {
            check_tools(policy, "body.tools")?;
        }
        settings
            .limits
            .check()
            .map_err(|(member, invalid)| Error::field(format!("body.limits.{member}"), invalid))?;
        let short = |text: &str| {
            !text.trim().is_empty()
                && text.chars().count() <= NAME_CHARS_MAX
                && !text.chars().any(char::is_control)
        };
        let wanted = || format!("must be 1 to {NAME_CHARS_MAX} printable characters");
        if settings.model.as_ref().is_some_and(|model| !short(model)) {
            return Err(Error::field("body.model", wanted()));
        }
        match &settings.runner {
            Runner::Llm { .. } if settings.model.is_none() => {
                Err(Error::field("body.model", "is required for the runner llm"))
            }
            Runner::Llm { .. } if settings.model.as_deref().is_some_and(|model| !is_model_name(model)) => {
                let message = "must be letters, digits and . _ : / @ + -, without two full stops in a row";
                Err(Error::field("body.model", message))
            }
            Runner::Llm { base_url: Some(url), .. } if url.has_query() => {
                Err(Error::field("body.base_url", "must not hold a query: paths are put behind it"))
            }
            Runner::Llm { base_url: Some(url), .. } => self.check_agent_url("body.base_url", url),
            Runner::Command { command } if !short(command) => Err(Error::field("body.command", wanted())),
            Runner::Command { command } if !self.options.commands.contains(command) => {
                Err(Error::field("body.command", "is not a command that the server's configuration names"))
            }
            Runner::Digest | Runner::Llm { base_url: None, .. } | Runner::Command { .. } => Ok(()),
            Runner::Http { url } => self.check_agent_url("body.url", url),
        }
    }

    /// What an agent is told goes there, and its credential.
    fn check_agent_url(&self, location: &str, url: &EndpointUrl) -> Result<()> {
        if url.is_https() || (self.options.http_to_loopback && url.is_loopback()) {
            return Ok(());
        }
        Err(Error::field(location, "must begin with https://"))
    }
}

/// Checks a credential; the error names the member in which the runner's is given.
fn check_credential(runner: &Runner, secret: &SecretText) -> Result<()> {
    let text = secret.expose();
    match runner {
        Runner::Http { .. } => {
            check_secret(Wire::Standard, secret).map_err(|invalid| Error::field("body.secret", invalid))
        }
        Runner::Llm { .. }
            if (1..=SECRET_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(())
        }
        Runner::Llm { .. } => {
            let message = format!("must be 1 to {SECRET_BYTES_MAX} visible ASCII characters");
            Err(Error::field("body.api_key", message))
        }
        Runner::Digest | Runner::Command { .. } => {
            let message = format!("must be absent: the runner {} takes none", runner.as_str());
            Err(Error::field("body.api_key", message))
        }
    }
}

/// True when the key for a model would go somewhere else than before. It can not be read back, and must not be sent
/// to an address that it was not given for. What signs requests of an `http` agent is not sent.
fn moves_key(before: &Runner, after: &Runner) -> bool {
    matches!(after, Runner::Llm { .. }) && before != after
}

fn seal_secret(vault: &Vault, id: AgentId, secret: Option<&SecretText>) -> Sealed {
    vault.seal_json(&context(id), &secret.map(Secret::new))
}

/// The credential of an agent.
pub(crate) fn open_secret(
    vault: &Vault,
    id: AgentId,
    sealed: &Sealed,
) -> std::result::Result<Option<SecretText>, DoesNotOpen> {
    let secret: Option<Secret> = vault.open_json(&context(id), sealed)?;
    Ok(secret.as_ref().map(Secret::text))
}

fn context(id: AgentId) -> String {
    format!("agent-secret:{id}")
}
