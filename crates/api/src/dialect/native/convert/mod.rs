//! Between what is on the wire and what the engine speaks. Pure.

mod agents;
mod catalogue;
mod deliveries;
mod endpoints;
mod events;
mod inbound;
mod messages;
mod retry;
mod sessions;
mod source_change;
mod sources;

pub(super) use agents::{agent_out, agent_patch, create_agent};
pub(super) use catalogue::{
    create_key, create_project, created_key, event_type_out, key_out, project_out, put_event_type,
};
pub(super) use deliveries::{attempt_out, attempts_page, delivery_out, delivery_query};
pub(super) use endpoints::{
    create_endpoint, created_endpoint, endpoint_out, rotate, rotated, settings_change,
};
pub(super) use events::{
    Place, accepted_out, batch, event_out, explanation, frame, lines, one_event, type_filter,
};
pub(super) use inbound::{action_out, body_out, inbound_detail_out, inbound_out, inbound_query};
pub(super) use messages::{message_detail_out, message_out, post_message};
pub(super) use sessions::{create_session, project_filter, session_out, update_session};
pub(super) use sources::{
    create_source, created_source, profiles_out, rotate_source, rotated_source, source_out, source_patch,
};

use posthouse_types::{Page, Timestamp};

use super::wire;
use crate::http::{Cursor, cursor_text};

/// A page with its items converted.
pub(super) fn page_out<T, K: Cursor, U>(page: Page<T, K>, convert: impl FnMut(T) -> U) -> wire::Page<U> {
    wire::Page {
        next_cursor: page.next.as_ref().map(cursor_text),
        data: page.items.into_iter().map(convert).collect(),
    }
}

fn time_out(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}
