//! Whether a request was sent by who it says it was.
//!
//! # How it works
//! What a provider does is a row of a table (`scheme`): a token in a header, or HMAC-SHA256 in a header with a prefix,
//! a spelling and what is signed. Stripe's header and Standard Webhooks have rules of their own and are modules of
//! the sign crate. A [`Verifier`] makes the keys once; checking a request then costs one HMAC for each secret that is
//! valid at the time, or one SHA-256 for a token, and no copy of the body.
//!
//! A header that proves something and is there twice is refused: whoever is in front of us may have looked at the
//! other one.

mod scheme;
mod signing;

pub use signing::{new_secret, sign};

use http::{HeaderMap, HeaderName};
use posthouse_sign::mac::{MacKey, Tag};
use posthouse_sign::standard::{self, StandardRequest, StandardSecret, StandardVerifier};
use posthouse_sign::stripe::{self, StripeKey};
use posthouse_sign::token::TokenDigest;
use posthouse_types::{AuthMode, Invalid, SecretText, Timestamp};

use self::scheme::{HmacScheme, STRIPE_HEADER, Scheme, TokenScheme, Written};
use crate::lenient::Json;

/// Bytes of one secret at most. Ours: no provider names a bound.
pub const SECRET_BYTES_MAX: usize = 1024;

/// The header that holds the token, where a source's owner has not named another.
pub const STATIC_HEADER_DEFAULT: &str = "x-webhook-secret";

/// Signatures of one header that are looked at; what comes after them is ignored. Ours: a header made while rotating
/// secrets has two.
const SIGNATURES_CHECKED_MAX: usize = 16;

/// Checks requests in one mode, with the secrets that are valid now. Keys are made once and wiped when dropped.
#[derive(Debug)]
pub struct Verifier(Check);

#[derive(Debug)]
enum Check {
    Open,
    Token { scheme: &'static TokenScheme, header: HeaderName, tokens: Vec<TokenDigest> },
    Hmac { scheme: &'static HmacScheme, keys: Vec<MacKey> },
    Stripe(Vec<StripeKey>),
    Standard(Vec<StandardVerifier>),
}

/// Why a request was refused: for the record, never for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header that the mode needs is not there.
    #[error("missing_header")]
    MissingHeader,
    /// It can not be read, or is there twice.
    #[error("malformed_header")]
    MalformedHeader,
    /// What was signed is too old, or from the future.
    #[error("timestamp_out_of_tolerance")]
    Timestamp,
    /// No secret fits.
    #[error("wrong_signature")]
    Mismatch,
    /// The source has no secret to check with.
    #[error("no_secret")]
    NoSecret,
}

impl Verifier {
    /// For a mode, the header that it looks at when it is the owner's choice, and its secrets, any of which fits. The
    /// error says what is wrong with a secret or with the header. Without secrets (but for `none`) every request is
    /// refused.
    pub fn new(mode: AuthMode, header: Option<&str>, secrets: &[SecretText]) -> Result<Self, Invalid> {
        let check = match scheme::of(mode) {
            Scheme::Open => Check::Open,
            Scheme::Token(scheme) => Check::Token {
                scheme,
                header: token_header(scheme, header)?,
                tokens: each(secrets, |secret| {
                    token_text(secret).map(|text| TokenDigest::new(text.as_bytes()))
                })?,
            },
            Scheme::Hmac(scheme) => Check::Hmac {
                scheme,
                keys: each(secrets, |secret| secret_text(secret).map(|text| MacKey::new(text.as_bytes())))?,
            },
            Scheme::Stripe => Check::Stripe(each(secrets, stripe_key)?),
            Scheme::Standard => {
                Check::Standard(each(secrets, |secret| standard_secret(secret).map(StandardVerifier::from))?)
            }
        };
        Ok(Self(check))
    }

    /// Checks a request over its raw bytes, in constant time.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refused> {
        if self.has_no_secret() {
            return Err(Refused::NoSecret);
        }
        match &self.0 {
            Check::Open => Ok(()),
            Check::Token { scheme, header, tokens } => {
                let claimed = single(headers, header.as_str())?;
                let claimed = claimed.strip_prefix(scheme.prefix).ok_or(Refused::MalformedHeader)?;
                fits(tokens.iter().any(|token| token.fits(claimed.as_bytes())))
            }
            Check::Hmac { scheme, keys } => verify_hmac(scheme, keys, headers, body, now),
            Check::Stripe(keys) => {
                let keys: Vec<&StripeKey> = keys.iter().collect();
                let header = single(headers, STRIPE_HEADER)?;
                stripe::verify(&keys, header, body, now.as_seconds(), stripe::STRIPE_TOLERANCE_S)
                    .map_err(refused_by_stripe)
            }
            Check::Standard(keys) => verify_standard(keys, headers, body, now),
        }
    }

    const fn has_no_secret(&self) -> bool {
        match &self.0 {
            Check::Open => false,
            Check::Token { tokens, .. } => tokens.is_empty(),
            Check::Hmac { keys, .. } => keys.is_empty(),
            Check::Stripe(keys) => keys.is_empty(),
            Check::Standard(keys) => keys.is_empty(),
        }
    }
}

/// The id, timestamp and signature headers of Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StandardNames {
    pub(crate) id: &'static str,
    pub(crate) timestamp: &'static str,
    pub(crate) signature: &'static str,
}

const STANDARD_NAMES: StandardNames =
    StandardNames { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };
const SVIX_NAMES: StandardNames =
    StandardNames { id: "svix-id", timestamp: "svix-timestamp", signature: "svix-signature" };

/// The names that a request uses: those of the specification unless only Svix's are there
/// (<https://docs.svix.com/receiving/verifying-payloads/how-manual>). The id that tells a repeat has to be that which
/// was signed, or a repeat could be given another name; therefore all ask here.
pub(crate) fn standard_names(headers: &HeaderMap) -> StandardNames {
    let has = |name| headers.contains_key(name);
    let by_signature = has(STANDARD_NAMES.signature) || !has(SVIX_NAMES.signature) && has(STANDARD_NAMES.id);
    if by_signature || !(has(SVIX_NAMES.signature) || has(SVIX_NAMES.id)) {
        STANDARD_NAMES
    } else {
        SVIX_NAMES
    }
}

fn verify_standard(
    keys: &[StandardVerifier],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refused> {
    let names = standard_names(headers);
    let request = StandardRequest {
        message_id: single(headers, names.id)?,
        timestamp: single(headers, names.timestamp)?,
        signatures: single(headers, names.signature)?,
        body,
    };
    let keys: Vec<&StandardVerifier> = keys.iter().collect();
    standard::verify(&keys, &request, now.as_seconds(), standard::STANDARD_TOLERANCE_S).map_err(|error| {
        use standard::VerifyError;
        match error {
            VerifyError::MalformedId | VerifyError::MalformedTimestamp | VerifyError::MissingSignature => {
                Refused::MalformedHeader
            }
            VerifyError::TooOld { .. } | VerifyError::TooNew { .. } => Refused::Timestamp,
            VerifyError::NoMatch => Refused::Mismatch,
        }
    })
}

const fn refused_by_stripe(error: stripe::VerifyError) -> Refused {
    use stripe::VerifyError;
    match error {
        VerifyError::MalformedHeader
        | VerifyError::MissingTimestamp
        | VerifyError::RepeatedTimestamp
        | VerifyError::MalformedTimestamp
        | VerifyError::MissingSignature => Refused::MalformedHeader,
        VerifyError::TooOld { .. } | VerifyError::TooNew { .. } => Refused::Timestamp,
        VerifyError::NoMatch => Refused::Mismatch,
    }
}

fn verify_hmac(
    scheme: &HmacScheme,
    keys: &[MacKey],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refused> {
    let header = single(headers, scheme.header)?;
    let timestamp = match scheme.time {
        Some(time) => {
            let text = single(headers, time.header)?;
            check_seconds(text, now, time.tolerance_s)?;
            text
        }
        None => "",
    };
    if claims(scheme, header).next().is_none() {
        return Err(Refused::MalformedHeader);
    }
    let made_by = |key: &MacKey| {
        let tag = key.tag(scheme.signed(timestamp, body));
        claims(scheme, header).any(|claimed| tag.equals(&claimed))
    };
    fits(keys.iter().any(made_by))?;
    match scheme.body_time {
        Some(time) => check_body_time(body, time.member, now, time.tolerance_ms),
        None => Ok(()),
    }
}

/// The signatures in a header that can be read.
fn claims<'a>(scheme: &'a HmacScheme, header: &'a str) -> impl Iterator<Item = Tag> + 'a {
    let read = |text: &str| match scheme.written {
        Written::Hex => Tag::from_hex(text),
        Written::Base64 => Tag::from_base64(text),
    };
    let pieces = header.splitn(if scheme.list { SIGNATURES_CHECKED_MAX + 1 } else { 1 }, ',');
    pieces.take(SIGNATURES_CHECKED_MAX).filter_map(move |piece| {
        // HTTP lists may have spaces behind their commas; what is no list is taken as it stands.
        let piece = if scheme.list { piece.trim_matches([' ', '\t']) } else { piece };
        match piece.strip_prefix(scheme.prefix) {
            Some(text) => read(text),
            None if scheme.prefix_optional => read(piece),
            None => None,
        }
    })
}

/// Digits only. The text itself is what was signed, so leading zeros change nothing.
fn check_seconds(text: &str, now: Timestamp, tolerance_s: u64) -> Result<(), Refused> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::MalformedHeader);
    }
    let seconds: i64 = text.parse().map_err(|_| Refused::MalformedHeader)?;
    if now.as_seconds().abs_diff(seconds) <= tolerance_s { Ok(()) } else { Err(Refused::Timestamp) }
}

/// A body without the member says nothing of its time; one whose member is no whole number is refused.
fn check_body_time(body: &[u8], member: &str, now: Timestamp, tolerance_ms: u64) -> Result<(), Refused> {
    let Ok(text) = str::from_utf8(body) else { return Ok(()) };
    let value = Json::new(text).first([member]);
    if value.raw().is_none() {
        return Ok(());
    }
    match value.integer() {
        Some(millis) if now.as_millis().abs_diff(millis) <= tolerance_ms => Ok(()),
        _ => Err(Refused::Timestamp),
    }
}

const fn fits(one_of_them: bool) -> Result<(), Refused> {
    if one_of_them { Ok(()) } else { Err(Refused::Mismatch) }
}

/// The one value of a header.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refused::MalformedHeader);
    }
    value.to_str().map_err(|_| Refused::MalformedHeader)
}

fn each<T>(
    secrets: &[SecretText],
    read: impl Fn(&SecretText) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    secrets.iter().map(read).collect()
}

fn token_header(scheme: &TokenScheme, chosen: Option<&str>) -> Result<HeaderName, Invalid> {
    match scheme.header {
        Some(name) => Ok(HeaderName::from_static(name)),
        None => match chosen {
            Some(name) => HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Invalid::new("the header must be a name as HTTP has them")),
            None => Ok(HeaderName::from_static(STATIC_HEADER_DEFAULT)),
        },
    }
}

/// What every secret has to be. HMAC fills a short key up with NULs, so that secrets which differ in NULs at their end
/// would be one; and a line break at the end would be a slip of whoever copied it.
fn secret_text(secret: &SecretText) -> Result<&str, Invalid> {
    let text = secret.expose();
    if text.is_empty() {
        Err(Invalid::new("a secret must not be empty"))
    } else if text.len() > SECRET_BYTES_MAX {
        Err(Invalid::because(format!("a secret must have at most {SECRET_BYTES_MAX} bytes")))
    } else if text.contains(char::is_control) {
        Err(Invalid::new("a secret must not have control characters, such as line breaks"))
    } else {
        Ok(text)
    }
}

/// A token has to arrive in a header as it was written.
fn token_text(secret: &SecretText) -> Result<&str, Invalid> {
    let text = secret_text(secret)?;
    if text.is_ascii() && text.trim() == text {
        Ok(text)
    } else {
        Err(Invalid::new("a token must be ASCII, without spaces at its ends: it has to fit a header"))
    }
}

fn stripe_key(secret: &SecretText) -> Result<StripeKey, Invalid> {
    StripeKey::parse(secret_text(secret)?).map_err(|error| Invalid::because(error.to_string()))
}

fn standard_secret(secret: &SecretText) -> Result<StandardSecret, Invalid> {
    StandardSecret::parse(secret_text(secret)?).map_err(|error| Invalid::because(error.to_string()))
}
