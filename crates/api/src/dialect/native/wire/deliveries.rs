//! Deliveries and attempts on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One event for one endpoint.
#[derive(Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its id.
    pub(crate) id: String,
    /// The event.
    pub(crate) event_id: String,
    /// The endpoint.
    pub(crate) endpoint_id: String,
    /// The event's type.
    pub(crate) event_type: String,
    /// `pending`, `succeeded`, `dead` or `cancelled`.
    pub(crate) status: &'static str,
    /// Attempts made so far.
    pub(crate) attempts: u16,
    /// When the next attempt is due; null when there is none to come or it waits for an earlier event.
    #[schema(format = DateTime)]
    pub(crate) next_attempt_at: Option<String>,
    /// True while an earlier event with the same ordering key must end first.
    pub(crate) waiting_for_order: bool,
    /// When the event was accepted for this endpoint.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it reached a final state.
    #[schema(format = DateTime)]
    pub(crate) finished_at: Option<String>,
}

/// One HTTP try of a delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// Its id.
    pub(crate) id: String,
    /// 1 for the first.
    pub(crate) number: u16,
    /// Where it was sent to.
    pub(crate) url: String,
    /// The wire format that it had.
    pub(crate) wire: &'static str,
    /// When it began.
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    /// How long it took.
    pub(crate) duration_ms: u32,
    /// `delivered`, `refused`, `timeout`, `unreachable_dns`, `unreachable_connect`, `unreachable_tls`, `blocked` or
    /// `cancelled`.
    pub(crate) outcome: &'static str,
    /// The status of the answer, when there was one.
    pub(crate) response_status: Option<u16>,
    /// The headers of the answer, bounded.
    pub(crate) response_headers: BTreeMap<String, String>,
    /// The first 16 KiB of the answer.
    pub(crate) response_body: String,
    /// `base64` when the answer is not UTF-8 text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_body_encoding: Option<&'static str>,
    /// The headers that were sent, sensitive values replaced.
    pub(crate) request_headers: BTreeMap<String, String>,
    /// The body that was sent.
    pub(crate) request_body: String,
    /// Why there was no answer.
    pub(crate) error: Option<String>,
}

/// Which deliveries to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveriesQuery {
    /// Deliveries on a page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// To this endpoint.
    pub(crate) endpoint_id: Option<String>,
    /// Of this event.
    pub(crate) event_id: Option<String>,
    /// Of events of this type.
    pub(crate) event_type: Option<String>,
    /// In this state: `pending`, `succeeded`, `dead` or `cancelled`.
    pub(crate) status: Option<String>,
    /// Created at or after this time (RFC 3339).
    #[param(format = DateTime)]
    pub(crate) since: Option<String>,
    /// Created before this time (RFC 3339).
    #[param(format = DateTime)]
    pub(crate) until: Option<String>,
}
