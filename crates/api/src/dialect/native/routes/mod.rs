//! Which call is where. Handlers extract, convert, call the engine once, convert.

mod agents;
mod deliveries;
mod endpoints;
mod event_types;
mod events;
mod inbound;
mod keys;
mod messages;
mod probes;
mod projects;
mod sessions;
mod sources;
mod stream;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;

/// Every call of the dialect, without its prefix.
pub(super) fn all() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(events::list, events::publish))
        .routes(routes!(events::publish_batch))
        .routes(routes!(events::get))
        .routes(routes!(events::explain))
        .routes(routes!(endpoints::list, endpoints::create))
        .routes(routes!(endpoints::get, endpoints::update, endpoints::delete))
        .routes(routes!(endpoints::secret))
        .routes(routes!(endpoints::rotate_secret))
        .routes(routes!(endpoints::test))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::attempts))
        .routes(routes!(deliveries::replay))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::get, sessions::update, sessions::delete))
        .routes(routes!(messages::list, messages::post))
        .routes(routes!(sources::list, sources::create))
        .routes(routes!(sources::get, sources::update, sources::delete))
        .routes(routes!(sources::secret))
        .routes(routes!(sources::rotate_secret))
        .routes(routes!(sources::profiles))
        .routes(routes!(inbound::list))
        .routes(routes!(inbound::get))
        .routes(routes!(inbound::body))
        .routes(routes!(inbound::rerun))
        .routes(routes!(inbound::approve))
        .routes(routes!(inbound::deny))
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::get, agents::update, agents::delete))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::delete))
        .routes(routes!(event_types::list))
        .routes(routes!(event_types::put))
        .routes(routes!(stream::follow))
}

/// What is asked without a key, at the root.
pub(super) fn probes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(probes::healthz)).routes(routes!(probes::readyz))
}
