//! The sender's side: secrets, and the headers that prove it.

use posthouse_sign::mac::{self, MacKey};
use posthouse_sign::standard::{StandardKey, StandardSecret};
use posthouse_sign::stripe::{self, StripeKey};
use posthouse_types::{AuthMode, SecretText, Timestamp};
use sha2::{Digest as _, Sha256};

use super::STATIC_HEADER_DEFAULT;
use super::scheme::{self, HmacScheme, STRIPE_HEADER, Scheme, Written};

/// A new secret in the form that the mode's provider uses, from 32 random bytes: `whsec_` and base64 for Standard
/// Webhooks, `whsec_` and hex for Stripe, hex for all others.
pub fn new_secret(mode: AuthMode, random: [u8; 32]) -> SecretText {
    let mut text = match scheme::of(mode) {
        Scheme::Standard => StandardSecret::generate(random).to_text(),
        Scheme::Stripe => stripe::generate(random),
        Scheme::Open | Scheme::Token(_) | Scheme::Hmac(_) => mac::generate(random),
    };
    SecretText::new(std::mem::take(&mut *text))
}

/// What a sender would add to a request with this body at this time: the headers that [`Verifier::verify`] checks,
/// names in lower case. Nothing where the mode needs nothing, or where the secret is none that [`Verifier::new`] takes.
///
/// Standard Webhooks want an id: it is made from the body, so that equal bodies are one message. Linear tells the time
/// in the body, which is the caller's.
///
/// [`Verifier::verify`]: super::Verifier::verify
/// [`Verifier::new`]: super::Verifier::new
pub fn sign(
    mode: AuthMode,
    header: Option<&str>,
    secret: &SecretText,
    body: &[u8],
    now: Timestamp,
) -> Vec<(String, String)> {
    if super::Verifier::new(mode, header, std::slice::from_ref(secret)).is_err() {
        return Vec::new();
    }
    let text = secret.expose();
    let pairs = match scheme::of(mode) {
        Scheme::Open => Vec::new(),
        Scheme::Token(scheme) => {
            let name = scheme.header.or(header).unwrap_or(STATIC_HEADER_DEFAULT);
            vec![(name, format!("{}{text}", scheme.prefix))]
        }
        Scheme::Hmac(scheme) => sign_hmac(scheme, text, body, now),
        Scheme::Stripe => StripeKey::parse(text)
            .map(|key| vec![(STRIPE_HEADER, stripe::signature_header(&[&key], now.as_seconds(), body))])
            .unwrap_or_default(),
        Scheme::Standard => sign_standard(text, body, now),
    };
    pairs.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn sign_hmac(scheme: &HmacScheme, secret: &str, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
    let timestamp = now.as_seconds().to_string();
    let tag = MacKey::new(secret.as_bytes()).tag(scheme.signed(&timestamp, body));
    let signature = match scheme.written {
        Written::Hex => tag.to_hex(),
        Written::Base64 => tag.to_base64(),
    };
    // Where it need not be there, the provider leaves it out.
    let prefix = if scheme.prefix_optional { "" } else { scheme.prefix };
    let mut pairs = vec![(scheme.header, format!("{prefix}{signature}"))];
    pairs.extend(scheme.time.map(|time| (time.header, timestamp)));
    pairs
}

fn sign_standard(secret: &str, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
    let Ok(secret) = StandardSecret::parse(secret) else { return Vec::new() };
    let id = format!("msg_{}", hex::encode(&Sha256::digest(body)[..ID_BYTES]));
    let signature = StandardKey::from(secret).sign(&id, now.as_seconds(), body);
    let names = super::STANDARD_NAMES;
    vec![(names.id, id), (names.timestamp, now.as_seconds().to_string()), (names.signature, signature)]
}

/// Bytes of the digest that make an id: enough that no two bodies share one.
const ID_BYTES: usize = 16;
