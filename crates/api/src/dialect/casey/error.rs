//! Errors as tellcasey writes them: `{"error":{"code","message"}}`. The shape is published, the codes are ours.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthouse_engine::{Error, ErrorKind};

use super::wire;
use crate::http::{Place, error_headers, fault_text};

/// Statuses and what they mean, for the document.
pub(super) const TITLES: [(u16, &str); 12] = [
    (400, "`validation_error`: the request is not valid"),
    (401, "`unauthorized`: no API key, or not a valid one"),
    (403, "`forbidden`: the key may not do this"),
    (404, "`not_found`: no such webhook endpoint, or no call at this path"),
    (405, "`method_not_allowed`: the path does not take this method"),
    (408, "`timeout`: the request took too long"),
    (409, "`conflict`: the idempotency key was used with another request, or a limit is reached"),
    (413, "`payload_too_large`: the body is too large"),
    (415, "`unsupported_media_type`: the body is no JSON by its type"),
    (429, "`rate_limited`: too many requests"),
    (500, "`internal_error`: a fault of the server"),
    (503, "`unavailable`: the server can not serve just now"),
];

/// The status and code of a kind.
fn row(kind: &ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::Malformed { .. } | ErrorKind::Invalid(_) => (StatusCode::BAD_REQUEST, "validation_error"),
        ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthorized"),
        ErrorKind::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        ErrorKind::NotFound | ErrorKind::UnknownPath => (StatusCode::NOT_FOUND, "not_found"),
        ErrorKind::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        ErrorKind::TimedOut => (StatusCode::REQUEST_TIMEOUT, "timeout"),
        ErrorKind::Conflict { .. } | ErrorKind::IdempotencyKeyReused => (StatusCode::CONFLICT, "conflict"),
        ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        ErrorKind::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        ErrorKind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    }
}

/// An error as a response.
pub(in crate::dialect) fn render(error: &Error, _: &Place) -> Response {
    let (status, code) = row(&error.kind);
    let message = fault_text(error);
    let mut response =
        (status, Json(wire::Error { error: wire::ErrorBody { code, message } })).into_response();
    error_headers(error, response.headers_mut());
    response
}
