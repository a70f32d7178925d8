//! Is it there, can it work.

use axum::Json;
use axum::extract::State;
use posthouse_engine::{Error, ErrorKind};

use super::super::wire;
use crate::http::{Answer, Api};

/// Is the process there?
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "Probes", security(()),
    responses((status = 200, description = "It is.", body = wire::Status))
)]
pub(crate) async fn healthz() -> Json<wire::Status> {
    Json(wire::Status { status: "ok" })
}

/// Can it serve: does the store answer?
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "Probes", security(()),
    responses((status = 200, description = "It can.", body = wire::Status))
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Answer<Json<wire::Status>> {
    if api.engine.is_ready().await {
        Ok(Json(wire::Status { status: "ready" }))
    } else {
        Err(Error::new(ErrorKind::Unavailable, "the store does not answer").into())
    }
}
