//! Webhooks, which are endpoints of the format `whatsapp`.

use posthouse_engine::{CreateEndpoint, EndpointDetail, Error, NewSecret, organization_id};
use posthouse_types::retry::{Schedule, Steps};
use posthouse_types::wire::WHATSAPP_STEPS;
use posthouse_types::{
    EndpointId, EndpointUrl, EventFilter, EventPattern, Headers, RetryPolicy, SecretText, SessionId,
    Settings, Wire,
};

use super::super::wire;
use crate::http::{Fields, Object};

/// A webhook's id is this and the ULID of its endpoint. Source: "List webhooks" (`wh_01J9...`).
const PREFIX: &str = "wh_";

/// How far the waits of `exponential` are spread; the others are kept to. Source: "about 20 %", of the sister
/// product's guide on events, which says it of `exponential` only.
const JITTER_OF_EXPONENTIAL: f64 = 0.2;

/// Reads the id in a path. One that can not be an id names nothing.
pub(crate) fn webhook_id(text: &str) -> Result<EndpointId, Error> {
    let ulid = text.strip_prefix(PREFIX);
    let id = ulid.and_then(|ulid| format!("{}{ulid}", EndpointId::PREFIX).parse().ok());
    id.ok_or_else(|| Error::not_found("webhook", text))
}

/// The settings that a request names; what is `None` stays as it is.
#[derive(Default)]
struct SettingsChange {
    url: Option<EndpointUrl>,
    events: Option<EventFilter>,
    retry_policy: Option<RetryPolicy>,
    active: Option<bool>,
}

/// What a request changes of a webhook; what is `None` stays as it is.
#[expect(clippy::option_option, reason = "to leave, to clear and to set are three things")]
pub(crate) struct Changes {
    settings: SettingsChange,
    pub(crate) headers: Option<Headers>,
    pub(crate) session: Option<Option<SessionId>>,
    pub(crate) secret: Option<NewSecret>,
}

impl Changes {
    /// Changes the settings.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        let SettingsChange { url, events, retry_policy, active } = &self.settings;
        settings.url = url.as_ref().unwrap_or(&settings.url).clone();
        settings.events = events.as_ref().unwrap_or(&settings.events).clone();
        settings.retry_policy = retry_policy.as_ref().unwrap_or(&settings.retry_policy).clone();
        settings.enabled = active.unwrap_or(settings.enabled);
    }
}

/// A new webhook is the default one, changed by what is said; null says nothing.
pub(crate) fn create_webhook(request: wire::CreateWebhook) -> Result<CreateEndpoint, Error> {
    let mut fields = Fields::default();
    let url = fields.read(&request.url, EndpointUrl::parse, || "body.url".to_owned());
    let changes = read(
        wire::UpdateWebhook {
            url: None,
            events: request.events,
            session_id: Some(request.session_id),
            secret: Some(request.secret),
            custom_headers: Some(request.custom_headers),
            retry_policy: Some(request.retry_policy),
            active: request.active,
        },
        &mut fields,
    );
    let mut settings = Settings::new(fields.finish_with(url)?, Wire::Whatsapp);
    changes.apply(&mut settings);
    Ok(CreateEndpoint {
        settings,
        project: None,
        session: changes.session.flatten(),
        secret: changes.secret.unwrap_or(NewSecret::Unsigned),
        headers: changes.headers.unwrap_or_default(),
    })
}

/// What a request changes of a webhook.
pub(crate) fn changes(request: wire::UpdateWebhook) -> Result<Changes, Error> {
    let mut fields = Fields::default();
    let changes = read(request, &mut fields);
    fields.finish()?;
    Ok(changes)
}

fn read(request: wire::UpdateWebhook, fields: &mut Fields) -> Changes {
    let session = request
        .session_id
        .map(|session| fields.read_if(session.as_deref(), SessionId::parse, || "body.sessionId".to_owned()));
    let headers = request
        .custom_headers
        .and_then(|headers| fields.headers(headers.unwrap_or_default(), "body.customHeaders"));
    let secret = request.secret.map(|secret| match secret {
        Some(text) => NewSecret::Given(SecretText::new(text)),
        None => NewSecret::Unsigned,
    });
    let settings = SettingsChange {
        url: fields.read_if(request.url.as_deref(), EndpointUrl::parse, || "body.url".to_owned()),
        events: request.events.and_then(|patterns| fields.event_filter(&patterns, "body.events")),
        retry_policy: request.retry_policy.and_then(|policy| match policy {
            Some(Object(policy)) => policy_in(&policy, fields),
            None => Some(Wire::Whatsapp.retry_policy()),
        }),
        active: request.active,
    };
    Changes { settings, headers, session, secret }
}

fn policy_in(policy: &wire::RetryPolicyIn, fields: &mut Fields) -> Option<RetryPolicy> {
    let steps = Steps {
        delay_s: policy.delay_seconds.unwrap_or(WHATSAPP_STEPS.delay_s),
        attempts: policy.attempts.unwrap_or(WHATSAPP_STEPS.attempts),
        ..WHATSAPP_STEPS
    };
    let name = policy.policy.as_deref().unwrap_or("exponential");
    let known = |name: &str| match name {
        "exponential" => Ok((Schedule::Exponential(steps), JITTER_OF_EXPONENTIAL)),
        "linear" => Ok((Schedule::Linear(steps), 0.0)),
        "constant" => Ok((Schedule::Constant(steps), 0.0)),
        _ => Err("must be exponential, linear or constant"),
    };
    let (schedule, jitter) = fields.read(name, known, || "body.retryPolicy.policy".to_owned())?;
    RetryPolicy::new(schedule, Some(jitter))
        .map_err(|(member, invalid)| {
            let member = if member == "delay_seconds" { "delaySeconds" } else { member };
            fields.refuse(format!("body.retryPolicy.{member}"), invalid);
        })
        .ok()
}

/// All of an organization's webhooks.
pub(crate) fn webhooks_out(webhooks: Vec<EndpointDetail>) -> wire::Webhooks {
    wire::Webhooks { data: webhooks.into_iter().map(webhook_out).collect(), next_cursor: "" }
}

/// A webhook, without its secret.
pub(crate) fn webhook_out(detail: EndpointDetail) -> wire::Webhook {
    let EndpointDetail { endpoint, headers } = detail;
    wire::Webhook {
        active: endpoint.settings.enabled,
        created_at: endpoint.created_at.as_millis(),
        custom_headers: headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
        events: endpoint.settings.events.patterns().iter().map(EventPattern::to_string).collect(),
        id: endpoint.id.to_string().replacen(EndpointId::PREFIX, PREFIX, 1),
        organization_id: organization_id(endpoint.space.tenant),
        retry_policy: policy_out(&endpoint.settings.retry_policy),
        session_id: endpoint.session.map(|session| session.to_string()),
        updated_at: endpoint.updated_at.as_millis(),
        url: endpoint.settings.url.as_str().to_owned(),
    }
}

fn policy_out(policy: &RetryPolicy) -> wire::RetryPolicy {
    // A random number in the middle is a wait that is not spread.
    let first_wait = policy.wait_after(1, None, 0.5).unwrap_or_default().as_secs();
    let (name, delay_seconds) = match policy.schedule() {
        Schedule::Exponential(steps) => ("exponential", steps.delay_s),
        Schedule::Linear(steps) => ("linear", steps.delay_s),
        Schedule::Constant(steps) => ("constant", steps.delay_s),
        Schedule::Standard => ("standard", first_wait),
        Schedule::Custom(_) => ("custom", first_wait),
    };
    wire::RetryPolicy { attempts: policy.attempts(), delay_seconds, policy: name }
}
