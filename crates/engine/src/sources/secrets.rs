//! What a source keeps secret: what proves its senders, and its credential for the provider's REST API.

use std::sync::Arc;
use std::time::Duration;

use posthouse_providers::auth::{Verifier, new_secret};
use posthouse_store::{Sealed, StoreError};
use posthouse_types::limits::{SECRET_OVERLAP_DEFAULT, SECRET_OVERLAP_MAX, SECRETS_MAX};
use posthouse_types::{
    AuthMode, Capability, Invalid, SecretText, SourceId, SourceRef, SourceSettings, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::STALE_RETRIES;
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::signing::Secret;
use crate::vault::{DoesNotOpen, Vault};

/// The longest credential for a provider's REST API, bytes.
const PROVIDER_TOKEN_BYTES_MAX: usize = 4 * 1024;

/// The secrets of a source as they are sealed.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Credentials {
    /// What proves the sender, newest first.
    auth: Vec<Secret>,
    provider_token: Option<Secret>,
}

impl Credentials {
    /// Those of a new source, and the secret when it was made here.
    pub(super) fn first(
        mode: AuthMode,
        given: Option<&SecretText>,
        provider_token: Option<&SecretText>,
    ) -> Result<(Self, Option<SecretText>)> {
        let mut credentials = Self::default();
        let fresh = if given.is_none() { made_for(mode) } else { None };
        credentials.replace(mode, given.or(fresh.as_ref()))?;
        credentials.set_provider_token(provider_token)?;
        Ok((credentials, fresh))
    }

    pub(super) fn open(
        vault: &Vault,
        id: SourceId,
        sealed: &Sealed,
    ) -> std::result::Result<Self, DoesNotOpen> {
        vault.open_json(&context(id), sealed)
    }

    pub(super) fn seal(&self, vault: &Vault, id: SourceId) -> Sealed {
        vault.seal_json(&context(id), self)
    }

    pub(super) fn has_secret(&self) -> bool {
        !self.auth.is_empty()
    }

    /// The credential for the provider's REST API.
    pub(crate) fn provider_token(&self) -> Option<SecretText> {
        self.provider_token.as_ref().map(Secret::text)
    }

    pub(super) fn set_provider_token(&mut self, token: Option<&SecretText>) -> Result<()> {
        if let Some(token) = token {
            let text = token.expose();
            let fits = !text.is_empty()
                && text.len() <= PROVIDER_TOKEN_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                let message = format!("must be 1 to {PROVIDER_TOKEN_BYTES_MAX} visible ASCII characters");
                return Err(Error::field("body.provider_token", message));
            }
        }
        self.provider_token = token.map(Secret::new);
        Ok(())
    }

    /// A credential that can not be read back must not go to an address that it was not given for.
    pub(super) fn stay_with(&self, before: &SourceSettings, after: &SourceSettings) -> Result<()> {
        if self.provider_token.is_some() && before.provider_url != after.provider_url {
            let message = "is required when provider_url changes: it was given for the address before";
            return Err(Error::field("body.provider_token", message));
        }
        Ok(())
    }

    /// A changed mode needs a secret that fits it; a given one takes the place of all there were.
    pub(super) fn change(
        &mut self,
        before: AuthMode,
        mode: AuthMode,
        given: Option<&SecretText>,
    ) -> Result<()> {
        if given.is_some() {
            return self.replace(mode, given);
        }
        if mode == AuthMode::None {
            self.auth.clear();
        } else if self.auth.is_empty()
            // A token was sent in the clear: it must not become what signs, nor the other way round.
            || mode.is_token() != before.is_token()
            || (mode != before && self.verifiers(mode, None).is_err())
        {
            return Err(Error::field(location(mode), format!("is required for {mode}")));
        }
        Ok(())
    }

    fn replace(&mut self, mode: AuthMode, secret: Option<&SecretText>) -> Result<()> {
        if let Some(secret) = secret {
            check(mode, secret)?;
        }
        self.auth = secret.into_iter().map(Secret::new).collect();
        Ok(())
    }

    /// Checks requests, newest secret first, each until its end.
    pub(super) fn verifiers(
        &self,
        mode: AuthMode,
        header: Option<&str>,
    ) -> std::result::Result<Vec<(Verifier, Option<Timestamp>)>, Invalid> {
        if mode == AuthMode::None {
            return Ok(vec![(Verifier::new(mode, None, &[])?, None)]);
        }
        let verifier = |secret: &Secret| Verifier::new(mode, header, &[secret.text()]);
        self.auth.iter().map(|secret| Ok((verifier(secret)?, secret.expires_at))).collect()
    }

    fn rotate(&mut self, fresh: &SecretText, end: Timestamp, now: Timestamp) {
        let old = std::mem::take(&mut self.auth);
        self.auth.push(Secret::new(fresh));
        self.auth.extend(old.into_iter().map(|secret| secret.until(end)));
        self.auth.retain(|secret| secret.expires_at.is_none_or(|end| end > now));
        self.auth.truncate(SECRETS_MAX);
    }
}

fn context(id: SourceId) -> String {
    format!("source-secrets:{id}")
}

fn made_for(mode: AuthMode) -> Option<SecretText> {
    (mode != AuthMode::None).then(|| new_secret(mode, rand::random()))
}

/// The member in which the mode's secret is given.
const fn location(mode: AuthMode) -> &'static str {
    if mode.is_token() { "body.auth.token" } else { "body.auth.secret" }
}

fn check(mode: AuthMode, secret: &SecretText) -> Result<()> {
    let location = location(mode);
    if mode == AuthMode::None {
        return Err(Error::field(location, "must be absent: the mode none proves nothing"));
    }
    Verifier::new(mode, None, std::slice::from_ref(secret))
        .map(drop)
        .map_err(|invalid| Error::field(location, invalid))
}

/// How to rotate a source's secret.
#[derive(Debug, Clone, Default)]
pub struct RotateSource {
    /// The new one; made when absent.
    pub secret: Option<SecretText>,
    /// How long the old ones are still taken; 24 h when absent.
    pub overlap: Option<Duration>,
}

/// A source's new secret.
#[derive(Debug, Clone)]
pub struct RotatedSource {
    /// It is taken from now on.
    pub secret: SecretText,
    /// How long the old ones are still taken.
    pub overlap: Duration,
}

impl Engine {
    /// Puts a new secret (given or made) in front. The old ones are still taken for `overlap`, so that the provider
    /// can change over.
    pub async fn rotate_source_secret(
        self: &Arc<Self>,
        caller: &Caller,
        source: SourceRef,
        rotate: RotateSource,
    ) -> Result<RotatedSource> {
        caller.need(Capability::Manage)?;
        let overlap = rotate.overlap.unwrap_or(SECRET_OVERLAP_DEFAULT);
        if overlap > SECRET_OVERLAP_MAX {
            let max = SECRET_OVERLAP_MAX.as_secs();
            return Err(Error::field("body.overlap_seconds", format!("must be 0 to {max}")));
        }
        for _ in 0..STALE_RETRIES {
            let mut record = self.visible_source(caller, source).await?;
            let mode = record.source.settings.auth;
            let Some(secret) = rotate.secret.clone().or_else(|| made_for(mode)) else {
                let kind = ErrorKind::Conflict { location: None };
                return Err(Error::new(kind, "the source has no secret: its mode proves nothing"));
            };
            check(mode, &secret).map_err(at_body_secret)?;
            let mut credentials = self.credentials(&record)?;
            let now = self.clock.now();
            credentials.rotate(&secret, now.plus(overlap), now);
            record.secrets = credentials.seal(&self.vault, record.source.id);
            if self.write_source(record).await?.is_some() {
                return Ok(RotatedSource { secret, overlap });
            }
        }
        Err(StoreError::Stale.into())
    }

    /// The secret that proves senders now, for whoever has to enter it at the provider.
    pub async fn source_secret(&self, caller: &Caller, source: SourceRef) -> Result<SecretText> {
        caller.need(Capability::Manage)?;
        let record = self.visible_source(caller, source).await?;
        let credentials = self.credentials(&record)?;
        credentials.auth.first().map(Secret::text).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("source {source} has no secret: its mode proves nothing"))
        })
    }
}

/// A rotation names its secret at the top of its body, whatever the mode.
fn at_body_secret(error: Error) -> Error {
    match error.kind {
        ErrorKind::Invalid(mut fields) => {
            for field in &mut fields {
                "body.secret".clone_into(&mut field.location);
            }
            Error::invalid(fields)
        }
        kind => Error { kind, ..error },
    }
}
