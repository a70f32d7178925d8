//! What is bounded: requests per key, bodies, time; and how each refusal leaves.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use posthouse_api::ApiOptions;
use posthouse_engine::{KeyLimit, Options};

use crate::world::World;

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let one = NonZeroU32::new(1).unwrap();
    let options = Options { key_limit: KeyLimit { per_second: one, burst: one }, ..Options::default() };
    let world = World::with(options, ApiOptions::default()).await;
    assert_eq!(world.get("/api/v1/events").await.status, 200);
    let refused = world.get("/api/v1/events").await;
    assert_eq!((refused.status, refused.slug().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
}

#[tokio::test]
async fn bodies_are_bounded_with_and_without_a_declared_length() {
    let api = ApiOptions { request_bytes_max: 100, batch_bytes_max: 200, ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    for (path, size) in [("/api/v1/events", 101), ("/api/v1/endpoints", 101), ("/api/v1/events/batch", 201)] {
        let refused = world.post(path, &" ".repeat(size)).await;
        assert_eq!((refused.status, refused.slug().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
        let chunks = (0..size).map(|_| Ok::<_, Infallible>(Bytes::from_static(b" ")));
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let request = world.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        let refused = world.send(request.body(body).unwrap()).await;
        assert_eq!(refused.slug(), "too-large");
        assert!(refused.json()["detail"].as_str().unwrap().contains(&(size - 1).to_string()));
    }
    let lying =
        world.request(Method::POST, "/api/v1/events").header(header::CONTENT_TYPE, "application/json");
    let lying = lying.header(header::CONTENT_LENGTH, "99999999999").body(Body::empty()).unwrap();
    assert_eq!(world.send(lying).await.slug(), "too-large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let api = ApiOptions { request_timeout: Duration::from_millis(20), ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>());
    let request =
        world.request(Method::POST, "/api/v1/events").header(header::CONTENT_TYPE, "application/json");
    let refused = world.send(request.body(body).unwrap()).await;
    assert_eq!((refused.status, refused.slug().as_str()), (StatusCode::REQUEST_TIMEOUT, "timed-out"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let world = World::new().await;
    let body = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let request =
        world.request(Method::POST, "/api/v1/events").header(header::CONTENT_TYPE, "application/json");
    let refused = world.send(request.body(Body::from_stream(body)).unwrap()).await;
    assert_eq!(refused.slug(), "malformed");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let world = World::new().await;
    let own = world.get("/api/v1/events").await.headers["x-request-id"].to_str().unwrap().to_owned();
    assert!(own.starts_with("req_"), "{own}");
    let request = world.request(Method::GET, "/api/v1/nowhere").header("x-request-id", "mine-7");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (answer.status, answer.headers["x-request-id"].to_str().unwrap()),
        (StatusCode::NOT_FOUND, "mine-7")
    );
    let request = world.request(Method::GET, "/api/v1/events").header("x-request-id", "two words");
    let answer = world.send(request.body(Body::empty()).unwrap()).await;
    assert!(answer.headers["x-request-id"].to_str().unwrap().starts_with("req_"));
}
