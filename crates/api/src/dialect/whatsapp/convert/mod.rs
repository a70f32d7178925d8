//! Between what is on the wire and what the engine speaks. Pure.

mod messages;
mod realtime;
mod webhooks;

pub(super) use messages::{cast_vote, send_result};
pub(super) use realtime::{frame, ticket_out};
pub(super) use webhooks::{changes, create_webhook, webhook_id, webhook_out, webhooks_out};
