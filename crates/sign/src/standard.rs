//! Standard Webhooks signatures: what is signed, the `webhook-signature` header, and checking it.
//!
//! # Protocol
//!
//! Source, unless a line says otherwise: the specification,
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, “Signature
//! scheme”, “Webhook headers” and “Verifying signatures”.
//!
//! - Signed are the message id, a full stop, the timestamp, a full stop and the raw body. The timestamp is that of
//!   the attempt, in whole unix seconds; the id stays the same over all attempts.
//! - A signature is `v1,` and base64 of HMAC-SHA256, or `v1a,` and base64 of ed25519.
//! - The header is a list of signatures separated by one space. While a secret is being rotated the sender signs
//!   with the old and the new key; the receiver accepts if any signature fits any of its keys.
//! - Neither id nor timestamp may contain a full stop: otherwise one signature could be read as that of another
//!   id, timestamp and body.
//! - Svix sends the same three values as `svix-id`, `svix-timestamp` and `svix-signature`
//!   (<https://docs.svix.com/receiving/verifying-payloads/how-manual>). Header names are the caller's business.
//!
//! # How it works
//!
//! The parts of a message are fed to HMAC and ed25519 one after the other, so a body is never copied. A
//! [`StandardKey`] signs, a [`StandardVerifier`] checks; the second may hold no more than a public key.
//!
//! ```
//! use posthouse_sign::standard::{STANDARD_TOLERANCE_S, StandardKey, StandardRequest, signature_header, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = StandardKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let (id, timestamp_s, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
//! let signatures = signature_header(&[&key], id, timestamp_s, body);
//! assert_eq!(signatures, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
//!
//! let request = StandardRequest { message_id: id, timestamp: "1614265330", signatures: &signatures, body };
//! verify(&[&key.verifier()], &request, timestamp_s + 2, STANDARD_TOLERANCE_S)?;
//! # Ok(())
//! # }
//! ```

mod keys;

pub use keys::{
    StandardKey, StandardKeyError, StandardSecret, StandardSigningKey, StandardVerifier, StandardVerifyingKey,
};

use crate::encode::{DecimalText, decode_base64, parse_decimal};

/// How far a timestamp may be from now, in seconds, where nothing else was agreed.
///
/// The specification asks for “some allowable tolerance” and names no number; five minutes is what its published
/// libraries use, and Svix's.
pub const STANDARD_TOLERANCE_S: u32 = 300;

/// How many signatures of one header are checked at most; what comes after them is ignored.
///
/// Ours: the specification sets no bound. A header made while rotating secrets has two or three, and every one of
/// them may cost an ed25519 verification.
pub const STANDARD_SIGNATURES_CHECKED_MAX: usize = 16;

const HMAC_BYTES: usize = 32;
const ED25519_BYTES: usize = 64;

/// The value of the `webhook-signature` header: one signature for each key, in the order given, separated by
/// spaces. Empty if there are no keys.
///
/// `message_id` must not contain a full stop (see the module's protocol notes) and `timestamp_s` is in unix
/// seconds. Give the current key first, for receivers that look no further than the first signature.
pub fn signature_header(keys: &[&StandardKey], message_id: &str, timestamp_s: i64, body: &[u8]) -> String {
    let timestamp = DecimalText::new(timestamp_s);
    let content = SignedContent::to_sign(message_id, &timestamp, body);
    let length = keys.iter().map(|key| key.signature_length() + " ".len()).sum();
    let mut header = String::with_capacity(length);
    for key in keys {
        if !header.is_empty() {
            header.push(' ');
        }
        key.sign_into(&content, &mut header);
    }
    header
}

/// What a receiver got, as it came: three header values and the raw body.
#[derive(Clone, Copy, Debug)]
pub struct StandardRequest<'a> {
    /// `webhook-id`.
    pub message_id: &'a str,
    /// `webhook-timestamp`: unix seconds in decimal.
    pub timestamp: &'a str,
    /// `webhook-signature`: signatures separated by spaces.
    pub signatures: &'a str,
    /// The body, exactly as it was received.
    pub body: &'a [u8],
}

/// Why a request was refused. None of them tells anything about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The message id is empty or contains a full stop, which would make the signed content ambiguous.
    #[error("the message id is empty or contains a full stop")]
    MalformedId,
    /// The timestamp is not a whole number of unix seconds in plain decimal digits.
    #[error("the timestamp is not a whole number of unix seconds")]
    MalformedTimestamp,
    /// The timestamp is further in the past than the tolerance allows.
    #[error("the timestamp is {age_s} s old, more than the tolerance")]
    TooOld {
        /// How far in the past, in seconds.
        age_s: u64,
    },
    /// The timestamp is further in the future than the tolerance allows.
    #[error("the timestamp is {ahead_s} s in the future, more than the tolerance")]
    TooNew {
        /// How far in the future, in seconds.
        ahead_s: u64,
    },
    /// The header holds no signature of a version known here (`v1`, `v1a`).
    #[error("there is no v1 or v1a signature")]
    MissingSignature,
    /// No signature was made by any of the keys over this id, timestamp and body.
    #[error("no signature matches")]
    NoMatch,
}

/// Checks that one of `keys` signed `request`, and that its timestamp is at most `tolerance_s` away from `now_s`
/// (unix seconds), either way.
///
/// Signatures of unknown versions are ignored, as the specification's libraries do, so that a sender may add a new
/// version beside the old. At most [`STANDARD_SIGNATURES_CHECKED_MAX`] signatures are checked.
pub fn verify(
    keys: &[&StandardVerifier],
    request: &StandardRequest<'_>,
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), VerifyError> {
    check_id(request.message_id)?;
    check_timestamp(request.timestamp, now_s, tolerance_s)?;
    let claims = Claims::parse(request.signatures)?;
    let content = SignedContent::received(request);
    if keys.iter().any(|key| key.accepts(&content, &claims)) { Ok(()) } else { Err(VerifyError::NoMatch) }
}

fn check_id(message_id: &str) -> Result<(), VerifyError> {
    if message_id.is_empty() || message_id.contains('.') { Err(VerifyError::MalformedId) } else { Ok(()) }
}

/// Digits only: the received text is what gets signed, so there must be one way to write a number.
fn check_timestamp(text: &str, now_s: i64, tolerance_s: u32) -> Result<(), VerifyError> {
    let timestamp_s = parse_decimal(text).ok_or(VerifyError::MalformedTimestamp)?;
    let distance_s = now_s.abs_diff(timestamp_s);
    if distance_s <= u64::from(tolerance_s) {
        Ok(())
    } else if timestamp_s < now_s {
        Err(VerifyError::TooOld { age_s: distance_s })
    } else {
        Err(VerifyError::TooNew { ahead_s: distance_s })
    }
}

/// The signatures of a header, decoded, by version.
#[derive(Default)]
struct Claims {
    hmac: Vec<[u8; HMAC_BYTES]>,
    ed25519: Vec<[u8; ED25519_BYTES]>,
}

impl Claims {
    /// Reads the header. A signature that cannot be decoded cannot match, and is dropped.
    fn parse(header: &str) -> Result<Self, VerifyError> {
        let mut claims = Self::default();
        let mut seen = 0;
        let known = header
            .split(' ')
            .filter_map(|entry| entry.split_once(','))
            .filter(|(version, _)| matches!(*version, "v1" | "v1a"));
        for (version, text) in known.take(STANDARD_SIGNATURES_CHECKED_MAX) {
            seen += 1;
            if version == "v1" {
                claims.hmac.extend(decode_exactly(text));
            } else {
                claims.ed25519.extend(decode_exactly(text));
            }
        }
        if seen == 0 { Err(VerifyError::MissingSignature) } else { Ok(claims) }
    }
}

fn decode_exactly<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    (decode_base64(text, &mut bytes) == Ok(LEN)).then_some(bytes)
}

/// What is signed, in parts that follow each other: id, full stop, timestamp, full stop, body.
struct SignedContent<'a> {
    parts: [&'a [u8]; 5],
}

impl<'a> SignedContent<'a> {
    fn to_sign(message_id: &'a str, timestamp: &'a DecimalText, body: &'a [u8]) -> Self {
        debug_assert!(check_id(message_id).is_ok(), "a message id is not empty and has no full stop");
        Self { parts: [message_id.as_bytes(), b".", timestamp.as_bytes(), b".", body] }
    }

    fn received(request: &StandardRequest<'a>) -> Self {
        Self {
            parts: [request.message_id.as_bytes(), b".", request.timestamp.as_bytes(), b".", request.body],
        }
    }
}
