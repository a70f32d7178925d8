//! `/metrics`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use posthouse_api::{ApiOptions, Metrics};
use posthouse_engine::Options;
use posthouse_types::SecretText;

use crate::world::{Answer, World};

async fn world_with(token: Option<&str>, open: bool) -> World {
    let token = token.map(|token| SecretText::new(token.to_owned()));
    let render = Arc::new(|| "webhooks_worker_queue_depth 0\n".to_owned());
    let metrics = Some(Metrics::new(render, token.as_ref(), open));
    World::with(Options::default(), ApiOptions { metrics, ..ApiOptions::default() }).await
}

async fn ask(world: &World, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().uri("/metrics");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn metrics_are_for_those_who_hold_the_token() {
    let world = world_with(Some("scrape me"), true).await;
    for wrong in
        [None, Some("Bearer scrape m"), Some("Bearer scrape mee"), Some("scrape me"), Some("Bearer ")]
    {
        let answer = ask(&world, wrong).await;
        assert_eq!(answer.status, 401, "{wrong:?}");
        assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer");
        assert!(!answer.text().contains("queue_depth"));
    }
    let answer = ask(&world, Some("Bearer scrape me")).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "webhooks_worker_queue_depth 0\n"));
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; version=0.0.4");
}

#[tokio::test]
async fn without_a_token_they_are_open_or_closed() {
    let open = world_with(None, true).await;
    assert_eq!(ask(&open, None).await.status, 200);
    let closed = world_with(None, false).await;
    for authorization in [None, Some("Bearer "), Some("Bearer x")] {
        let answer = ask(&closed, authorization).await;
        assert_eq!(answer.status, 401);
        assert!(answer.text().contains("metrics_token"), "it says what to configure");
    }
    assert_eq!(ask(&World::new().await, None).await.status, 404);
}

#[tokio::test]
async fn whom_a_proxy_forwards_needs_the_token() {
    let open = world_with(None, true).await;
    let closed = world_with(Some("scrape me"), true).await;
    for (name, value) in [("Forwarded", "for=192.0.2.1"), ("X-Forwarded-For", ""), ("X-Real-IP", "::1")] {
        let request = || Request::builder().uri("/metrics").header(name, value);
        assert_eq!(open.send(request().body(Body::empty()).unwrap()).await.status, 401, "{name}");
        let proven = request().header("authorization", "Bearer scrape me");
        assert_eq!(closed.send(proven.body(Body::empty()).unwrap()).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn what_was_counted_is_shown_when_the_store_is_gone() {
    let mut world = world_with(None, true).await;
    std::mem::replace(&mut world.close_store, Box::pin(async {})).await;
    assert_eq!(ask(&world, None).await.status, 200);
}
