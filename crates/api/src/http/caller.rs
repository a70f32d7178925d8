//! Who calls: `Authorization: Bearer <key>`, and what else a dialect takes. A key never travels in a URL.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use posthouse_engine::{Caller, Error, ErrorKind};
use posthouse_types::Capability;

use super::{Api, Refusal};

/// What a dialect takes for an answer to "who calls?" beside `Authorization: Bearer <key>`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Credentials {
    /// The key may stand in `X-API-Key` instead.
    pub(crate) key_header: bool,
    /// The token may be a person's login instead of a key.
    pub(crate) logins: bool,
}

const KEY_HEADER: &str = "x-api-key";

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Credentials { key_header, logins } = api.credentials;
        let bearer = parts.headers.contains_key(AUTHORIZATION);
        if key_header
            && !bearer
            && let Some(key) = parts.headers.get(KEY_HEADER)
        {
            // What is no text is no key either.
            return Ok(api.engine.authenticate(key.to_str().unwrap_or_default()).await?);
        }
        let presented = presented_key(parts)?;
        if logins {
            return Ok(api.engine.authenticate_key_or_login(presented).await?);
        }
        Ok(api.engine.authenticate(presented).await?)
    }
}

/// A caller that may manage. Stands before the body among a handler's arguments, so that whoever may not is told so
/// whatever the body says.
pub(crate) struct Manager(pub(crate) Caller);

/// A caller that may write into sessions, likewise.
pub(crate) struct Writer(pub(crate) Caller);

impl FromRequestParts<Api> for Manager {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let caller = Caller::from_request_parts(parts, api).await?;
        caller.need(Capability::Manage)?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<Api> for Writer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let caller = Caller::from_request_parts(parts, api).await?;
        caller.need(Capability::Send)?;
        Ok(Self(caller))
    }
}

fn presented_key(parts: &Parts) -> Result<&str, Error> {
    let refused = |detail: &'static str| Error::new(ErrorKind::Unauthenticated, detail);
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let header = headers.next().ok_or_else(|| refused("no API key: send `Authorization: Bearer <key>`"))?;
    if headers.next().is_some() {
        return Err(refused("more than one Authorization header"));
    }
    let malformed = || refused("the Authorization header must be `Bearer <key>`");
    let (scheme, key) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    let key = key.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.contains(' ') {
        return Err(malformed());
    }
    Ok(key)
}
