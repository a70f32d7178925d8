//! Errors as `application/problem+json` (RFC 9457). Each kind has a row; the `type` of a problem is the address
//! of a page made from that row, and `docs/errors.md` is made from the same rows.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use posthouse_engine::{Error, ErrorKind, FieldError};

use super::wire::{Problem, ProblemMember};
use crate::http::{Place, error_headers, fault_location};

/// One kind of error as this dialect shows it.
pub(crate) struct Row {
    pub(crate) status: StatusCode,
    pub(crate) slug: &'static str,
    pub(crate) title: &'static str,
    /// What it means and what to do.
    help: &'static str,
}

impl Row {
    const fn new(status: StatusCode, slug: &'static str, title: &'static str, help: &'static str) -> Self {
        Self { status, slug, title, help }
    }
}

const UNAUTHENTICATED: Row = Row::new(
    StatusCode::UNAUTHORIZED,
    "unauthenticated",
    "No valid API key",
    "The request has no API key, or one that is not known (any more). Send the key in the header \
     `Authorization: Bearer <key>`.",
);
const FORBIDDEN: Row = Row::new(
    StatusCode::FORBIDDEN,
    "forbidden",
    "The key may not do this",
    "The API key is valid and lacks the capability that the call needs, or is limited to one project while the call \
     concerns all of them; `detail` says which. Use another key, or have one made.",
);
const NOT_FOUND: Row = Row::new(
    StatusCode::NOT_FOUND,
    "not-found",
    "Not found",
    "What the path names is not there, or belongs to another tenant, environment or project than the key: the two \
     look alike on purpose.",
);
const MALFORMED: Row = Row::new(
    StatusCode::BAD_REQUEST,
    "malformed",
    "The request can not be read",
    "The body is not JSON, is nested too deeply or broke off, or a cursor is not one that the list gave out. \
     `errors[0].location` says which part.",
);
const INVALID: Row = Row::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid",
    "Members of the request are not valid",
    "The request can be read, and something in it is missing, unknown, of the wrong type or out of range. Each entry \
     of `errors` names one member (`body.url`, `query.limit`, `header.idempotency-key`) and says what is wanted. \
     Nothing was changed.",
);
const CONFLICT: Row = Row::new(
    StatusCode::CONFLICT,
    "conflict",
    "It is there already, or has changed",
    "Something with this id exists already, the state of the thing does not admit the call, or someone else changed \
     it at the same moment. `detail` says which.",
);
const IDEMPOTENCY_KEY_REUSED: Row = Row::new(
    StatusCode::CONFLICT,
    "idempotency-key-reused",
    "The idempotency key was used with another request",
    "An `Idempotency-Key` stands for one request for 24 hours. Use a fresh key for a different request; repeat a \
     request byte for byte to get its first answer again.",
);
const TOO_LARGE: Row = Row::new(
    StatusCode::PAYLOAD_TOO_LARGE,
    "too-large",
    "The body is too large",
    "The body is larger than the limit that `detail` names. Send less, or several requests.",
);
const UNSUPPORTED_MEDIA_TYPE: Row = Row::new(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported-media-type",
    "The body is of a type this call does not take",
    "Send `Content-Type: application/json` (a batch of events may also be `application/x-ndjson`), uncompressed.",
);
const RATE_LIMITED: Row = Row::new(
    StatusCode::TOO_MANY_REQUESTS,
    "rate-limited",
    "Too many requests",
    "The key has used up its requests for now, or has as many live streams open as it may; `detail` says which. Wait as \
     long as the `Retry-After` header says, in seconds.",
);
const UNKNOWN_PATH: Row = Row::new(
    StatusCode::NOT_FOUND,
    "unknown-path",
    "No call at this path",
    "Nothing answers at this path. `/docs` lists every call.",
);
const WRONG_METHOD: Row = Row::new(
    StatusCode::METHOD_NOT_ALLOWED,
    "wrong-method",
    "The path does not take this method",
    "The path exists and takes other methods: see the `Allow` header.",
);
const TIMED_OUT: Row = Row::new(
    StatusCode::REQUEST_TIMEOUT,
    "timed-out",
    "The request took too long",
    "The body did not arrive, or the answer was not ready, in time. A publish may have been accepted all the same: \
     repeat it with its `Idempotency-Key`.",
);
const UNAVAILABLE: Row = Row::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "unavailable",
    "The store can not serve just now",
    "The server can not read or write its store at the moment. Nothing was accepted. Try again after the time in the \
     `Retry-After` header.",
);
const INTERNAL: Row = Row::new(
    StatusCode::INTERNAL_SERVER_ERROR,
    "internal",
    "A fault of the server",
    "Something is wrong with the server; its log says more under the id in the `x-request-id` header.",
);

/// Every row, in the order of the documentation.
pub(crate) const ROWS: [&Row; 15] = [
    &MALFORMED,
    &UNAUTHENTICATED,
    &FORBIDDEN,
    &NOT_FOUND,
    &UNKNOWN_PATH,
    &WRONG_METHOD,
    &TIMED_OUT,
    &CONFLICT,
    &IDEMPOTENCY_KEY_REUSED,
    &TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &INVALID,
    &RATE_LIMITED,
    &INTERNAL,
    &UNAVAILABLE,
];

/// The row of a kind. A new kind must find its row here before anything builds.
fn row(kind: &ErrorKind) -> &'static Row {
    match kind {
        ErrorKind::Unauthenticated => &UNAUTHENTICATED,
        ErrorKind::Forbidden { .. } => &FORBIDDEN,
        ErrorKind::NotFound => &NOT_FOUND,
        ErrorKind::Malformed { .. } => &MALFORMED,
        ErrorKind::Invalid(_) => &INVALID,
        ErrorKind::Conflict { .. } => &CONFLICT,
        ErrorKind::IdempotencyKeyReused => &IDEMPOTENCY_KEY_REUSED,
        ErrorKind::TooLarge { .. } => &TOO_LARGE,
        ErrorKind::UnsupportedMediaType => &UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::RateLimited { .. } => &RATE_LIMITED,
        ErrorKind::UnknownPath => &UNKNOWN_PATH,
        ErrorKind::WrongMethod => &WRONG_METHOD,
        ErrorKind::TimedOut => &TIMED_OUT,
        ErrorKind::Unavailable => &UNAVAILABLE,
        ErrorKind::Internal => &INTERNAL,
    }
}

/// An error as a response.
pub(crate) fn render(error: &Error, place: &Place) -> Response {
    let row = row(&error.kind);
    let errors = match &error.kind {
        ErrorKind::Invalid(fields) => fields.iter().map(member).collect(),
        kind => fault_location(kind).map(|place| member_of(place, &error.detail)).into_iter().collect(),
    };
    let problem = Problem {
        kind: format!("/errors/{}", row.slug),
        title: row.title.to_owned(),
        status: row.status.as_u16(),
        detail: error.detail.to_string(),
        instance: place.path().to_owned(),
        errors,
    };
    let mut response = (row.status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    error_headers(error, headers);
    response
}

fn member_of(location: &str, message: &str) -> ProblemMember {
    ProblemMember { location: location.to_owned(), message: message.to_owned(), value: None }
}

fn member(field: &FieldError) -> ProblemMember {
    ProblemMember {
        location: field.location.clone(),
        message: field.message.clone(),
        value: field.value.clone(),
    }
}

/// The page that a problem's `type` leads to.
pub(crate) fn page(slug: &str) -> Option<String> {
    let row = ROWS.iter().find(|row| row.slug == slug)?;
    let Row { status, title, help, .. } = row;
    let code = status.as_u16();
    let help = help.replace('<', "&lt;").replace('>', "&gt;");
    Some(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1>\n<p><code>{slug}</code>, HTTP status {code}</p>\n<p>{help}</p>\n</body></html>\n"
    ))
}

#[cfg(test)]
mod tests;
