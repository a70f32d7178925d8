//! Which call is where. Handlers extract, convert, call the engine, convert.

mod messages;
mod realtime;
mod webhooks;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;

/// Where webhooks are.
pub(super) const WEBHOOKS: &str = "/api/v1/webhooks";
/// Where the realtime WebSocket is.
pub(super) const REALTIME: &str = "/api/v1/realtime";

/// Every call of the dialect.
pub(super) fn all() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(messages::vote))
        .routes(routes!(realtime::ticket))
        .routes(routes!(realtime::follow))
}
