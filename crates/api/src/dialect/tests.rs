//! Every kind of error in every dialect: what a caller sees of it.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use posthouse_engine::{Error, ErrorKind, FieldError};
use posthouse_types::Capability;

use super::ALL;
use crate::http::Place;

/// One of each kind, and two of those that may name a place.
pub(super) fn every_kind() -> Vec<ErrorKind> {
    vec![
        ErrorKind::Unauthenticated,
        ErrorKind::Forbidden { needs: Capability::Manage },
        ErrorKind::NotFound,
        ErrorKind::Malformed { location: "body".into() },
        ErrorKind::Invalid(vec![
            FieldError::new("body.url", "must be a URL").with_value("x"),
            FieldError::new("body.events[1]", "is not known"),
        ]),
        ErrorKind::Conflict { location: None },
        ErrorKind::Conflict { location: Some("body.id".into()) },
        ErrorKind::IdempotencyKeyReused,
        ErrorKind::TooLarge { limit: 1024 },
        ErrorKind::UnsupportedMediaType,
        ErrorKind::RateLimited { retry_after: Duration::from_millis(1001) },
        ErrorKind::UnknownPath,
        ErrorKind::WrongMethod,
        ErrorKind::TimedOut,
        ErrorKind::Unavailable,
        ErrorKind::Internal,
    ]
}

/// A path of a dialect's webhooks: some answer by where it happened.
fn path_of(dialect: &str) -> &'static str {
    match dialect {
        "molroo" => "/v1/webhook/s1",
        "casey" => "/v1/backend/webhooks",
        _ => "/api/v1/webhooks",
    }
}

#[tokio::test]
async fn every_kind_of_error_in_every_dialect() {
    let mut matrix = String::new();
    for dialect in &ALL {
        writeln!(matrix, "# {}", dialect.name).unwrap();
        for kind in every_kind() {
            let name = format!("{kind:?}");
            let name = name.split([' ', '(']).next().unwrap_or_default();
            let response = (dialect.render)(
                &Error::new(kind.clone(), "what is wrong"),
                &Place::at(path_of(dialect.name)),
            );
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let media = head.headers[CONTENT_TYPE].to_str().unwrap();
            write!(matrix, "{name}: {} {media}", head.status.as_u16()).unwrap();
            for header in [RETRY_AFTER, WWW_AUTHENTICATE] {
                if let Some(value) = head.headers.get(&header) {
                    write!(matrix, ", {header}: {}", value.to_str().unwrap()).unwrap();
                }
            }
            writeln!(matrix, "\n  {}", String::from_utf8_lossy(&body)).unwrap();
        }
    }
    insta::assert_snapshot!(matrix);
}
