//! What is counted and timed, by the names that Moltis publishes; who exports it is the program's choice.

use std::time::Duration;

use metrics::{Counter, counter, gauge, histogram};
use posthouse_types::{InboundDelivery, InboundStatus, SourceId};

/// The type of what has none.
pub(crate) const NO_TYPE: &str = "none";

/// The counter of deliveries of one type that a source takes on: kept, because looking one up costs more than counting.
pub(crate) fn received(source: SourceId, event_type: String) -> Counter {
    counted(source.to_string(), InboundStatus::Received, event_type)
}

/// Counts a delivery that was passed over. `event_type` is one of few.
pub(crate) fn passed_over(delivery: &InboundDelivery, event_type: String) {
    let webhook = delivery.source.to_string();
    if delivery.status == InboundStatus::Filtered {
        counter!("webhooks_deliveries_filtered_total", "webhook_id" => webhook.clone(), "event_type" => event_type.clone())
            .increment(1);
    }
    counted(webhook, delivery.status, event_type).increment(1);
}

/// Counts a delivery whose run has ended. `event_type` is one of few.
pub(crate) fn ended(source: SourceId, status: InboundStatus, event_type: String, took: Duration) {
    counted(source.to_string(), status, event_type).increment(1);
    histogram!("webhooks_processing_duration_seconds", "webhook_id" => source.to_string()).record(took);
}

fn counted(webhook: String, status: InboundStatus, event_type: String) -> Counter {
    counter!("webhooks_deliveries_total", "webhook_id" => webhook, "status" => status.as_str(), "event_type" => event_type)
}

/// Counts a refused request.
pub(crate) fn refused(source: SourceId, reason: String, limited: bool) {
    let webhook = source.to_string();
    if limited {
        counter!("webhooks_rate_limited_total", "webhook_id" => webhook.clone()).increment(1);
    }
    counter!("webhooks_deliveries_rejected_total", "webhook_id" => webhook.clone(), "reason" => reason)
        .increment(1);
    counted(webhook, InboundStatus::Rejected, NO_TYPE.to_owned()).increment(1);
}

/// Counts an action that was carried out, or failed.
pub(crate) fn acted(source: SourceId, tool: &str, status: &'static str) {
    counter!("webhooks_response_actions_total", "webhook_id" => source.to_string(), "tool_name" => tool.to_owned(), "status" => status)
        .increment(1);
}

/// Says how many turns wait.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and 2^53 turns do not fit on a disk")]
pub(crate) fn waiting(turns: u64) {
    gauge!("webhooks_worker_queue_depth").set(turns as f64);
}
