//! The live stream.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use http::HeaderMap;
use http::header::UPGRADE;
use posthouse_engine::Caller;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Query};
use crate::realtime::{Follow, handshake, last_event, patterns, server_sent, upgraded};

/// Follow events
///
/// Events as they are accepted: server-sent events (`id`, `event` and `data`, which is the event as JSON), or, when
/// the request asks to upgrade, a WebSocket with the same JSON in text frames. Resumes after the event named by
/// `Last-Event-ID` or `last_event_id`. A key may have 100 streams open; one whose reader takes nothing for half a
/// minute ends, and so does one on which a client says anything. Needs `read`.
#[utoipa::path(
    get, path = "/stream", operation_id = "followEvents", tag = "Events",
    params(
        wire::StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event seen: begin after it."),
    ),
    responses(
        (status = 200, description = "Events until one side closes.", body = String,
            content_type = "text/event-stream"),
        (status = 101, description = "A WebSocket, when the request asks to upgrade."),
        (status = 404, description = "The last event seen is not there any more.", body = wire::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<wire::StreamQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let patterns = patterns(query.types.as_deref(), "query.types")?;
    let last = last_event(&headers, query.last_event_id.as_deref(), "query.last_event_id")?;
    let follow = Follow::open(&api, &caller, last, patterns, convert::frame).await?;
    match upgrade {
        Err(_) if !headers.contains_key(UPGRADE) => Ok(server_sent(follow)),
        upgrade => Ok(upgraded(handshake(upgrade)?, follow)),
    }
}
