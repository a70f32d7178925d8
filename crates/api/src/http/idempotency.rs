//! `Idempotency-Key`: the same key with the same request gets the first answer again.

use axum::extract::{FromRequestParts, OriginalUri};
use http::request::Parts;
use posthouse_engine::{Error, Repeatable};
use posthouse_types::IdempotencyKey;
use sha2::{Digest as _, Sha256};

use super::{Api, Refusal};

const HEADER: &str = "idempotency-key";

/// The key, when the caller sent one, and the part of the request's digest that comes before the body.
pub(crate) struct Idempotency(Option<(IdempotencyKey, Sha256)>);

impl Idempotency {
    /// Completes the digest: what makes a request the same is its method, path and body.
    pub(crate) fn with_body(self, body: &[u8]) -> Option<Repeatable> {
        self.0.map(|(key, digest)| (key, digest.chain_update(body).finalize().into()))
    }
}

impl FromRequestParts<Api> for Idempotency {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refusal> {
        let mut headers = parts.headers.get_all(HEADER).iter();
        let Some(header) = headers.next() else { return Ok(Self(None)) };
        let refused = |message: String| Error::field(format!("header.{HEADER}"), message);
        if headers.next().is_some() {
            return Err(refused("is given twice".to_owned()).into());
        }
        let text = header.to_str().map_err(|_| refused("must be visible ASCII characters".to_owned()))?;
        let key = IdempotencyKey::parse(text).map_err(|invalid| refused(invalid.to_string()))?;
        // As it arrived: two dialects may have the same path behind their prefixes.
        let arrived = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        let digest = Sha256::new()
            .chain_update(parts.method.as_str())
            .chain_update(b"\n")
            .chain_update(arrived.path())
            .chain_update(b"\n");
        Ok(Self(Some((key, digest))))
    }
}
