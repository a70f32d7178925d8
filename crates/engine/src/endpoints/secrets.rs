//! Signing secrets: revealing, rotating.

use std::sync::Arc;
use std::time::Duration;

use posthouse_store::EndpointRecord;
use posthouse_types::limits::{SECRET_OVERLAP_DEFAULT, SECRET_OVERLAP_MAX, SECRETS_MAX};
use posthouse_types::{Capability, EndpointId, SecretText, Wire};

use super::repeat::Remembered;
use super::sealed_away;
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::publish::Repeatable;
use crate::signing::{Secret, check_secret, make_secret};
use crate::target::{open_secrets, seal_secrets};

/// The secret of a new or changed endpoint.
#[derive(Debug, Clone)]
pub enum NewSecret {
    /// One of ours.
    Make,
    /// This one.
    Given(SecretText),
    /// None: deliveries are not signed. Only where the wire format admits it.
    Unsigned,
}

impl NewSecret {
    /// This one when it is given, else one of ours.
    pub fn given_or_made(given: Option<SecretText>) -> Self {
        given.map_or(Self::Make, Self::Given)
    }

    /// The secret, checked.
    pub(super) fn usable(self, wire: Wire) -> Result<Option<SecretText>> {
        match self {
            Self::Make => Ok(Some(make_secret(wire))),
            Self::Given(secret) => {
                check_secret(wire, &secret).map_err(|invalid| Error::field("body.secret", invalid))?;
                Ok(Some(secret))
            }
            Self::Unsigned if wire.may_be_unsigned() => Ok(None),
            Self::Unsigned => Err(Error::field("body.secret", "is required")),
        }
    }
}

/// How to rotate a secret.
#[derive(Debug, Clone, Default)]
pub struct Rotate {
    /// The new one; made when absent.
    pub secret: Option<SecretText>,
    /// How long the old ones go on beside it; 24 h when absent.
    pub overlap: Option<Duration>,
}

/// A new signing secret.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// It signs from now on.
    pub secret: SecretText,
    /// Until when the old ones sign beside it.
    pub overlap: Duration,
}

impl Engine {
    /// The secret that signs now.
    pub async fn endpoint_secret(&self, caller: &Caller, id: EndpointId) -> Result<SecretText> {
        caller.need(Capability::Manage)?;
        let record = self.visible_endpoint(caller, id).await?;
        let secrets = open_secrets(&self.vault, id, &record.secrets).map_err(|_| sealed_away())?;
        secrets.first().map(Secret::text).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("endpoint {id} has no secret: its deliveries are not signed"),
            )
        })
    }

    /// Puts a new secret (given or made) in front. The old ones sign beside it for `overlap` (24 h unless
    /// said), so that receivers can change over. Repeated with the same idempotency key, it answers the same and
    /// changes nothing.
    pub async fn rotate_secret(
        self: &Arc<Self>,
        caller: &Caller,
        id: EndpointId,
        rotate: Rotate,
        repeatable: Option<Repeatable>,
    ) -> Result<Rotated> {
        caller.need(Capability::Manage)?;
        let overlap = rotate.overlap.unwrap_or(SECRET_OVERLAP_DEFAULT);
        if overlap > SECRET_OVERLAP_MAX {
            let max = SECRET_OVERLAP_MAX.as_secs();
            return Err(Error::field("body.overlap_seconds", format!("must be 0 to {max}")));
        }
        let wire = self.visible_endpoint(caller, id).await?.endpoint.settings.wire;
        let secret = NewSecret::given_or_made(rotate.secret).usable(wire)?;
        let fresh = Remembered::new(id, secret.as_ref());
        let now = self.clock.now();
        let turn = |record: &mut EndpointRecord| {
            let mut secrets: Vec<Secret> = secret.iter().map(Secret::new).collect();
            let old = open_secrets(&self.vault, id, &record.secrets).map_err(|_| sealed_away())?;
            secrets.extend(old.into_iter().map(|secret| secret.until(now.plus(overlap))));
            secrets.retain(|secret| secret.expires_at.is_none_or(|end| end > now));
            secrets.truncate(SECRETS_MAX);
            record.secrets = seal_secrets(&self.vault, id, &secrets);
            Ok(())
        };
        let done = self.change_once(caller, fresh, repeatable.as_ref(), turn).await?;
        let secret = done.secret().ok_or_else(sealed_away)?;
        Ok(Rotated { secret, overlap })
    }
}
