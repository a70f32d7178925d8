//! Errors as Molroo writes them: `{"error":{"code","status","message"}}`. Source: its guide "Error handling". That
//! guide has seven codes; kinds of ours that it does not know take the code that its clients would act on rightly.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use posthouse_engine::{Error, ErrorKind};

use super::wire;
use crate::http::{Place, error_headers, fault_text};

/// Statuses and what they mean, for the document.
pub(super) const TITLES: [(u16, &str); 11] = [
    (400, "`VALIDATION_ERROR`: the request is not valid"),
    (401, "`UNAUTHORIZED`: invalid or missing API key"),
    (403, "`FORBIDDEN`: the key may not do this"),
    (404, "`NOT_FOUND`: no such webhook, session or call"),
    (405, "`VALIDATION_ERROR`: the path does not take this method"),
    (408, "`SERVICE_UNAVAILABLE`: the request took too long"),
    (413, "`VALIDATION_ERROR`: the body is too large"),
    (415, "`VALIDATION_ERROR`: the body is no JSON by its type"),
    (429, "`RATE_LIMIT`: too many requests"),
    (500, "`INTERNAL_ERROR`: a fault of the server"),
    (503, "`SERVICE_UNAVAILABLE`: the server can not serve just now"),
];

/// The status and code of a kind.
fn row(kind: &ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::Malformed { .. }
        | ErrorKind::Invalid(_)
        | ErrorKind::Conflict { .. }
        | ErrorKind::IdempotencyKeyReused => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        ErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "VALIDATION_ERROR"),
        ErrorKind::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "VALIDATION_ERROR"),
        ErrorKind::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "VALIDATION_ERROR"),
        ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        ErrorKind::Forbidden { .. } => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        ErrorKind::NotFound | ErrorKind::UnknownPath => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        ErrorKind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT"),
        ErrorKind::TimedOut => (StatusCode::REQUEST_TIMEOUT, "SERVICE_UNAVAILABLE"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

/// An error as a response.
pub(in crate::dialect) fn render(error: &Error, _: &Place) -> Response {
    let (status, code) = row(&error.kind);
    let body = wire::ErrorBody { code, status: status.as_u16(), message: fault_text(error) };
    let mut response = (status, Json(wire::Error { error: body })).into_response();
    error_headers(error, response.headers_mut());
    response
}
