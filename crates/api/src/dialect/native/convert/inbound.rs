//! What arrived at sources, and what was done about it.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use posthouse_engine::{Error, InboundDetail, InboundQuery};
use posthouse_types::{Action, InboundDelivery, InboundStatus, Timestamp};
use serde_json::Value;

use super::super::wire;
use super::deliveries::headers_out;
use super::time_out;
use crate::http::Fields;

/// The type of a body whose sender named none that can be repeated.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(crate) fn inbound_query(query: &wire::InboundQuery) -> Result<InboundQuery, Error> {
    let mut fields = Fields::default();
    let at = |name: &'static str| move || format!("query.{name}");
    let read = InboundQuery {
        status: fields.read_if(query.status.as_deref(), str::parse::<InboundStatus>, at("status")),
        event_type: query.event_type.clone(),
        since: fields.read_if(query.since.as_deref(), str::parse::<Timestamp>, at("since")),
        until: fields.read_if(query.until.as_deref(), str::parse::<Timestamp>, at("until")),
        skip: 0,
    };
    fields.finish()?;
    Ok(read)
}

pub(crate) fn inbound_out(delivery: InboundDelivery) -> wire::InboundDelivery {
    wire::InboundDelivery {
        id: delivery.id.to_string(),
        number: delivery.number,
        source_id: delivery.source.to_string(),
        status: delivery.status.as_str(),
        duration_ms: delivery.duration_ms(),
        reason: delivery.reason,
        event_type: delivery.event_type,
        entity_key: delivery.entity_key,
        dedup_key: delivery.dedup_key,
        remote_ip: delivery.remote_ip.map(|address| address.to_string()),
        headers: headers_out(delivery.headers),
        body_bytes: delivery.body_bytes,
        session_id: delivery.session.map(|id| id.to_string()),
        runs: delivery.runs,
        error: delivery.error,
        received_at: delivery.received_at.to_string(),
        started_at: time_out(delivery.started_at),
        finished_at: time_out(delivery.finished_at),
        tokens_in: delivery.tokens.map(|tokens| tokens.input),
        tokens_out: delivery.tokens.map(|tokens| tokens.output),
    }
}

pub(crate) fn inbound_detail_out(detail: InboundDetail) -> wire::InboundDetail {
    wire::InboundDetail {
        delivery: inbound_out(detail.delivery),
        normalized: detail.normalized,
        actions: detail.actions.into_iter().map(action_out).collect(),
    }
}

pub(crate) fn action_out(action: Action) -> wire::Action {
    // Arguments are JSON, and cut when they are too long: then they are text.
    let input = serde_json::from_str(&action.input).unwrap_or(Value::String(action.input));
    wire::Action {
        id: action.id.to_string(),
        tool: action.tool,
        input,
        output: action.output,
        status: action.status.as_str(),
        error: action.error,
        object: action.object,
        created_at: action.created_at.to_string(),
        updated_at: action.updated_at.to_string(),
    }
}

/// The body of a delivery as it arrived. Who sent it is not to be trusted with a browser: it is saved, not shown, and
/// nobody guesses what it might be.
pub(crate) fn body_out(content_type: Option<&str>, body: Bytes) -> Response {
    let media = content_type.and_then(|text| text.parse::<mime::Mime>().ok());
    let media = media.and_then(|media| HeaderValue::from_str(media.as_ref()).ok());
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media.unwrap_or(BYTES));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_media_types_are_repeated() {
        for (given, shown) in [
            (Some("application/json"), "application/json"),
            (Some("text/plain; charset=utf-8"), "text/plain; charset=utf-8"),
            (Some("text/html"), "text/html"),
            (Some("nonsense"), "application/octet-stream"),
            (Some("text/plain\r\nx: y"), "application/octet-stream"),
            (Some("téxt/plain"), "application/octet-stream"),
            (Some(""), "application/octet-stream"),
            (None, "application/octet-stream"),
        ] {
            let response = body_out(given, Bytes::from_static(b"<script>"));
            let headers = response.headers();
            assert_eq!(headers[CONTENT_TYPE], shown, "{given:?}");
            assert_eq!(headers[CONTENT_DISPOSITION], "attachment");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
