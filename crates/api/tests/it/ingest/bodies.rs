//! Bodies that are too long, do not arrive, or break off.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use futures_util::{StreamExt as _, stream};
use posthouse_api::ApiOptions;
use posthouse_engine::Options;
use posthouse_types::AuthMode;
use serde_json::json;
use tower::ServiceExt as _;

use super::Inbox;
use crate::world::World;

const LIMIT: usize = 64 * 1024;
const PIECE: usize = 16 * 1024;

async fn small(world: &World) -> Inbox {
    let limit = u32::try_from(LIMIT).unwrap();
    world.inbox_with("generic", AuthMode::None, |settings| settings.max_body_bytes = limit).await
}

/// A body without end that counts how many pieces of it were taken.
fn endless() -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let pieces = stream::repeat_with(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE]))
    });
    (Body::from_stream(pieces), taken)
}

#[tokio::test]
async fn a_body_is_read_no_further_than_the_limit() {
    let world = World::new().await;
    let inbox = small(&world).await;
    let (body, taken) = endless();
    let request = Request::builder().method("POST").uri(&inbox.path).body(body).unwrap();
    let answer = world.knock(request).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json(), json!({ "error": "payload too large", "maxBytes": LIMIT }));
    assert_eq!(taken.load(Ordering::SeqCst), LIMIT / PIECE + 1);
    let recorded = world.recorded(&inbox).await;
    assert_eq!(recorded[0].reason.as_deref(), Some("payload_too_large"));
    assert_eq!(recorded[0].body_bytes, LIMIT as u64 + 1);
}

#[tokio::test]
async fn a_body_that_says_itself_that_it_is_too_long_is_not_begun() {
    let world = World::new().await;
    let inbox = small(&world).await;
    let (body, taken) = endless();
    let request = Request::builder().method("POST").uri(&inbox.path).header(CONTENT_LENGTH, "1000000");
    assert_eq!(world.knock(request.body(body).unwrap()).await.status, 413);
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    assert_eq!(world.recorded(&inbox).await[0].body_bytes, 1_000_000);
    // One that says it is short is not believed.
    let (body, _) = endless();
    let request = Request::builder().method("POST").uri(&inbox.path).header(CONTENT_LENGTH, "10");
    assert_eq!(world.knock(request.body(body).unwrap()).await.status, 413);
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_taken() {
    let world = World::new().await;
    let inbox = small(&world).await;
    assert_eq!(world.deliver_to(&inbox, &[], &"x".repeat(LIMIT)).await.status, 202);
    assert_eq!(world.deliver_to(&inbox, &[], &"x".repeat(LIMIT + 1)).await.status, 413);
    assert_eq!(world.deliver_to(&inbox, &[], "").await.status, 202);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_nothing() {
    let world = World::new().await;
    let inbox = small(&world).await;
    let pieces = [Ok(Bytes::from_static(b"{\"n\": 1")), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let body = Body::from_stream(stream::iter(pieces));
    let request = Request::builder().method("POST").uri(&inbox.path).body(body).unwrap();
    let answer = world.knock(request).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), json!({ "error": "the body broke off before its end" }));
    assert!(world.recorded(&inbox).await.is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let api = ApiOptions { request_timeout: Duration::from_millis(20), ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let inbox = small(&world).await;
    let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let request = Request::builder().method("POST").uri(&inbox.path).body(body).unwrap();
    let answer = world.knock(request).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json(), json!({ "error": "the request took too long" }));
    assert!(world.recorded(&inbox).await.is_empty());
}

#[tokio::test]
async fn bodies_have_no_more_room_than_there_is_for_all() {
    let api = ApiOptions { ingest_bytes_max: 2 * PIECE, ..ApiOptions::default() };
    let world = World::with(Options::default(), api).await;
    let inbox = small(&world).await;
    let piece = || Ok::<_, Infallible>(Bytes::from(vec![b'x'; PIECE]));
    let (reached, stalls) = tokio::sync::oneshot::channel();
    // Two pieces, and then nothing: one that is not asked for further pieces has been let in with both.
    let stalled = stream::iter([piece(), piece()]).chain(stream::once(async move {
        reached.send(()).unwrap();
        std::future::pending().await
    }));
    let request = |body| Request::builder().method("POST").uri(&inbox.path).body(body).unwrap();
    let first = tokio::spawn(world.router.clone().oneshot(request(Body::from_stream(stalled))));
    stalls.await.unwrap();

    let answer = world.knock(request(Body::from("x"))).await;
    assert_eq!((answer.status.as_u16(), &answer.headers[RETRY_AFTER]), (503, &"1".parse().unwrap()));
    assert_eq!(answer.json(), json!({ "error": "too many bodies are being read; try again" }));
    assert_eq!(world.knock(request(Body::empty())).await.status, 202, "nothing needs no room");

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let pieces = stream::iter([piece(), piece()]);
    assert_eq!(world.knock(request(Body::from_stream(pieces))).await.status, 202, "it was given back");
    assert_eq!(world.deliver_to(&inbox, &[], &"y".repeat(2 * PIECE)).await.status, 202, "each time");
    assert_eq!(world.deliver_to(&inbox, &[], &"x".repeat(2 * PIECE + 1)).await.status, 503);
}
