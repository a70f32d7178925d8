//! How errors leave. Source: Moltis, `crates/protocol` (shape and codes) and `crates/gateway` (which code when).

use std::time::Duration;

use posthouse_engine::{Error, ErrorKind, FieldError};
use posthouse_types::Capability;
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::fault_text;

/// What went wrong with a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What kind of error it is here, and which members it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Box<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

pub(super) const UNAUTHORIZED: &str = "UNAUTHORIZED";
pub(super) const PROTOCOL_ERROR: &str = "PROTOCOL_ERROR";
pub(super) const INVALID_REQUEST: &str = "INVALID_REQUEST";
pub(super) const PAYLOAD_TOO_LARGE: &str = "PAYLOAD_TOO_LARGE";
const UNKNOWN_METHOD: &str = "UNKNOWN_METHOD";
/// What Moltis calls all that goes wrong inside of a method: a thing that is not there, a spec that is not valid.
const INTERNAL: &str = "INTERNAL";

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retryable: None, retry_after_ms: None }
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        let shown: String = method.chars().take(128).collect();
        Self::new(UNKNOWN_METHOD, format!("unknown method: {shown}"))
    }

    /// A member of the parameters that has to be there is not, or is no such value.
    pub(super) fn missing(name: &str) -> Self {
        let details = json!({ "kind": "invalid", "fields": [{ "member": name, "message": "is required" }] });
        Self { details: Some(details.into()), ..Self::new(INTERNAL, format!("missing '{name}'")) }
    }

    /// Something is not there, or not the caller's.
    pub(super) fn not_found(what: &str, id: u64) -> Self {
        Self::of_kind("not_found", format!("{what} not found: {id}"))
    }

    /// Puts before the message what was to be done.
    pub(super) fn in_context(mut self, context: &str) -> Self {
        self.message.insert_str(0, context);
        self
    }

    fn later(self, wait: Duration) -> Self {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { retryable: Some(true), retry_after_ms: Some(millis), ..self }
    }

    fn of_kind(kind: &'static str, message: String) -> Self {
        Self { details: Some(json!({ "kind": kind }).into()), ..Self::new(INTERNAL, message) }
    }
}

impl From<Error> for Failure {
    fn from(mut error: Error) -> Self {
        log(&error);
        if let ErrorKind::Invalid(fields) = &mut error.kind {
            fields.iter_mut().for_each(rename);
        }
        let message = fault_text(&error);
        match &error.kind {
            ErrorKind::Unauthenticated => Self::new(UNAUTHORIZED, "authentication failed"),
            ErrorKind::Forbidden { needs } => {
                Self::new("FORBIDDEN", format!("missing scope: {}", scope(*needs)))
            }
            ErrorKind::NotFound => Self::of_kind("not_found", message),
            ErrorKind::Invalid(fields) => {
                let fields: Vec<Value> = fields
                    .iter()
                    .map(|field| json!({ "member": member(&field.location), "message": field.message }))
                    .collect();
                let details = json!({ "kind": "invalid", "fields": fields });
                Self { details: Some(details.into()), ..Self::new(INTERNAL, message) }
            }
            ErrorKind::Conflict { .. } => Self::of_kind("conflict", message),
            ErrorKind::RateLimited { retry_after } => Self::new("RATE_LIMITED", message).later(*retry_after),
            ErrorKind::TimedOut => Self::new("TIMEOUT", message).later(Duration::from_secs(1)),
            ErrorKind::Unavailable => Self::new("UNAVAILABLE", message).later(Duration::from_secs(1)),
            ErrorKind::TooLarge { .. } => Self::new(PAYLOAD_TOO_LARGE, message),
            ErrorKind::Malformed { .. }
            | ErrorKind::UnsupportedMediaType
            | ErrorKind::IdempotencyKeyReused
            | ErrorKind::UnknownPath
            | ErrorKind::WrongMethod => Self::new(INVALID_REQUEST, message),
            ErrorKind::Internal => Self::new(INTERNAL, message),
        }
    }
}

/// What Moltis calls a capability.
pub(super) const fn scope(capability: Capability) -> &'static str {
    match capability {
        Capability::Read => "operator.read",
        Capability::Manage => "operator.write",
        Capability::Admin => "operator.admin",
        Capability::Publish | Capability::Send => "operator.send",
    }
}

fn member(location: &str) -> &str {
    location.strip_prefix("body.").unwrap_or(location)
}

/// The engine names members as the native API does; here they have Moltis's names.
const MEMBERS: [(&str, &str); 14] = [
    ("body.auth.header", "body.authConfig.header"),
    ("body.auth", "body.authConfig"),
    ("body.profile", "body.sourceProfile"),
    ("body.provider_token", "body.sourceConfig.api_token"),
    ("body.provider_url", "body.sourceConfig.api_url"),
    ("body.event_header", "body.sourceConfig.event_header"),
    ("body.overrides.model", "body.model"),
    ("body.overrides.system_prompt_suffix", "body.systemPromptSuffix"),
    ("body.prompt_template", "body.promptTemplate"),
    ("body.session.name", "body.namedSessionKey"),
    ("body.agent_id", "body.agentId"),
    ("body.allowed_cidrs", "body.allowedCidrs"),
    ("body.max_body_bytes", "body.maxBodyBytes"),
    ("body.rate_limit_per_minute", "body.rateLimitPerMinute"),
];

fn rename(field: &mut FieldError) {
    let renamed = MEMBERS.iter().find_map(|(engine, own)| {
        let rest = field.location.strip_prefix(engine)?;
        match rest.as_bytes().first() {
            None | Some(b'[') => Some(format!("{own}{rest}")),
            // Which of its members holds the secret goes by the mode.
            Some(b'.') => Some((*own).to_owned()),
            Some(_) => None,
        }
    });
    if let Some(renamed) = renamed {
        field.location = renamed;
    }
}

/// Failures of ours. Refusals are the caller's business.
fn log(error: &Error) {
    let cause = error.cause.as_ref().map(tracing::field::debug);
    match error.kind {
        ErrorKind::Internal => tracing::error!(cause, "a request over a WebSocket failed: {error}"),
        ErrorKind::Unavailable => {
            tracing::warn!(cause, "a request over a WebSocket could not be served: {error}");
        }
        _ => tracing::debug!(cause, "a request over a WebSocket was refused: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_their_own_names() {
        for (engine, own) in [
            ("body.name", "name: x"),
            ("body.auth.token", "authConfig: x"),
            ("body.auth.header", "authConfig.header: x"),
            ("body.allowed_cidrs[3]", "allowedCidrs[3]: x"),
            ("body.profile", "sourceProfile: x"),
            ("body.authConfig.value", "authConfig.value: x"),
            ("body.provider_url", "sourceConfig.api_url: x"),
        ] {
            assert_eq!(Failure::from(Error::field(engine, "x")).message, own);
        }
    }

    #[test]
    fn what_may_be_tried_again_says_when() {
        let kind = ErrorKind::RateLimited { retry_after: Duration::from_millis(1500) };
        let failure = Failure::from(Error::new(kind, "too many"));
        assert_eq!(
            serde_json::to_value(failure).unwrap(),
            json!({ "code": "RATE_LIMITED", "message": "too many", "retryable": true, "retryAfterMs": 1500 })
        );
        let failure = Failure::from(Error::new(ErrorKind::Internal, "broken"));
        assert_eq!(
            serde_json::to_value(failure).unwrap(),
            json!({ "code": "INTERNAL", "message": "broken" })
        );
    }
}
