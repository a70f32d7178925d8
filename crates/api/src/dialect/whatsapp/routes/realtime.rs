//! The realtime WebSocket, and the tickets that open it: a browser can send no header with a WebSocket, and a key
//! does not belong into a URL.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use posthouse_engine::Caller;

use super::super::convert;
use super::super::wire;
use crate::http::{Answer, Api, Confidential, Place, Query};
use crate::realtime::{Follow, handshake, last_event, patterns, upgraded};

/// Get a ticket for the realtime WebSocket
///
/// It opens one WebSocket, within a minute. Takes no body. Needs `read`.
#[utoipa::path(
    post, path = "/api/v1/realtime/ticket", operation_id = "createRealtimeTicket", tag = "Realtime",
    responses((status = 201, description = "The ticket, and where to use it.", body = wire::RealtimeTicket))
)]
pub(crate) async fn ticket(
    State(api): State<Api>,
    caller: Caller,
    place: Place,
) -> Answer<(StatusCode, Confidential<wire::RealtimeTicket>)> {
    let ticket = api.engine.mint_ticket(&caller)?;
    Ok((StatusCode::CREATED, Confidential(convert::ticket_out(&ticket, &place.base()))))
}

/// Follow events
///
/// A WebSocket with a text frame for each event of the organization, as it is accepted: byte for byte what a webhook's
/// body is. Resumes after the event named by `Last-Event-ID` or `lastEventId`. A handshake uses its ticket up, also
/// when it is refused afterwards. A key may have 100 streams open; one whose reader takes nothing for half a minute
/// ends, and so does one on which a client says anything.
#[utoipa::path(
    get, path = "/api/v1/realtime", operation_id = "followRealtime", tag = "Realtime", security(()),
    params(
        wire::RealtimeQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event seen: begin after it."),
    ),
    responses(
        (status = 101, description = "A WebSocket."),
        (status = 400, description = "This is no WebSocket handshake, or a parameter is not valid.",
            body = wire::ErrorBody),
        (status = 401, description = "There is no ticket, or it is not valid, was used or has expired.",
            body = wire::ErrorBody),
        (status = 404, description = "The last event seen is not there.", body = wire::ErrorBody),
        (status = 429, description = "Too many open streams with this key.", body = wire::ErrorBody),
    )
)]
pub(crate) async fn follow(
    State(api): State<Api>,
    headers: HeaderMap,
    Query(query): Query<wire::RealtimeQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    // A ticket is good for one use: what is no handshake, or can not be read, must not cost it.
    let patterns = patterns(query.events.as_deref(), "query.events")?;
    let last = last_event(&headers, query.last_event_id.as_deref(), "query.lastEventId")?;
    let upgrade = handshake(upgrade)?;
    let caller = api.engine.redeem_ticket(query.ticket.as_deref().unwrap_or_default()).await?;
    let follow = Follow::open(&api, &caller, last, patterns, convert::frame).await?;
    Ok(upgraded(upgrade, follow))
}
