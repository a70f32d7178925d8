//! Who calls: `Authorization: Bearer <key>`, and nothing else. A key never travels in a URL.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use posthouse_engine::{Caller, Error, ErrorKind};

use super::{Api, Refusal};

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        Ok(api.engine.authenticate(presented_key(parts)?).await?)
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
