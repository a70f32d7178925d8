//! Errors as Sonzai writes them: `application/problem+json` (RFC 7807) of the schema `ErrorModel`, which is that of the
//! Go framework Huma.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use posthouse_engine::{Error, ErrorKind, FieldError};

use super::schema;
use super::wire::{ErrorDetail, ErrorModel};
use crate::http::{Place, error_headers, fault_location};

/// The schema of an error's body, and the media type.
pub(super) const SCHEMA: &str = "ErrorModel";
pub(super) const MEDIA: &str = "application/problem+json";

/// Statuses and what they mean, for the document.
pub(super) const TITLES: [(u16, &str); 12] = [
    (400, "The body or the cursor can not be read"),
    (401, "Missing or invalid API key"),
    (403, "The key may not do this"),
    (404, "No such project, webhook or call"),
    (405, "The path does not take this method"),
    (408, "The request took too long"),
    (413, "The body is too large"),
    (415, "The body is no JSON by its type"),
    (422, "Validation failed: `errors` says where"),
    (429, "Too many requests"),
    (500, "A fault of the server"),
    (503, "The server can not serve just now"),
];

const TYPE: &str = "about:blank";
/// Source: Huma's word for whatever is wrong with a request that could be read.
const VALIDATION_FAILED: &str = "validation failed";

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The status of a kind.
fn status(kind: &ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Malformed { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden { .. } => StatusCode::FORBIDDEN,
        ErrorKind::NotFound | ErrorKind::UnknownPath => StatusCode::NOT_FOUND,
        ErrorKind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        ErrorKind::Conflict { .. } | ErrorKind::IdempotencyKeyReused => StatusCode::CONFLICT,
        ErrorKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// An error as a response.
pub(in crate::dialect) fn render(error: &Error, place: &Place) -> Response {
    let status = status(&error.kind);
    let (detail, errors) = match &error.kind {
        ErrorKind::Invalid(fields) => (VALIDATION_FAILED, fields.iter().map(detail_of).collect()),
        kind => {
            let part = fault_location(kind).map(|location| ErrorDetail {
                location: location.to_owned(),
                message: error.detail.to_string(),
                value: None,
            });
            (error.detail.as_ref(), part.into_iter().collect())
        }
    };
    let body = ErrorModel {
        schema: schema::url(place, SCHEMA),
        kind: TYPE,
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        instance: format!("{}{}", place.base(), place.path()),
        errors,
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    error_headers(error, headers);
    if let ErrorKind::RateLimited { retry_after } = &error.kind {
        rate_headers(*retry_after, headers);
    }
    response
}

/// What the clients read of a 429 beside `Retry-After`: nothing is left, and in which second (Unix time) there is
/// again. Source: the Python client reads the reset as a point in time.
fn rate_headers(retry_after: Duration, headers: &mut HeaderMap) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let reset = now.saturating_add(retry_after).as_secs().saturating_add(1);
    headers.insert(REMAINING, HeaderValue::from(0));
    headers.insert(RESET, HeaderValue::from(reset));
}

fn detail_of(field: &FieldError) -> ErrorDetail {
    ErrorDetail {
        location: field.location.clone(),
        message: field.message.clone(),
        value: field.value.clone(),
    }
}
