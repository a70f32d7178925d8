//! Every kind rendered, and the documentation made from the same rows.

use std::fs;
use std::path::Path;
use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use posthouse_types::Capability;

use super::*;

fn every_kind() -> Vec<ErrorKind> {
    vec![
        ErrorKind::Unauthenticated,
        ErrorKind::Forbidden { needs: Capability::Manage },
        ErrorKind::NotFound,
        ErrorKind::Malformed { location: "query.cursor".into() },
        ErrorKind::Invalid(vec![
            FieldError::new("body.url", "must be a URL").with_value("x"),
            FieldError::new("body.secret", "must be longer"),
        ]),
        ErrorKind::Conflict { location: None },
        ErrorKind::Conflict { location: Some("body.id".into()) },
        ErrorKind::IdempotencyKeyReused,
        ErrorKind::TooLarge { limit: 1024 },
        ErrorKind::UnsupportedMediaType,
        ErrorKind::RateLimited { retry_after: Duration::from_millis(1001) },
        ErrorKind::RateLimited { retry_after: Duration::ZERO },
        ErrorKind::UnknownPath,
        ErrorKind::WrongMethod,
        ErrorKind::TimedOut,
        ErrorKind::Unavailable,
        ErrorKind::Internal,
    ]
}

#[tokio::test]
async fn every_kind_has_its_clothes() {
    let mut lines = String::new();
    for kind in every_kind() {
        let name = format!("{kind:?}");
        let name = name.split([' ', '(']).next().unwrap_or_default();
        let response = render(&Error::new(kind.clone(), "what is wrong"), &Place::at("/api/v1/x"));
        let (head, body) = response.into_parts();
        assert_eq!(head.headers[CONTENT_TYPE], "application/problem+json");
        let mut extra = String::new();
        for header in [RETRY_AFTER, WWW_AUTHENTICATE] {
            if let Some(value) = head.headers.get(&header) {
                extra = format!(" {header}: {}", value.to_str().unwrap());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], head.status.as_u16());
        assert_eq!(body["instance"], "/api/v1/x");
        assert_eq!(body["detail"], "what is wrong");
        let line = format!(
            "{name}: {} {} {} {}{extra}\n",
            body["status"], body["type"], body["title"], body["errors"]
        );
        lines.push_str(&line);
    }
    insta::assert_snapshot!(lines, @r#"
    Unauthenticated: 401 "/errors/unauthenticated" "No valid API key" [{"location":"header.authorization","message":"what is wrong"}] www-authenticate: Bearer
    Forbidden: 403 "/errors/forbidden" "The key may not do this" []
    NotFound: 404 "/errors/not-found" "Not found" []
    Malformed: 400 "/errors/malformed" "The request can not be read" [{"location":"query.cursor","message":"what is wrong"}]
    Invalid: 422 "/errors/invalid" "Members of the request are not valid" [{"location":"body.url","message":"must be a URL","value":"x"},{"location":"body.secret","message":"must be longer"}]
    Conflict: 409 "/errors/conflict" "It is there already, or has changed" []
    Conflict: 409 "/errors/conflict" "It is there already, or has changed" [{"location":"body.id","message":"what is wrong"}]
    IdempotencyKeyReused: 409 "/errors/idempotency-key-reused" "The idempotency key was used with another request" [{"location":"header.idempotency-key","message":"what is wrong"}]
    TooLarge: 413 "/errors/too-large" "The body is too large" [{"location":"body","message":"what is wrong"}]
    UnsupportedMediaType: 415 "/errors/unsupported-media-type" "The body is of a type this call does not take" [{"location":"header.content-type","message":"what is wrong"}]
    RateLimited: 429 "/errors/rate-limited" "Too many requests" [] retry-after: 2
    RateLimited: 429 "/errors/rate-limited" "Too many requests" [] retry-after: 1
    UnknownPath: 404 "/errors/unknown-path" "No call at this path" []
    WrongMethod: 405 "/errors/wrong-method" "The path does not take this method" []
    TimedOut: 408 "/errors/timed-out" "The request took too long" []
    Unavailable: 503 "/errors/unavailable" "The store can not serve just now" [] retry-after: 1
    Internal: 500 "/errors/internal" "A fault of the server" []
    "#);
}

/// `docs/errors.md`, as it should be.
fn document() -> String {
    let mut text = "# Errors of the native API\n\nEvery error is `application/problem+json` (RFC 9457) with \
        `type`, `title`, `status`, `detail`, `instance` and `errors`. The `type` is stable and leads to the same text \
        on the server. This page is made from the table in `crates/api/src/dialect/native/errors.rs`; run \
        `UPDATE_DOCS=1 cargo test -p posthouse-api` after changing it.\n"
        .to_owned();
    for row in ROWS {
        let Row { status, slug, title, help } = row;
        let code = status.as_u16();
        text.push_str(&["\n## ", title, "\n\n`/errors/", slug, "`, HTTP status "].concat());
        text.push_str(&[code.to_string().as_str(), ".\n\n", help, "\n"].concat());
    }
    text
}

#[test]
fn the_documentation_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, document()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), document(), "run with UPDATE_DOCS=1");
}

#[test]
fn every_row_is_used_and_has_a_page() {
    for row in ROWS {
        assert!(every_kind().iter().any(|kind| super::row(kind).slug == row.slug), "{}", row.slug);
        assert!(page(row.slug).unwrap().contains(row.title));
    }
    assert_eq!(page("no-such"), None);
}
