//! The live stream.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use http::HeaderMap;
use http::header::UPGRADE;
use posthouse_engine::{Caller, Error, ErrorKind};
use posthouse_types::EventRef;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Query, STREAM_MESSAGE_BYTES_MAX};
use crate::realtime::{Follow, server_sent, web_socket};

const LAST_EVENT_ID: &str = "last-event-id";

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
    let patterns = convert::patterns(query.types.as_deref())?;
    let last = last_event(&headers, query.last_event_id.as_deref())?;
    let slot = api.streams.take(caller.key, api.options.streams_per_key_max)?;
    let stream = api.engine.stream(&caller, last).await?;
    let follow = Follow::new(&api, slot, stream, patterns, convert::frame);
    match upgrade {
        Ok(upgrade) => {
            let bounded =
                upgrade.max_message_size(STREAM_MESSAGE_BYTES_MAX).max_frame_size(STREAM_MESSAGE_BYTES_MAX);
            Ok(bounded.on_upgrade(|socket| web_socket(socket, follow)))
        }
        Err(rejection) if headers.contains_key(UPGRADE) => {
            let kind = ErrorKind::Malformed { location: "header.upgrade".into() };
            Err(Error::new(kind, format!("this is no WebSocket handshake: {rejection}")).into())
        }
        Err(_) => Ok(server_sent(follow)),
    }
}

fn last_event(headers: &HeaderMap, parameter: Option<&str>) -> Result<Option<EventRef>, Error> {
    let (text, location) = match headers.get(LAST_EVENT_ID) {
        Some(header) => (header.to_str().ok().or(Some("")), "header.last-event-id"),
        None => (parameter, "query.last_event_id"),
    };
    let parsed = text.map(str::parse::<EventRef>).transpose();
    parsed.map_err(|_| Error::field(location, "is not an event id"))
}
