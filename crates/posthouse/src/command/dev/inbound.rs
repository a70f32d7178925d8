//! The inbound half: a source, a webhook as GitHub would send it, what an agent says to it, and who is told of that.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_egress::SendRequest;
use posthouse_engine::{
    Caller, Clock as _, CreateSource, Engine, EventStream, SourceDetail, SystemClock, UpdateSource,
};
use posthouse_providers::{self as providers, auth, sample};
use posthouse_types::limits::PAGE_ITEMS_MAX;
use posthouse_types::{AuthMode, Event, InboundRef, Name, PageRequest, Source, SourceSettings};
use serde_json::Value;

use super::PATIENCE;
use crate::client;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::output::say;

/// Marks the source, so that the next start finds it again.
const SOURCE_MARK: &str = "posthouse-dev-source";
const PROFILE: &str = "github";
const EVENT: &str = "pull_request.opened";

/// What was shown, for the lines to copy.
pub(super) struct Shown {
    /// The source.
    pub(super) source: String,
    /// Where it receives.
    pub(super) ingest_url: String,
    /// The session of the sample, when there is one.
    pub(super) session: Option<String>,
}

/// Makes the source, or finds it again, sends it a sample and says what becomes of that.
pub(super) async fn show_sample(
    engine: &Arc<Engine>,
    caller: &Caller,
    url: &str,
    inbox: &Inbox,
) -> Result<Shown, Error> {
    let detail = dev_source(engine, caller).await?;
    let source = &detail.source;
    let ingest_url = format!("{url}/api/webhooks/ingest/{}", source.public_id);
    say(&format!("✓ source     {} receives at {ingest_url}", source.id));
    let mut shown = Shown { source: source.id.to_string(), ingest_url, session: None };
    if detail.has_provider_token {
        // With it an agent could do at GitHub what the sample leads it to.
        say("  It has a provider's token by now, so that no sample is sent to it.");
        return Ok(shown);
    }
    let mut events = engine.stream(caller, None).await?;
    let Some(number) = ingest(engine, caller, source, &shown.ingest_url).await? else { return Ok(shown) };
    let followed = async {
        let delivery = engine.inbound_delivery(caller, InboundRef::Number(number)).await?.delivery;
        shown.session = delivery.session.map(|session| session.to_string());
        let told = follow(engine, caller, source, &mut events, &delivery.id.to_string()).await?;
        say_delivered(inbox, &told).await;
        Ok::<_, Error>(())
    };
    match tokio::time::timeout(PATIENCE, followed).await {
        Ok(followed) => followed?,
        Err(_) => say(&format!(
            "✗ it was not over within {PATIENCE:?}; see GET /api/v1/inbound-deliveries/{number}"
        )),
    }
    Ok(shown)
}

/// The source of an earlier start, or a new one.
async fn dev_source(engine: &Arc<Engine>, caller: &Caller) -> posthouse_engine::Result<SourceDetail> {
    let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
    loop {
        let found = engine.sources(caller, page.clone()).await?;
        let marked = |detail: &SourceDetail| detail.source.settings.description.contains(SOURCE_MARK);
        if let Some(detail) = found.items.into_iter().find(marked) {
            if detail.source.settings.enabled {
                return Ok(detail);
            }
            let on = |settings: &mut SourceSettings| settings.enabled = true;
            let update = UpdateSource { settings: &on, secret: None, provider_token: None };
            return engine.update_source(caller, detail.source.id.into(), update).await;
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let name = Name::parse(PROFILE).expect("a constant name");
    let mode = providers::find(PROFILE).map_or(AuthMode::GithubHmacSha256, |profile| profile.auth);
    let mut settings = SourceSettings::new(name, PROFILE, mode);
    settings.description = format!("The built-in source of posthouse dev ({SOURCE_MARK})");
    let create = CreateSource { settings, project: None, secret: None, provider_token: None };
    Ok(engine.create_source(caller, create).await?.0)
}

/// Sends the sample over HTTP, as a stranger would; its number when it was taken on.
async fn ingest(
    engine: &Engine,
    caller: &Caller,
    source: &Source,
    ingest_url: &str,
) -> Result<Option<u64>, Error> {
    let unique = hex::encode(rand::random::<[u8; 16]>());
    let sample = sample::sample(PROFILE, EVENT, &unique).expect("there is a sample of it");
    let settings = &source.settings;
    let mut pairs = sample.headers;
    if settings.auth != AuthMode::None {
        let secret = engine.source_secret(caller, source.id.into()).await?;
        let header = settings.auth_header.as_deref();
        pairs.extend(auth::sign(settings.auth, header, &secret, sample.body.as_bytes(), SystemClock.now()));
    }
    let mut request = SendRequest::post(client::parse(ingest_url)?, sample.body.into());
    request.headers = pairs
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect::<HeaderMap>();
    let client = client::client()?;
    let began = Instant::now();
    let answer = client::exchange(&client, request).await?;
    let took = began.elapsed().as_millis();
    let number =
        serde_json::from_str::<Value>(&answer.text).ok().and_then(|read| read["deliveryId"].as_u64());
    match number {
        Some(number) => {
            say(&format!(
                "✓ accepted   {EVENT}, signed as GitHub signs: delivery {number}, on disk, {} in {took} ms",
                answer.status
            ));
        }
        None => say(&format!("✗ {EVENT} was not accepted: {} {}", answer.status, answer.text.trim_end())),
    }
    Ok(number)
}

/// Says what happens in the session until the agent is done; the events that told of it.
async fn follow(
    engine: &Arc<Engine>,
    caller: &Caller,
    source: &Source,
    events: &mut EventStream,
    delivery: &str,
) -> Result<Vec<Event>, Error> {
    let agent = match source.settings.agent {
        Some(id) => engine.agent(caller, id).await?.agent.settings.name.to_string(),
        None => "digest".to_owned(),
    };
    let mut told = Vec::new();
    loop {
        for event in events.next().await? {
            let payload: Value = serde_json::from_slice(&event.payload).unwrap_or_default();
            if payload["delivery_id"] != delivery {
                continue;
            }
            let text = |name: &str| payload[name].as_str().unwrap_or_default();
            let kind = event.event_type.to_string();
            match kind.as_str() {
                "session.started" => say(&format!("✓ session    {}", text("label"))),
                "session.message" if payload["role"] == "assistant" => {
                    let first = text("content").lines().next().unwrap_or_default();
                    say(&format!("✓ answered   {agent}: {first}"));
                }
                "session.failed" => say(&format!("✗ the agent failed: {}", text("error"))),
                _ => {}
            }
            told.push(event);
            if matches!(kind.as_str(), "session.completed" | "session.failed") {
                return Ok(told);
            }
        }
    }
}

/// Waits until the inbox has got these events, and says whether their signatures are right.
async fn say_delivered(inbox: &Inbox, events: &[Event]) {
    let mut wrong = None;
    for event in events {
        wrong = inbox.arrival(&event.public_id().to_string()).await.wrong.or(wrong);
    }
    let kinds: Vec<&str> = events.iter().map(|event| event.event_type.as_str()).collect();
    let kinds = kinds.join(", ");
    match wrong {
        None => say(&format!("✓ delivered  {kinds}: to the inbox, signatures valid")),
        Some(wrong) => say(&format!("✗ {kinds}: the inbox checked the signatures: {wrong}")),
    }
}
