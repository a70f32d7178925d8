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

/// What proxies add: with one of these a request comes from another machine than its connection does.
const FORWARDING: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

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
    let is_direct = !FORWARDING.iter().any(|name| headers.contains_key(*name));
    metrics.admits(presented, is_direct)
}
