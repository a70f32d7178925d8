//! One turn, from beginning to end.

use std::sync::Arc;
use std::time::Duration;

use posthouse_store::{InboundFilter, StoreError};
use posthouse_types::limits::TURN_STARTS_MAX;
use posthouse_types::{
    AgentId, AgentSettings, Message, Name, PageRequest, Role, Runner, SecretText, Turn, Work,
};

use super::begin::{Begun, begin};
use super::context::{Context, Delivered};
use super::end::{Ending, abandon, end};
use super::prompt;
use super::toolbox::RunTools;
use crate::Engine;
use crate::agents::{AgentReply, AgentRun, RunError, Said, open_secret};
use crate::inbound::Told;
use crate::sources::ConfiguredAgent;

/// Messages that an agent is shown of what was said before.
const HISTORY_MESSAGES: usize = 30;
/// Their contents together, bytes.
const HISTORY_BYTES_MAX: usize = 128 * 1024;

/// What an agent is about to do.
struct Job {
    agent: AgentSettings,
    secret: Option<SecretText>,
}

/// Does a turn. Fails only when the store does.
pub(super) async fn perform(engine: &Arc<Engine>, turn: Turn) -> Result<(), StoreError> {
    if let Work::Action(action) = turn.work {
        return super::carry_out::approved(engine, &turn, action).await;
    }
    let gone = |what: &str| Ending::failed(format!("{what} is not kept any more"));
    let context = match load(engine, turn.clone()).await? {
        Ok(context) => context,
        Err(what) => return end(engine, &turn, None, gone(what)).await,
    };
    if context.turn.starts >= TURN_STARTS_MAX {
        let error = format!("given up: it was begun {TURN_STARTS_MAX} times and never ended");
        return end(engine, &turn, context.delivery.as_ref(), Ending::failed(error)).await;
    }
    let told = match (&context.delivery, turn.work) {
        (Some(delivered), Work::Delivery(_)) => Some(delivered.tell()),
        _ => None,
    };
    let earlier = match begin(engine, &context, told.as_ref()).await? {
        Begun::Yes { earlier } => earlier,
        Begun::No => return Ok(()),
        Begun::ForeignSession => {
            let error = "the session of this name belongs to another project than the source";
            return abandon(engine, &turn, error).await;
        }
    };
    let ending = match job(engine, &context).await? {
        Ok(None) => Ending::quiet(),
        Ok(Some(job)) => {
            let tools = RunTools::new(engine, &context, &job.agent, earlier).await?;
            run(engine, &context, told, job, &tools)
                .await?
                .with_calls(tools.calls())
                .having_spent(tools.tokens())
        }
        Err(error) => Ending::failed(error),
    };
    let ending = ending.after(turn.starts + 1, engine.clock.now());
    end(engine, &turn, context.delivery.as_ref(), ending).await
}

/// Reads what the turn is about, or says what is gone.
async fn load(engine: &Engine, turn: Turn) -> Result<Result<Context, &'static str>, StoreError> {
    Ok(match turn.work {
        Work::Delivery(id) => match Delivered::load(engine, &turn, id).await? {
            Some(delivered) => Ok(Context { turn, delivery: Some(delivered), said: None }),
            None => Err("the body of the delivery"),
        },
        Work::Message(id) => match engine.store.message(turn.space, &turn.session, id).await? {
            Some(said) => {
                let delivery = latest(engine, &turn).await?;
                Ok(Context { turn, delivery, said: Some(said) })
            }
            None => Err("the message"),
        },
        Work::Action(_) => Err("the action"),
    })
}

/// The delivery that a conversation is about: the last of the session. What a person says is new, so it is answered as
/// the source is configured now.
async fn latest(engine: &Engine, turn: &Turn) -> Result<Option<Delivered>, StoreError> {
    let filter = InboundFilter { session: Some(turn.session.clone()), ..InboundFilter::default() };
    let page =
        engine.store.inbound_list(turn.space, filter, PageRequest { limit: 1, after: None }, 0).await?;
    match page.items.first() {
        Some(delivery) => {
            let delivered = Delivered::load(engine, turn, delivery.id).await?;
            let configured = engine.doors.configured(delivery.source);
            Ok(delivered.map(|delivered| match configured {
                Some(configured) => Delivered { configured, ..delivered },
                None => delivered,
            }))
        }
        None => Ok(None),
    }
}

/// Who works, with what the source overrides; `None` when nobody is to.
async fn job(engine: &Engine, context: &Context) -> Result<Result<Option<Job>, String>, StoreError> {
    let turn = &context.turn;
    let session = match &context.said {
        Some(_) => engine.store.session(turn.space, &turn.session).await?,
        None => None,
    };
    if let Some(id) = session.and_then(|session| session.agent) {
        let Some(agent) = engine.agents.get(turn.space, id) else {
            return Ok(Err(format!("the session's agent {id} was removed")));
        };
        return with_secret(engine, turn, id, agent.settings.clone()).await;
    }
    // Of a source that was removed only its sessions are left.
    let Some(delivered) = &context.delivery else {
        return Ok(Ok(Some(Job { agent: digest(), secret: None })));
    };
    let source = &delivered.configured.source;
    if source.deliver_only {
        return Ok(Ok(None));
    }
    let Some(ConfiguredAgent { id, settings }) = delivered.configured.agent.clone() else {
        return Ok(Ok(Some(Job { agent: digest(), secret: None })));
    };
    let job = with_secret(engine, turn, id, settings).await?;
    Ok(job.map(|job| {
        job.map(|mut job| {
            let agent = &mut job.agent;
            if let Some(model) = &source.overrides.model {
                agent.model = Some(model.clone());
            }
            if let Some(suffix) = &source.overrides.system_prompt_suffix {
                let prompt = [agent.system_prompt.trim_end(), suffix].join("\n\n");
                prompt.trim().clone_into(&mut agent.system_prompt);
            }
            job
        })
    }))
}

/// The agent of sources that are bound to none.
fn digest() -> AgentSettings {
    AgentSettings::new(Name::parse("digest").expect("a printable name"), Runner::Digest)
}

async fn with_secret(
    engine: &Engine,
    turn: &Turn,
    id: AgentId,
    agent: AgentSettings,
) -> Result<Result<Option<Job>, String>, StoreError> {
    let Some(record) = engine.store.agent(turn.space, id).await? else {
        return Ok(Err(format!("the agent {id} was removed")));
    };
    // The credential is the one of now, and goes only where it was given for: an agent that runs elsewhere by now is
    // taken as it is now.
    let moved = agent.runner != record.agent.settings.runner;
    let agent = if moved { record.agent.settings } else { agent };
    Ok(match open_secret(&engine.vault, id, &record.secrets) {
        Ok(secret) => Ok(Some(Job { agent, secret })),
        Err(_) => Err("the agent's secret can not be opened with the server's master key".to_owned()),
    })
}

async fn run(
    engine: &Engine,
    context: &Context,
    told: Option<Told>,
    job: Job,
    tools: &Arc<RunTools>,
) -> Result<Ending, StoreError> {
    let plain = job.agent.runner == Runner::Digest;
    let fence = prompt::Fence::new();
    let history = history(engine, context, (!plain).then_some(&fence)).await?;
    let (message, headline) = match (told, &context.said) {
        (Some(told), _) if plain => (told.message, Some(told.headline)),
        (Some(told), _) => (fence.around(&told.message), Some(told.headline)),
        (None, said) => (said.as_ref().map(|said| said.content.clone()).unwrap_or_default(), None),
    };
    let mut agent = job.agent;
    if !plain {
        let template = context.delivery.as_ref().and_then(|delivered| {
            delivered.configured.source.prompt_template.as_deref().filter(|_| context.said.is_none())
        });
        agent.system_prompt = prompt::system(&agent.system_prompt, &fence, template, tools.earlier());
    }
    let limit = Duration::from_secs(agent.limits.seconds.into());
    let session = context.turn.session.clone();
    let run = AgentRun { agent, secret: job.secret, session, history, message, headline };
    let toolbox: Arc<dyn crate::agents::Toolbox> = Arc::<RunTools>::clone(tools);
    Ok(match tokio::time::timeout(limit, engine.runner.run(run, toolbox)).await {
        Ok(Ok(AgentReply { content, tokens })) => Ending::replied(content, tokens),
        Ok(Err(RunError::Permanent(error))) => Ending::failed(error),
        Ok(Err(RunError::Temporary(error))) => Ending::again(error),
        Err(_) => Ending::failed(format!("took longer than the agent's limit of {} s", limit.as_secs())),
    })
}

/// What was said before, oldest first; what came from outside is fenced.
async fn history(
    engine: &Engine,
    context: &Context,
    fence: Option<&prompt::Fence>,
) -> Result<Vec<Said>, StoreError> {
    let turn = &context.turn;
    let page = PageRequest { limit: HISTORY_MESSAGES, after: None };
    let messages = engine.store.messages(turn.space, &turn.session, page).await?.items;
    // Not what is to be answered now: that is the message itself. An answer may be younger than it.
    let is_current = |message: &Message| match (&context.said, turn.work) {
        (Some(said), _) => message.id == said.id,
        (None, Work::Delivery(id)) => message.delivery == Some(id),
        (None, _) => false,
    };
    let mut room = HISTORY_BYTES_MAX;
    let mut history: Vec<Said> = messages
        .into_iter()
        .filter(|message| !is_current(message))
        .map_while(|message| {
            room = room.checked_sub(message.content.len())?;
            let outside = message.role == Role::User && message.delivery.is_some();
            let text = match fence.filter(|_| outside) {
                Some(fence) => fence.around(&message.content),
                None => message.content,
            };
            Some(Said { role: message.role, content: text })
        })
        .collect();
    history.reverse();
    Ok(history)
}
