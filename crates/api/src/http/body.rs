//! Bodies: of the right type, no longer than allowed, JSON, and with the right members.

use std::any::type_name;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use posthouse_engine::{Error, ErrorKind, Repeatable};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::json::{Object, refused_member};
use super::{Api, Idempotency, Refusal, Share};

/// A JSON object as `T`.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// The same, where no body at all, or null, means the defaults.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// A JSON object as `T`, and what makes the request repeatable when it has an `Idempotency-Key`.
pub(crate) struct RepeatableJson<T>(pub(crate) T, pub(crate) Option<Repeatable>);

/// The same, where no body at all, or null, means the defaults.
pub(crate) struct RepeatableOptionalJson<T>(pub(crate) T, pub(crate) Option<Repeatable>);

/// The JSON body of a publish, unread: what it borrows from is kept.
pub(crate) struct EventBody(pub(crate) Bytes);

/// The body of a batch publish, unread.
pub(crate) enum BatchBody {
    /// `application/json`.
    Json(Bytes),
    /// `application/x-ndjson`: one JSON object on each line.
    Lines(Bytes),
}

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let EventBody(body) = EventBody::from_request(request, api).await?;
        Ok(Self(parse::<Object<T>>(&body, "body")?.0))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        Ok(Self(optional(request, api).await?.0))
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for RepeatableJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let (key, request) = key_of(request, api).await?;
        let EventBody(body) = EventBody::from_request(request, api).await?;
        Ok(Self(parse::<Object<T>>(&body, "body")?.0, key.with_body(&body)))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for RepeatableOptionalJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let (key, request) = key_of(request, api).await?;
        let (given, body) = optional(request, api).await?;
        Ok(Self(given, key.with_body(&body)))
    }
}

async fn key_of(request: Request, api: &Api) -> Result<(Idempotency, Request), Refusal> {
    let (mut parts, body) = request.into_parts();
    let key = Idempotency::from_request_parts(&mut parts, api).await?;
    Ok((key, Request::from_parts(parts, body)))
}

/// What a body says that may be absent, and the body.
async fn optional<T: DeserializeOwned + Default>(request: Request, api: &Api) -> Result<(T, Bytes), Error> {
    let media = media_of(request.headers());
    let body = read(request, api.options.request_bytes_max).await?;
    if body.is_empty() {
        return Ok((T::default(), body));
    }
    match media {
        Media::Json => {
            let given = parse::<Option<Object<T>>>(&body, "body")?;
            Ok((given.map_or_else(T::default, |given| given.0), body))
        }
        Media::Lines | Media::Other => Err(unsupported("application/json")),
    }
}

impl FromRequest<Api> for EventBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        match media_of(request.headers()) {
            Media::Json => Ok(Self(read(request, api.options.request_bytes_max).await?)),
            Media::Lines | Media::Other => Err(unsupported("application/json").into()),
        }
    }
}

impl FromRequest<Api> for BatchBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let media = media_of(request.headers());
        let limit = api.options.batch_bytes_max;
        match media {
            Media::Json => Ok(Self::Json(read(request, limit).await?)),
            Media::Lines => Ok(Self::Lines(read(request, limit).await?)),
            Media::Other => Err(unsupported("application/json or application/x-ndjson").into()),
        }
    }
}

/// Reads JSON. `root` is what the document is called in the locations of errors. The plain parser goes first;
/// only when it fails, a slower one finds out where.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8], root: &str) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|error| explain::<T>(json, root, &error))
}

fn explain<'a, T: Deserialize<'a>>(json: &'a [u8], root: &str, error: &serde_json::Error) -> Error {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Error::new(
            ErrorKind::Malformed { location: root.to_owned().into() },
            format!("{root} is not JSON: {error}"),
        ),
        Category::Data => {
            let mut reader = serde_json::Deserializer::from_slice(json);
            match serde_path_to_error::deserialize::<_, T>(&mut reader) {
                Err(error) => Error::invalid(vec![refused_member(root, error.path(), error.inner())]),
                Ok(_) => Error::new(
                    ErrorKind::Internal,
                    format!("two ways of reading {} disagree", type_name::<T>()),
                ),
            }
        }
    }
}

enum Media {
    Json,
    Lines,
    Other,
}

fn media_of(headers: &HeaderMap) -> Media {
    let encoding = headers.get(CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Media::Other;
    }
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media == "application/json"
        || media.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"));
    match media.as_str() {
        _ if is_json => Media::Json,
        "application/x-ndjson" => Media::Lines,
        _ => Media::Other,
    }
}

fn unsupported(wanted: &str) -> Error {
    Error::new(
        ErrorKind::UnsupportedMediaType,
        format!("the body must be {wanted}, say so in Content-Type, and not be compressed"),
    )
}

/// Reads a body of at most `limit` bytes.
async fn read(request: Request, limit: usize) -> Result<Bytes, Error> {
    let (head, body) = request.into_parts();
    // Every part is let in, so that there always is a body.
    read_while(&head.headers, body, limit, |_| true).await?.ok_or_else(broken_off)
}

/// The length that a request says its body has.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body that goes with these headers, of at most `limit` bytes. The memory for it is taken out of a room
/// that others share, as the body arrives: who only says that much will come takes nothing. `None` when there is no
/// room left for it.
pub(crate) async fn collect_into(
    share: &mut Share,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Option<Bytes>, Error> {
    read_while(headers, body, limit, |bytes| share.grow(bytes)).await
}

/// Reads a body as long as its parts are let in. One that says itself that it is too long is not begun; one that says
/// nothing, or not the truth, is read no further than the limit.
async fn read_while(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    mut lets_in: impl FnMut(usize) -> bool,
) -> Result<Option<Bytes>, Error> {
    let too_large =
        || Error::new(ErrorKind::TooLarge { limit }, format!("the body must be at most {limit} bytes"));
    if declared_length(headers).is_some_and(|declared| declared > limit as u64) {
        return Err(too_large());
    }
    let mut body = Limited::new(body, limit);
    // Most bodies come in one piece, which need not be copied.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| if error.is::<LengthLimitError>() { too_large() } else { broken_off() })?;
        let Ok(piece) = frame.into_data() else { continue };
        if !lets_in(piece.len()) {
            return Ok(None);
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&piece);
        }
    }
    Ok(Some(if joined.is_empty() { first } else { joined.freeze() }))
}

fn broken_off() -> Error {
    Error::new(ErrorKind::Malformed { location: "body".into() }, "the body broke off before its end")
}
