//! Endpoints.

use std::time::Duration;

use posthouse_engine::{Caller, CreateEndpoint, EndpointDetail, Error, NewSecret, Rotate, Rotated};
use posthouse_types::endpoint::check_timeout_ms;
use posthouse_types::{
    Capability, Endpoint, EndpointUrl, EventFilter, EventPattern, Headers, Ordering, PayloadFilter,
    ProjectId, RateLimit, RetryPolicy, SecretText, SessionId, Settings, Wire,
};
use serde_json::{Map, Value};

use super::super::wire;
use super::retry::{policy_in, policy_out};
use super::time_out;
use crate::http::{Fields, Object};

/// What stands in for a header value that the caller may not see.
const REDACTED: &str = "[redacted]";

/// The settings that a request names; the outer `None` leaves a setting as it is.
#[derive(Default)]
#[expect(clippy::option_option, reason = "to leave, to clear and to set are three things")]
pub(crate) struct SettingsChange {
    url: Option<EndpointUrl>,
    events: Option<EventFilter>,
    description: Option<String>,
    wire: Option<Wire>,
    retry_policy: Option<Option<RetryPolicy>>,
    rate_limit: Option<Option<RateLimit>>,
    ordering: Option<Ordering>,
    timeout_ms: Option<Option<u32>>,
    filter: Option<Option<PayloadFilter>>,
    enabled: Option<bool>,
    metadata: Option<Map<String, Value>>,
}

impl SettingsChange {
    /// Makes the change.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        set(&mut settings.url, self.url.as_ref());
        set(&mut settings.events, self.events.as_ref());
        set(&mut settings.description, self.description.as_ref());
        set(&mut settings.wire, self.wire.as_ref());
        // What the format has where nothing is said.
        if let Some(policy) = &self.retry_policy {
            settings.retry_policy = policy.clone().unwrap_or_else(|| settings.wire.retry_policy());
        }
        set(&mut settings.rate_limit, self.rate_limit.as_ref());
        set(&mut settings.ordering, self.ordering.as_ref());
        if let Some(timeout_ms) = self.timeout_ms {
            settings.timeout_ms = timeout_ms.unwrap_or(settings.wire.timeout_ms());
        }
        set(&mut settings.filter, self.filter.as_ref());
        set(&mut settings.enabled, self.enabled.as_ref());
        set(&mut settings.metadata, self.metadata.as_ref());
    }
}

pub(crate) fn create_endpoint(request: wire::CreateEndpoint) -> Result<CreateEndpoint, Error> {
    let mut fields = Fields::default();
    let url = fields.read(&request.url, EndpointUrl::parse, || "body.url".to_owned());
    let project = request.project_id.as_deref();
    let project = fields.read_if(project, str::parse::<ProjectId>, || "body.project_id".to_owned());
    let session = request.session_id.as_deref();
    let session = fields.read_if(session, SessionId::parse, || "body.session_id".to_owned());
    let headers = fields.headers(request.headers.unwrap_or_default(), "body.headers").unwrap_or_default();
    // A new endpoint is the default one, changed by what is said; null says nothing.
    let change = read_change(
        wire::UpdateEndpoint {
            url: None,
            events: request.events.map(Some),
            description: request.description.map(Some),
            wire: request.wire.map(Some),
            headers: None,
            retry_policy: request.retry_policy.map(Some),
            rate_limit: request.rate_limit.map(Some),
            ordering: request.ordering.map(Some),
            timeout_ms: request.timeout_ms.map(Some),
            filter: request.filter.map(Some),
            enabled: request.enabled,
            metadata: request.metadata.map(Some),
        },
        &mut fields,
    );
    let mut settings = Settings::new(fields.finish_with(url)?, change.wire.unwrap_or(Wire::Standard));
    change.apply(&mut settings);
    let secret = NewSecret::given_or_made(request.secret.map(SecretText::new));
    Ok(CreateEndpoint { settings, project, session, secret, headers })
}

/// What to change, and the headers when they are to be replaced.
pub(crate) fn settings_change(
    mut request: wire::UpdateEndpoint,
) -> Result<(SettingsChange, Option<Headers>), Error> {
    let mut fields = Fields::default();
    let headers = request.headers.take();
    let headers = headers.and_then(|headers| fields.headers(headers.unwrap_or_default(), "body.headers"));
    let change = read_change(request, &mut fields);
    fields.finish()?;
    Ok((change, headers))
}

fn read_change(request: wire::UpdateEndpoint, fields: &mut Fields) -> SettingsChange {
    let url = request.url.as_deref();
    SettingsChange {
        url: fields.read_if(url, EndpointUrl::parse, || "body.url".to_owned()),
        events: request.events.and_then(|events| match events {
            Some(patterns) => fields.event_filter(&patterns, "body.events"),
            None => Some(EventFilter::all()),
        }),
        description: request.description.map(Option::unwrap_or_default),
        wire: request.wire.and_then(|wire| match wire {
            Some(name) => fields.read(&name, Wire::parse, || "body.wire".to_owned()),
            None => Some(Wire::Standard),
        }),
        retry_policy: request.retry_policy.map(|policy| policy.and_then(|policy| policy_in(&policy, fields))),
        rate_limit: request.rate_limit.map(|limit| limit.and_then(|limit| rate_limit_in(&limit, fields))),
        ordering: request.ordering.and_then(|ordering| match ordering {
            Some(name) => fields.read(&name, Ordering::parse, || "body.ordering".to_owned()),
            None => Some(Ordering::None),
        }),
        timeout_ms: request.timeout_ms.map(|timeout_ms| {
            timeout_ms.and_then(|value| fields.take(check_timeout_ms(value), || "body.timeout_ms".to_owned()))
        }),
        filter: request.filter.map(|filter| {
            filter
                .and_then(|filter| fields.take(PayloadFilter::try_from(filter), || "body.filter".to_owned()))
        }),
        enabled: request.enabled,
        metadata: request.metadata.map(Option::unwrap_or_default),
    }
}

fn rate_limit_in(Object(limit): &Object<wire::RateLimitIn>, fields: &mut Fields) -> Option<RateLimit> {
    RateLimit::new(limit.per_second, limit.burst)
        .map_err(|(member, invalid)| fields.refuse(format!("body.rate_limit.{member}"), invalid))
        .ok()
}

/// An endpoint as this caller may see it.
pub(crate) fn endpoint_out(caller: &Caller, detail: EndpointDetail) -> wire::Endpoint {
    let manages = caller.capabilities.has(Capability::Manage);
    let headers = detail.headers.iter().map(|header| {
        let value = if manages { header.value.clone() } else { REDACTED.to_owned() };
        (header.name.clone(), value)
    });
    let headers = headers.collect();
    let endpoint = detail.endpoint;
    wire::Endpoint {
        id: endpoint.id.to_string(),
        health: health_out(&endpoint),
        url: endpoint.settings.url.as_str().to_owned(),
        events: endpoint.settings.events.patterns().iter().map(EventPattern::to_string).collect(),
        description: endpoint.settings.description,
        project_id: endpoint.project.map(|id| id.to_string()),
        session_id: endpoint.session.map(|id| id.to_string()),
        wire: endpoint.settings.wire.as_str(),
        headers,
        retry_policy: policy_out(&endpoint.settings.retry_policy),
        rate_limit: endpoint
            .settings
            .rate_limit
            .map(|limit| wire::RateLimit { per_second: limit.per_second, burst: limit.burst }),
        ordering: endpoint.settings.ordering.as_str(),
        timeout_ms: endpoint.settings.timeout_ms,
        filter: endpoint.settings.filter.map(Map::from),
        enabled: endpoint.settings.enabled,
        metadata: endpoint.settings.metadata,
        created_at: endpoint.created_at.to_string(),
        updated_at: endpoint.updated_at.to_string(),
    }
}

fn health_out(endpoint: &Endpoint) -> wire::Health {
    let health = &endpoint.health;
    wire::Health {
        state: endpoint.health_state().as_str(),
        consecutive_failures: health.consecutive_failures,
        failing_since: time_out(health.failing_since),
        last_success_at: time_out(health.last_success_at),
        open_until: time_out(health.open_until),
        disabled_reason: endpoint.disabled_reason.map(posthouse_types::DisabledReason::as_str),
    }
}

pub(crate) fn created_endpoint(
    caller: &Caller,
    detail: EndpointDetail,
    secret: Option<&SecretText>,
) -> wire::CreatedEndpoint {
    let secret = secret.map(|secret| secret.expose().to_owned());
    wire::CreatedEndpoint { endpoint: endpoint_out(caller, detail), secret }
}

pub(crate) fn rotate(request: wire::RotateSecret) -> Rotate {
    Rotate {
        secret: request.secret.map(SecretText::new),
        overlap: request.overlap_seconds.map(Duration::from_secs),
    }
}

pub(crate) fn rotated(rotated: &Rotated) -> wire::Rotated {
    wire::Rotated { secret: rotated.secret.expose().to_owned(), overlap_seconds: rotated.overlap.as_secs() }
}
