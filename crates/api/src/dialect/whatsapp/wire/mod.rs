//! What goes over the wire, exactly: serde structs and their descriptions, nothing else. Members stand in
//! alphabetical order, as in the gateway's examples.

mod error;
mod messages;
mod realtime;
mod webhooks;

pub(super) use error::{ErrorBody, ErrorMembers};
pub(super) use messages::{SendResult, Vote};
pub(super) use realtime::{RealtimeQuery, RealtimeTicket};
pub(super) use webhooks::{
    CreateWebhook, NoQuery, RetryPolicy, RetryPolicyIn, UpdateWebhook, Webhook, Webhooks,
};
