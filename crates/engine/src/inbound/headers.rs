//! Which headers of a request to a source are kept: those that say what it is, never those that prove it.

use http::HeaderMap;
use posthouse_types::limits::INBOUND_HEADERS_BYTES_MAX;

use crate::sources::Door;

/// Kept as they are. Source: Moltis; further ones from the documentation of the providers.
const KEPT: &[&str] = &[
    "content-encoding",
    "content-length",
    "content-type",
    "event-type",
    "idempotency-key",
    "linear-delivery",
    "linear-event",
    "request-id",
    "sentry-hook-resource",
    "sentry-hook-timestamp",
    "svix-id",
    "svix-timestamp",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-delivery-id",
    "x-event-type",
    "x-request-id",
    "x-shopify-api-version",
    "x-shopify-shop-domain",
    "x-shopify-topic",
    "x-shopify-webhook-id",
    "x-slack-request-timestamp",
    "x-slack-retry-num",
    "x-slack-retry-reason",
    "x-webhook-event",
    "x-webhook-id",
];

/// What names may begin with. Source: Moltis.
const KEPT_PREFIXES: &[&str] =
    &["x-github-", "x-gitlab-", "x-stripe-", "x-pagerduty-", "x-linear-", "x-sentry-"];

/// Kept of a refused request, which anyone can send.
const KEPT_OF_REFUSED: &[&str] = &["content-length", "content-type", "user-agent"];
/// Bytes of each of those.
const REFUSED_VALUE_BYTES_MAX: usize = 256;

/// The headers of a request that may be kept, by name, bounded; repeated ones each.
pub(super) fn safe(door: &Door, headers: &HeaderMap) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| is_kept(door, name.as_str()))
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    kept.sort();
    let mut bytes = 0;
    kept.retain(|(name, value)| {
        bytes += name.len() + value.len();
        bytes <= INBOUND_HEADERS_BYTES_MAX
    });
    kept
}

/// The headers of a refused request that may be kept: the first of each name, cut.
pub(super) fn of_refused(door: &Door, headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_OF_REFUSED
        .iter()
        .filter(|name| !door.is_secret_header(name))
        .filter_map(|&name| Some((name, headers.get(name)?)))
        .map(|(name, value)| {
            let bytes = &value.as_bytes()[..value.len().min(REFUSED_VALUE_BYTES_MAX)];
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            // What is not UTF-8 grows when it is replaced.
            text.truncate(text.floor_char_boundary(REFUSED_VALUE_BYTES_MAX));
            (name.to_owned(), text)
        })
        .collect()
}

fn is_kept(door: &Door, name: &str) -> bool {
    let named = KEPT.contains(&name)
        || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || door.source.settings.event_header.as_deref() == Some(name);
    named && !door.is_secret_header(name)
}
