//! Logins: tokens that someone else's frontend makes for people, checked by the keys it publishes.
//!
//! A login is a JWT (RFC 7519) in compact form (RFC 7515), signed by a key of a JWK set (RFC 7517) that is fetched
//! from an address of the operator's. It says who someone is, of which organization, and in which role; the
//! operator says what each role may do. The rules are those of RFC 8725: the algorithm must be that of the key,
//! whatever the token says of itself; keys that the token brings along or points at are not looked at; issuer and
//! audience must be ours.

mod cache;
mod crypto;
mod set;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind as JwtErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use posthouse_egress::Sender;
use posthouse_types::{Capabilities, Environment, Timestamp};
use serde_json::{Map, Value};

use self::cache::KeyCache;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of the longest token: more than any header of a request leaves room for.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far the issuer's clock may be off (RFC 7519, section 4.1.4).
const LEEWAY: Duration = Duration::from_secs(30);

/// Whose logins are accepted, and what is read of them; the operator's choice.
#[derive(Debug, Clone)]
pub struct LoginOptions {
    /// Where the issuer publishes its keys, as a JWK set (RFC 7517, section 5).
    pub jwks_url: http::Uri,
    /// The issuer: what `iss` must be (RFC 7519, section 4.1.1).
    pub issuer: String,
    /// Ourselves: what `aud` must be or hold (RFC 7519, section 4.1.3).
    pub audience: String,
    /// The claim that names the organization: a member's name, or a JSON Pointer (RFC 6901), which begins with `/`.
    pub organization_claim: String,
    /// The claim that names the role or, in an array, the roles: written like `organization_claim`.
    pub role_claim: String,
    /// What each role may do. One that is not here may do nothing.
    pub roles: BTreeMap<String, Capabilities>,
    /// What logins see of their organization.
    pub environment: Environment,
}

/// Checks logins.
pub struct Logins {
    options: LoginOptions,
    clock: Arc<dyn Clock>,
    keys: Arc<KeyCache>,
}

/// What a login says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Who it is, by the issuer's name for them.
    pub(crate) subject: String,
    /// Of which organization.
    pub(crate) organization: String,
    /// What they may do.
    pub(crate) capabilities: Capabilities,
    /// What they see.
    pub(crate) environment: Environment,
    /// From when on the login is refused.
    pub(crate) until: Timestamp,
}

/// The header of a token (RFC 7515, section 4), as far as it decides something.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Logins {
    /// Opens no connection: the keys are fetched when there is a login to check. `sender` needs to reach
    /// [`LoginOptions::jwks_url`].
    pub fn new(options: LoginOptions, sender: Arc<dyn Sender>, clock: Arc<dyn Clock>) -> Self {
        crypto::install();
        let keys = KeyCache::new(options.jwks_url.clone(), sender, Arc::clone(&clock));
        Self { options, clock, keys: Arc::new(keys) }
    }

    /// Who presents this token. Says what is wrong with one that is refused, never what it holds.
    pub(crate) async fn verify(&self, token: &str) -> Result<Login> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused(format!("the login is longer than {TOKEN_BYTES_MAX} bytes")));
        }
        let header = Header::read(token)?;
        let keys = self.keys.keys_for(header.key_id.as_deref()).await?;
        let key = keys.find(header.key_id.as_deref(), header.algorithm).map_err(refused)?;
        let claims = jsonwebtoken::decode(token, &key.public, &signature_only(header.algorithm));
        let claims: Map<String, Value> = claims
            .map_err(|error| match error.kind() {
                JwtErrorKind::InvalidSignature => {
                    refused("the signature of the login is not that of its key")
                }
                _ => refused("the login can not be read"),
            })?
            .claims;
        self.read(claims)
    }

    /// Reads the claims of a token whose signature is right. A claim of the wrong type is refused, never taken for
    /// absent.
    fn read(&self, claims: Map<String, Value>) -> Result<Login> {
        let options = &self.options;
        if text(claims.get("iss"), "iss")? != options.issuer {
            return Err(refused("the login is of another issuer"));
        }
        if !texts(claims.get("aud"), "aud")?.contains(&options.audience.as_str()) {
            return Err(refused("the login is for another audience"));
        }
        let now = self.clock.now();
        moment(&claims, "iat")?;
        let expires = moment(&claims, "exp")?.ok_or_else(|| absent("exp"))?;
        let until = expires.plus(LEEWAY);
        if now >= until {
            return Err(refused("the login has expired"));
        }
        if moment(&claims, "nbf")?.is_some_and(|begins| now.plus(LEEWAY) < begins) {
            return Err(refused("the login is not valid yet"));
        }
        let subject = text(claims.get("sub"), "sub")?.to_owned();
        let claims = Value::Object(claims);
        let organization = &options.organization_claim;
        let organization = text(claim(&claims, organization), organization)?.to_owned();
        let roles = match claim(&claims, &options.role_claim) {
            Some(roles) => texts(Some(roles), &options.role_claim)?,
            None => Vec::new(),
        };
        let granted = roles.into_iter().filter_map(|role| options.roles.get(role));
        let capabilities = granted.flat_map(|capabilities| capabilities.iter()).collect();
        Ok(Login { subject, organization, capabilities, environment: options.environment, until })
    }
}

impl Header {
    /// Reads the header of a token that nothing is known of yet.
    fn read(token: &str) -> Result<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, _, _] = parts.as_slice() else { return Err(refused("the login is not a signed JWT")) };
        let unreadable = || refused("the header of the login can not be read");
        let bytes = URL_SAFE_NO_PAD.decode(header).map_err(|_| unreadable())?;
        let header: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
        // We understand no extension, so none may be needed to understand the token (RFC 7515, section 4.1.11).
        if header.contains_key("crit") {
            return Err(refused("the login needs an extension of JWS (crit), and none is known"));
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let algorithm = algorithm.filter(|algorithm| crypto::is_accepted(*algorithm)).ok_or_else(|| {
            refused("the login is signed with an algorithm that is not accepted, or not at all")
        })?;
        let key_id = header.get("kid").map(|id| text(Some(id), "kid").map(str::to_owned)).transpose()?;
        Ok(Self { algorithm, key_id })
    }
}

/// Has the signature checked and nothing else: of the claims `jsonwebtoken` takes what is malformed for absent, and
/// the time from the machine.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// A claim by its name or by a pointer to it.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// A claim that must be a text, and say something.
fn text<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a str> {
    match value {
        None => Err(absent(name)),
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(malformed(name, "a text")),
    }
}

/// A claim that must be a text or an array of texts.
fn texts<'a>(value: Option<&'a Value>, name: &str) -> Result<Vec<&'a str>> {
    match value {
        Some(Value::Array(members)) => members
            .iter()
            .map(|member| member.as_str().ok_or_else(|| malformed(name, "a text or an array of texts")))
            .collect(),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(_) => Err(malformed(name, "a text or an array of texts")),
        None => Err(absent(name)),
    }
}

/// A claim that must be a number of seconds since 1970, whole or not (RFC 7519, section 2, `NumericDate`), when it
/// is there.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let millis = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => seconds.saturating_mul(1000),
        #[expect(clippy::cast_possible_truncation, reason = "what is out of range becomes the end of time")]
        (None, Some(seconds)) => (seconds * 1000.0) as i64,
        (None, None) => return Err(malformed(name, "a number of seconds")),
    };
    Ok(Some(Timestamp::from_millis(millis)))
}

fn absent(name: &str) -> Error {
    refused(format!("the login lacks {name}"))
}

fn malformed(name: &str, wanted: &str) -> Error {
    refused(format!("{name} of the login is not {wanted}"))
}

fn refused(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unauthenticated, detail)
}
