//! Where providers POST: `/api/webhooks/ingest/{public_id}`. Path, order of steps, answers and their members are
//! those of Moltis.
//!
//! # How it works
//! The source is found in memory; its address list and body limit are looked at before anything is read, and the
//! body is read no further than the limit. What all bodies fill together is bounded as well: nothing is known of who
//! sends them before they are whole. All else is the engine's, which answers when the request is on disk.
//! Nothing is kept of a request that was refused but a record of it, and of those so many a minute.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_TYPE, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use posthouse_engine::{Door, Error, ErrorKind, Receipt, Received, Refusal};
use posthouse_types::PublicId;
use serde::Serialize;
use serde::de::IgnoredAny;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::http::{
    Answer, Api, Place, Shell, collect_into, declared_length, error_headers, remote_address, wrong_method,
};

const METHODS: HeaderValue = HeaderValue::from_static("POST, OPTIONS");
const PATH: &str = "/api/webhooks/ingest/{public_id}";

/// Browsers may call from anywhere: the URL is no secret, and no cookie means anything here. Source: Moltis.
const CROSS_ORIGIN: [(HeaderName, HeaderValue); 4] = [
    (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
    (
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Content-Type, Authorization, X-Hub-Signature-256, X-GitHub-Event, X-GitHub-Delivery, X-Gitlab-Token, \
             X-Gitlab-Event, Stripe-Signature, X-Webhook-Secret, X-Event-Type, X-Delivery-Id, Idempotency-Key, \
             Linear-Signature, X-PagerDuty-Signature, Sentry-Hook-Signature",
        ),
    ),
    (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
];

/// The door of every source: one service with one shell, since each webhook passes through all that is here.
pub(crate) fn router(api: &Api) -> Router {
    let state = Arc::new(api.clone());
    let door = service_fn(move |request: Request| {
        let api = Arc::clone(&state);
        async move {
            let answer = match *request.method() {
                Method::POST => receive(&api, request).await,
                Method::OPTIONS => Ok(StatusCode::NO_CONTENT.into_response()),
                _ => Err(wrong_method().await),
            };
            Ok::<_, Infallible>(answer.into_response())
        }
    });
    Router::new().route_service(PATH, Shell::new(api, render).layer(door).map_response(outward))
}

fn outward(mut response: Response) -> Response {
    let is_wrong_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    headers.extend(CROSS_ORIGIN);
    if is_wrong_method {
        headers.insert(ALLOW, METHODS);
    }
    response
}

async fn receive(api: &Api, request: Request) -> Answer<Response> {
    let (head, body) = request.into_parts();
    let public_id = head.uri.path().rsplit('/').next().and_then(|text| text.parse::<PublicId>().ok());
    let Some((public_id, door)) = public_id.and_then(|id| Some((id, api.engine.door(id)?))) else {
        return Err(no_source().into());
    };
    if door.is_sealed() {
        // Providers send again what is answered like this.
        return Ok(told(StatusCode::SERVICE_UNAVAILABLE, "webhook secrets unavailable"));
    }
    let remote = remote_address(&head.extensions, &head.headers, &api.options.trusted_proxies);
    let visit = Visit { api, door: &door, public_id, headers: &head.headers, remote };
    if !door.admits(remote) {
        return Box::pin(visit.refused(Refusal::Address, declared(&head.headers))).await;
    }
    // Given back when the body is stored, or refused.
    let mut share = api.ingest_room.share();
    let body = match collect_into(&mut share, &head.headers, body, door.body_bytes_max()).await {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(visit.turned_away()),
        Err(Error { kind: ErrorKind::TooLarge { limit }, .. }) => {
            // What does not say its length is longer than was read of it.
            let bytes = declared(&head.headers).max(limit + 1);
            return Box::pin(visit.refused(Refusal::TooLarge { limit }, bytes)).await;
        }
        Err(error) => return Err(error.into()),
    };
    let bytes = body.len();
    match api.engine.receive(&door, visit.received(), body).await {
        Ok(receipt) => Ok(visit.answered(receipt)),
        Err(refusal) => Box::pin(visit.refused(refusal, bytes)).await,
    }
}

fn declared(headers: &HeaderMap) -> usize {
    declared_length(headers).and_then(|length| length.try_into().ok()).unwrap_or(0)
}

fn no_source() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such source, or it is off")
}

/// One request at one door.
struct Visit<'a> {
    api: &'a Api,
    door: &'a Door,
    public_id: PublicId,
    headers: &'a HeaderMap,
    remote: Option<IpAddr>,
}

impl Visit<'_> {
    const fn received(&self) -> Received<'_> {
        Received { headers: self.headers, remote: self.remote }
    }

    fn answered(&self, receipt: Receipt) -> Response {
        let (public_id, remote) = (self.public_id, self.remote.map(tracing::field::display));
        match receipt {
            Receipt::Accepted { number, event_type, received_at } => {
                tracing::debug!(source.public_id = %public_id, remote, delivery = number, "a delivery was accepted");
                let accepted = Accepted {
                    delivery_id: number,
                    status: "queued",
                    webhook_id: public_id.to_string(),
                    event_type,
                    received_at: received_at.to_string(),
                };
                (StatusCode::ACCEPTED, Json(accepted)).into_response()
            }
            Receipt::Filtered { event_type } => {
                tracing::debug!(source.public_id = %public_id, remote, "a delivery was filtered");
                Json(Filtered { status: "filtered", event_type }).into_response()
            }
            Receipt::Deduplicated { existing } => {
                tracing::debug!(source.public_id = %public_id, remote, delivery = existing, "a delivery was repeated");
                let repeated = Deduplicated { status: "deduplicated", existing_delivery_id: existing };
                Json(repeated).into_response()
            }
            Receipt::Challenge(answer) => {
                tracing::debug!(source.public_id = %public_id, remote, "a challenge was answered");
                let is_object =
                    answer.starts_with('{') && serde_json::from_str::<IgnoredAny>(&answer).is_ok();
                let media = if is_object { "application/json" } else { "text/plain; charset=utf-8" };
                ([(CONTENT_TYPE, media)], answer).into_response()
            }
        }
    }

    /// The answer when there is no memory for one more body.
    fn turned_away(&self) -> Response {
        let (public_id, remote) = (self.public_id, self.remote.map(tracing::field::display));
        tracing::warn!(source.public_id = %public_id, remote, "there is no room for one more body");
        let mut response = told(StatusCode::SERVICE_UNAVAILABLE, "too many bodies are being read; try again");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    async fn refused(&self, refusal: Refusal, body_bytes: usize) -> Answer<Response> {
        let (public_id, remote) = (self.public_id, self.remote.map(tracing::field::display));
        tracing::debug!(source.public_id = %public_id, remote, ?refusal, "a delivery was refused");
        self.api.engine.note_refusal(self.door, self.received(), body_bytes, &refusal).await;
        Err(match refusal {
            Refusal::NoSource => no_source(),
            Refusal::Address => return Ok(told(StatusCode::FORBIDDEN, "IP not in allowlist")),
            Refusal::TooLarge { limit } => {
                Error::new(ErrorKind::TooLarge { limit }, "the body is longer than the source takes")
            }
            // Which of the ways to fail it was is for the owner's record.
            Refusal::Unauthenticated(_) => {
                Error::new(ErrorKind::Unauthenticated, "the request does not prove who sent it")
            }
            Refusal::RateLimited { retry_after } => {
                Error::new(ErrorKind::RateLimited { retry_after }, "too many deliveries in the last minute")
            }
            Refusal::Failed(error) => error,
        }
        .into())
    }
}

/// Answer 202. Source: Moltis.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    delivery_id: u64,
    status: &'static str,
    webhook_id: String,
    event_type: Option<String>,
    received_at: String,
}

/// Answer 200 to what is not wanted. Source: Moltis.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filtered {
    status: &'static str,
    event_type: Option<String>,
}

/// Answer 200 to what was here before. Source: Moltis.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deduplicated {
    status: &'static str,
    existing_delivery_id: u64,
}

/// Every other answer. Source: Moltis.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<usize>,
}

fn told(status: StatusCode, error: &str) -> Response {
    (status, Json(Failure { error, max_bytes: None })).into_response()
}

fn render(error: &Error, _: &Place) -> Response {
    let (status, text) = match &error.kind {
        ErrorKind::NotFound | ErrorKind::UnknownPath => (StatusCode::NOT_FOUND, "webhook not found"),
        ErrorKind::TooLarge { limit } => {
            let failure = Failure { error: "payload too large", max_bytes: Some(*limit) };
            return (StatusCode::PAYLOAD_TOO_LARGE, Json(failure)).into_response();
        }
        // No WWW-Authenticate: how to prove oneself is the source's secret, and mostly no scheme of HTTP.
        ErrorKind::Unauthenticated => return told(StatusCode::UNAUTHORIZED, "authentication failed"),
        ErrorKind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate limited"),
        ErrorKind::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        ErrorKind::TimedOut => (StatusCode::REQUEST_TIMEOUT, "the request took too long"),
        ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "failed to persist delivery"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "failed to persist delivery"),
        ErrorKind::Malformed { .. }
        | ErrorKind::Forbidden { .. }
        | ErrorKind::Invalid(_)
        | ErrorKind::Conflict { .. }
        | ErrorKind::IdempotencyKeyReused
        | ErrorKind::UnsupportedMediaType => (StatusCode::BAD_REQUEST, &*error.detail),
    };
    let mut response = told(status, text);
    error_headers(error, response.headers_mut());
    response
}
