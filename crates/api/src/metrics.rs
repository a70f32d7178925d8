//! What was counted, for whoever collects it: the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use crate::http::{Api, Metrics};

const TEXT: &str = "text/plain; version=0.0.4";

/// `GET /metrics`, when there are some.
pub(crate) fn router(api: &Api) -> Router {
    match &api.options.metrics {
        Some(_) => Router::new().route("/metrics", get(show)).with_state(api.clone()),
        None => Router::new(),
    }
}

async fn show(State(api): State<Api>, headers: HeaderMap) -> Response {
    let Some(metrics) = api.options.metrics.as_ref().filter(|metrics| may_read(metrics, &headers)) else {
        let why =
            "metrics are shown to `Authorization: Bearer <metrics_token>`, when that key is configured\n";
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], why).into_response();
    };
    // Asking says it to the recorder. What else was counted is shown all the same when the store does not answer.
    if let Err(error) = api.engine.turns_waiting().await {
        tracing::warn!(%error, "it is not known how many turns wait");
    }
    ([(CONTENT_TYPE, TEXT)], metrics.text()).into_response()
}

fn may_read(metrics: &Metrics, headers: &HeaderMap) -> bool {
    let presented = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    metrics.admits(presented)
}
