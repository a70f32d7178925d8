//! The WhatsApp Gateway's signatures: the `X-Webhook-Hmac` header, lowercase hex.
//!
//! # Protocol
//!
//! Source: the gateway's documentation of webhook deliveries; header names and algorithm are
//! those of WAHA, <https://waha.devlike.pro/docs/how-to/events/>, which publishes a test vector.
//!
//! - Signed is the raw body alone, with HMAC-SHA512. The algorithm's name goes into `X-Webhook-Hmac-Algorithm`.
//! - The key is the secret as it stands, in UTF-8.
//! - Both headers are sent only if the endpoint has a secret.
//! - `X-Webhook-Timestamp` is not covered, so a signature says nothing of when it was made: a receiver that wants
//!   no repeats has to remember the ids it has seen.
//! - There is room for one signature, so a secret cannot be rotated with an overlap on the sending side. A receiver
//!   may hold several keys.
//!
//! ```
//! use posthouse_sign::whatsapp::{WhatsappKey, signature, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = WhatsappKey::parse("my-secret-key")?;
//! let body = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
//! let signature = signature(&key, body);
//! assert!(signature.starts_with("208f8a55dde9e055"));
//! verify(&[&key], &signature, body)?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::encode::{equal, hex_length, push_hex, secret_hex, wiped_on_drop};

/// The value of the `X-Webhook-Hmac-Algorithm` header.
pub const WHATSAPP_ALGORITHM: &str = "sha512";

/// How many characters a secret has at most. Ours: nothing is published.
pub const WHATSAPP_SECRET_CHARACTERS_MAX: usize = 256;

const HMAC_BYTES: usize = 64;

/// A shared secret, with its key schedule computed once. Wiped when dropped.
#[derive(Clone)]
pub struct WhatsappKey {
    schedule: Hmac<Sha512>,
}

/// The key schedule is as good as the key: it is two states of SHA-512, and this holds the features in place that
/// wipe those. (`Hmac` has nothing else in it, and does not carry the marker itself.)
const _: () = wiped_on_drop::<Sha512>();

impl WhatsappKey {
    /// Takes a secret of 1 to 256 characters, none of them a control character (ours: nothing is published).
    ///
    /// A line break at the end would be a slip of whoever copied the secret; and HMAC fills a short key up with
    /// NULs, so that secrets which differ in NULs at their end would be one.
    pub fn parse(text: &str) -> Result<Self, WhatsappKeyError> {
        match text.chars().take(WHATSAPP_SECRET_CHARACTERS_MAX + 1).count() {
            0 => Err(WhatsappKeyError::Empty),
            1..=WHATSAPP_SECRET_CHARACTERS_MAX => {
                if text.contains(char::is_control) {
                    return Err(WhatsappKeyError::ControlCharacter);
                }
                let schedule =
                    Hmac::new_from_slice(text.as_bytes()).expect("HMAC accepts keys of any length");
                Ok(Self { schedule })
            }
            _ => Err(WhatsappKeyError::TooLong),
        }
    }
}

impl fmt::Debug for WhatsappKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhatsappKey").finish_non_exhaustive()
    }
}

/// What is wrong with the text of a secret. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatsappKeyError {
    /// There is no secret. An endpoint without one is not signed at all.
    #[error("the secret is empty")]
    Empty,
    /// The secret has more than [`WHATSAPP_SECRET_CHARACTERS_MAX`] characters.
    #[error("the secret has more than {WHATSAPP_SECRET_CHARACTERS_MAX} characters")]
    TooLong,
    /// The secret has a control character, such as a line break.
    #[error("the secret has a control character")]
    ControlCharacter,
}

/// A new secret out of 32 bytes from a cryptographic random generator: 64 hex digits (ours: nothing is
/// published). Wiped when dropped.
pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
    secret_hex("", Zeroizing::new(random).as_slice())
}

/// The value of the `X-Webhook-Hmac` header: 128 lowercase hex digits.
pub fn signature(key: &WhatsappKey, body: &[u8]) -> String {
    let mut mac = key.schedule.clone();
    mac.update(body);
    let mut text = String::with_capacity(hex_length(HMAC_BYTES));
    push_hex(&mut text, &mac.finalize().into_bytes());
    text
}

/// Why a request was refused. None of them tells anything about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The signature is not 128 lowercase hex digits.
    #[error("the signature is not 128 lowercase hex digits")]
    MalformedSignature,
    /// The signature was not made by any of the keys over this body.
    #[error("the signature does not match")]
    NoMatch,
}

/// Checks that one of `keys` signed `body`. Says nothing of when (see the module's protocol notes).
pub fn verify(keys: &[&WhatsappKey], signature_hex: &str, body: &[u8]) -> Result<(), VerifyError> {
    let is_hex = signature_hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if signature_hex.len() != hex_length(HMAC_BYTES) || !is_hex {
        return Err(VerifyError::MalformedSignature);
    }
    let matches = |key: &&WhatsappKey| equal(signature(key, body).as_bytes(), signature_hex.as_bytes());
    if keys.iter().any(matches) { Ok(()) } else { Err(VerifyError::NoMatch) }
}
