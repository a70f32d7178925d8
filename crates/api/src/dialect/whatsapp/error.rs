//! Errors as WhatsApp Gateway writes them: `error` with `code`, `message` and `details`. Source of shape and of the
//! codes `not_found`, `forbidden` and `validation_error`: "List webhooks", "Create a webhook", "Vote on a poll
//! message"; the other codes are ours.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthouse_engine::{Error, ErrorKind, FieldError};

use super::routes::WEBHOOKS;
use super::wire::{ErrorBody, ErrorMembers};
use crate::http::{Place, error_headers, fault_location};

/// One kind of error as this dialect shows it.
pub(super) struct Row {
    pub(super) status: StatusCode,
    code: &'static str,
    /// What it means, in a few words.
    pub(super) title: &'static str,
}

impl Row {
    const fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title }
    }
}

/// "Vote on a poll message" answers 400 to what is not valid …
const BAD_REQUEST: Row =
    Row::new(StatusCode::BAD_REQUEST, "validation_error", "The request is not valid (outside of webhooks)");
/// … and "Create a webhook" 422, with the same code.
const UNPROCESSABLE: Row =
    Row::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", "The request is not valid (webhooks)");
const UNAUTHORIZED: Row =
    Row::new(StatusCode::UNAUTHORIZED, "unauthorized", "No valid API key, login or ticket");
const FORBIDDEN: Row = Row::new(StatusCode::FORBIDDEN, "forbidden", "The caller may not do this");
const NOT_FOUND: Row = Row::new(StatusCode::NOT_FOUND, "not_found", "Not there, or another organization's");
const WRONG_METHOD: Row =
    Row::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The path does not take this method");
const TIMED_OUT: Row = Row::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long");
const CONFLICT: Row = Row::new(
    StatusCode::CONFLICT,
    "conflict",
    "A limit is reached, someone else changed it at the same moment, or the idempotency key was used with another \
     request",
);
const TOO_LARGE: Row = Row::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large");
const UNSUPPORTED_MEDIA_TYPE: Row = Row::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "The body is not `application/json`, or compressed",
);
const RATE_LIMITED: Row = Row::new(
    StatusCode::TOO_MANY_REQUESTS,
    "rate_limited",
    "Too many requests or open streams; `Retry-After` says when to come back",
);
const INTERNAL: Row = Row::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "A fault of the server");
const UNAVAILABLE: Row = Row::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "unavailable",
    "The store can not serve just now; nothing was changed",
);

/// Every row, by status.
pub(super) const ROWS: [&Row; 13] = [
    &BAD_REQUEST,
    &UNAUTHORIZED,
    &FORBIDDEN,
    &NOT_FOUND,
    &WRONG_METHOD,
    &TIMED_OUT,
    &CONFLICT,
    &TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &UNPROCESSABLE,
    &RATE_LIMITED,
    &INTERNAL,
    &UNAVAILABLE,
];

/// The row of a kind, at a path. A new kind must find its row here before anything builds.
fn row(kind: &ErrorKind, path: &str) -> &'static Row {
    match kind {
        ErrorKind::Malformed { .. } | ErrorKind::Invalid(_) if is_of_webhooks(path) => &UNPROCESSABLE,
        ErrorKind::Malformed { .. } | ErrorKind::Invalid(_) => &BAD_REQUEST,
        ErrorKind::Unauthenticated => &UNAUTHORIZED,
        ErrorKind::Forbidden { .. } => &FORBIDDEN,
        ErrorKind::NotFound | ErrorKind::UnknownPath => &NOT_FOUND,
        ErrorKind::WrongMethod => &WRONG_METHOD,
        ErrorKind::TimedOut => &TIMED_OUT,
        ErrorKind::Conflict { .. } | ErrorKind::IdempotencyKeyReused => &CONFLICT,
        ErrorKind::TooLarge { .. } => &TOO_LARGE,
        ErrorKind::UnsupportedMediaType => &UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::RateLimited { .. } => &RATE_LIMITED,
        ErrorKind::Internal => &INTERNAL,
        ErrorKind::Unavailable => &UNAVAILABLE,
    }
}

fn is_of_webhooks(path: &str) -> bool {
    path.strip_prefix(WEBHOOKS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An error as a response.
pub(in crate::dialect) fn render(error: &Error, place: &Place) -> Response {
    let row = row(&error.kind, place.path());
    let (message, details) = match &error.kind {
        ErrorKind::Invalid(fields) => of_members(fields, &error.detail),
        kind => {
            let member = place_of(kind).map(|location| (member(location), error.detail.to_string()));
            (error.detail.to_string(), member.into_iter().collect())
        }
    };
    let body = ErrorBody { error: ErrorMembers { code: row.code, details, message } };
    let mut response = (row.status, Json(body)).into_response();
    error_headers(error, response.headers_mut());
    response
}

/// Message and details for wrong members.
fn of_members(fields: &[FieldError], detail: &str) -> (String, BTreeMap<String, String>) {
    let mut details = BTreeMap::new();
    for field in fields {
        // Of several faults of one member the first is told.
        details.entry(member(&field.location)).or_insert_with(|| field.message.clone());
    }
    let message = match details.first_key_value() {
        Some((only, message)) if details.len() == 1 => format!("{only}: {message}"),
        _ => detail.to_owned(),
    };
    (message, details)
}

/// The member as the caller wrote it: without the part of the request that it stands in.
fn member(location: &str) -> String {
    let parts = ["body.", "query.", "header.", "path."];
    parts.into_iter().find_map(|part| location.strip_prefix(part)).unwrap_or(location).to_owned()
}

/// Where in the request the fault lies. That a key is wrong or a body too long says the code.
fn place_of(kind: &ErrorKind) -> Option<&str> {
    let told_by_code = matches!(kind, ErrorKind::Unauthenticated | ErrorKind::TooLarge { .. });
    fault_location(kind).filter(|_| !told_by_code)
}
