//! The realtime WebSocket.

use posthouse_engine::{Ticket, body};
use posthouse_types::{Event, Wire};

use super::super::routes::REALTIME;
use super::super::wire;
use crate::realtime::Frame;

/// A ticket, with the place to use it at; `base` is where the caller sees the dialect.
pub(crate) fn ticket_out(ticket: &Ticket, base: &str) -> wire::RealtimeTicket {
    // `http` becomes `ws`, and `https` so `wss`.
    let base = base.strip_prefix("http").map_or_else(|| base.to_owned(), |rest| format!("ws{rest}"));
    let text = ticket.text.expose();
    wire::RealtimeTicket {
        expires_at: ticket.expires_at.as_millis(),
        ticket: text.to_owned(),
        // A ticket is base64url, which needs no encoding in a query.
        url: format!("{base}{REALTIME}?ticket={text}"),
    }
}

/// An event on the WebSocket: what a webhook's body is. Source: "Create a webhook" ("the event envelope — the same
/// JSON shape delivered over the realtime WebSocket").
pub(crate) fn frame(event: &Event) -> Frame {
    let envelope = body(Wire::Whatsapp, event);
    Frame {
        id: event.public_id().to_string(),
        event_type: event.event_type.to_string(),
        json: String::from_utf8(envelope.into()).expect("an envelope is texts and JSON, which are UTF-8"),
    }
}
