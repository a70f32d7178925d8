//! What is counted in the process, kept for `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Writes all that was counted in the text format of Prometheus.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// What is timed waits in memory, value by value, until it is sorted into buckets this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds of the buckets of what agents take, seconds: from the built-in digest to the longest run.
const PROCESSING_SECONDS: &[f64] =
    &[0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0];

const PROCESSING: &str = "webhooks_processing_duration_seconds";

/// What can be counted.
enum Kind {
    Counter,
    Gauge,
}

/// The names are those of Moltis, "Metrics".
const DESCRIBED: [(&str, Kind, &str); 6] = [
    (
        "webhooks_deliveries_total",
        Kind::Counter,
        "Deliveries to sources, counted when they arrive and when they end",
    ),
    ("webhooks_deliveries_rejected_total", Kind::Counter, "Requests to sources that were refused, by reason"),
    ("webhooks_deliveries_filtered_total", Kind::Counter, "Deliveries that were not wanted"),
    ("webhooks_response_actions_total", Kind::Counter, "What agents did at providers"),
    ("webhooks_rate_limited_total", Kind::Counter, "Deliveries that were beyond a limit"),
    ("webhooks_worker_queue_depth", Kind::Gauge, "Turns of agents that wait"),
];

/// Counts from now on, for the whole process: once only. Called within the runtime, on which the upkeep goes on for as
/// long as it lasts.
pub(crate) fn install() -> Render {
    let handle = recorder();
    let upkept = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkept.run_upkeep();
        }
    });
    Arc::new(move || handle.render())
}

fn recorder() -> PrometheusHandle {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(PROCESSING.to_owned()), PROCESSING_SECONDS)
        .expect("there are buckets")
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("metrics are counted elsewhere in this process; /metrics stays empty");
    }
    for (name, kind, what) in DESCRIBED {
        // Named from the start, at nothing: so that rules about them can be written before the first one happens.
        match kind {
            Kind::Counter => {
                describe_counter!(name, what);
                counter!(name).increment(0);
            }
            Kind::Gauge => {
                describe_gauge!(name, what);
                gauge!(name).set(0.0);
            }
        }
    }
    describe_histogram!(PROCESSING, Unit::Seconds, "How long agents worked on deliveries");
    let _ = histogram!(PROCESSING);
    handle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_counted_is_rendered_with_what_it_is() {
        let render = install();
        counter!("webhooks_deliveries_total", "webhook_id" => "src_1", "status" => "queued", "event_type" => "push")
            .increment(2);
        gauge!("webhooks_worker_queue_depth").set(3.0);
        histogram!(PROCESSING, "webhook_id" => "src_1").record(0.2);
        let text = render();
        for line in [
            "# HELP webhooks_deliveries_total Deliveries to sources, counted when they arrive and when they end",
            "# TYPE webhooks_deliveries_total counter",
            r#"webhooks_deliveries_total{webhook_id="src_1",status="queued",event_type="push"} 2"#,
            "# TYPE webhooks_worker_queue_depth gauge",
            "webhooks_worker_queue_depth 3",
            "# TYPE webhooks_processing_duration_seconds histogram",
            r#"webhooks_processing_duration_seconds_bucket{webhook_id="src_1",le="0.1"} 0"#,
            r#"webhooks_processing_duration_seconds_bucket{webhook_id="src_1",le="0.5"} 1"#,
            r#"webhooks_processing_duration_seconds_bucket{webhook_id="src_1",le="+Inf"} 1"#,
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
