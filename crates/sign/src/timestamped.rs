//! The header `t=<unix seconds>,v1=<hex>`: writing it, reading it, and checking it.
//!
//! # Protocol
//!
//! Source: Stripe, <https://docs.stripe.com/webhooks/signature>, “Verify webhook signatures manually”, and
//! `webhook/client.go` of stripe-go; Molroo and Sonzai took the format over.
//!
//! - Signed are the timestamp, a full stop and the raw body, with HMAC-SHA256. The signature is lowercase hex.
//! - The header is a list of `key=value`, separated by commas: one `t`, and a `v1` for each key. While a secret is
//!   being rotated there are two. Other keys are ignored (Stripe sends a `v0` in test mode), so that a sender may
//!   add a scheme beside the old.
//! - Where the libraries differ, these are ours: a part without `=` spoils the header, and white space is not
//!   trimmed, both as in stripe-go; a value may contain `=`, as base64 of a later scheme would; a signature in
//!   uppercase does not match, as in stripe-node; and a second `t`, of which stripe-go uses the last, is refused.
//!
//! # How it works
//!
//! Which bytes of a secret are the key is for each scheme to know: a [`MacKey`] is made of bytes. Signatures are
//! compared as text, in constant time: the one sent must be the hex that we would write.

use crate::encode::{DecimalText, equal, hex_length, parse_decimal};
use crate::mac::{MAC_BYTES, MacKey};

/// How many signatures of one header are checked at most; what comes after them is ignored.
///
/// Ours: no provider names a bound. A header made while rotating secrets has two.
const SIGNATURES_CHECKED_MAX: usize = 16;

/// Why a request was refused. None of them tells anything about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A part of the header, between two commas, is not `key=value`. An empty header is one such part.
    #[error("the signature header is not a list of key=value, separated by commas")]
    MalformedHeader,
    /// The header holds no `t`.
    #[error("there is no timestamp")]
    MissingTimestamp,
    /// The header holds more than one `t`, so that it is not clear which was signed.
    #[error("there is more than one timestamp")]
    RepeatedTimestamp,
    /// The timestamp is not a whole number of unix seconds in plain decimal digits.
    #[error("the timestamp is not a whole number of unix seconds")]
    MalformedTimestamp,
    /// The header holds no `v1`.
    #[error("there is no v1 signature")]
    MissingSignature,
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
    /// No signature was made by any of the keys over this timestamp and body.
    #[error("no signature matches")]
    NoMatch,
}

/// Appends the signature over the timestamp, as it is written in the header, and the body.
fn sign_into(key: &MacKey, timestamp: &str, body: &[u8], out: &mut String) {
    key.tag([timestamp.as_bytes(), b".", body]).push_hex(out);
}

/// The header: the timestamp, and a `v1` for each key in the order given. Empty if there are no keys.
pub(crate) fn signature_header<'a>(
    keys: impl ExactSizeIterator<Item = &'a MacKey>,
    timestamp_s: i64,
    body: &[u8],
) -> String {
    if keys.len() == 0 {
        return String::new();
    }
    let timestamp = DecimalText::new(timestamp_s);
    let timestamp = timestamp.as_str();
    let signature_length = ",v1=".len() + hex_length(MAC_BYTES);
    let mut header = String::with_capacity("t=".len() + timestamp.len() + keys.len() * signature_length);
    header.push_str("t=");
    header.push_str(timestamp);
    for key in keys {
        header.push_str(",v1=");
        sign_into(key, timestamp, body, &mut header);
    }
    header
}

/// Checks that one of `keys` signed `body` at the time the header says, and that this is at most `tolerance_s` away
/// from `now_s` (unix seconds), either way.
pub(crate) fn verify<'a>(
    mut keys: impl Iterator<Item = &'a MacKey>,
    header: &str,
    body: &[u8],
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), VerifyError> {
    let claims = Claims::parse(header)?;
    check_timestamp(claims.timestamp, now_s, tolerance_s)?;
    if keys.any(|key| claims.hold_one_of(key, body)) { Ok(()) } else { Err(VerifyError::NoMatch) }
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

/// What a header says, as it was written.
struct Claims<'a> {
    timestamp: &'a str,
    signatures: Vec<&'a str>,
}

impl<'a> Claims<'a> {
    /// Reads the header to its end, so that its form does not depend on how many signatures are checked.
    fn parse(header: &'a str) -> Result<Self, VerifyError> {
        let mut timestamp = None;
        let mut signatures = Vec::new();
        for part in header.split(',') {
            match part.split_once('=').ok_or(VerifyError::MalformedHeader)? {
                ("t", _) if timestamp.is_some() => return Err(VerifyError::RepeatedTimestamp),
                ("t", text) => timestamp = Some(text),
                ("v1", text) if signatures.len() < SIGNATURES_CHECKED_MAX => signatures.push(text),
                _ => {}
            }
        }
        let timestamp = timestamp.ok_or(VerifyError::MissingTimestamp)?;
        if signatures.is_empty() {
            return Err(VerifyError::MissingSignature);
        }
        Ok(Self { timestamp, signatures })
    }

    /// Whether one of the signatures is that of `key` over the timestamp and `body`.
    fn hold_one_of(&self, key: &MacKey, body: &[u8]) -> bool {
        let mut expected = String::with_capacity(hex_length(MAC_BYTES));
        sign_into(key, self.timestamp, body, &mut expected);
        self.signatures.iter().any(|claimed| equal(claimed.as_bytes(), expected.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_767_225_600;

    #[test]
    fn signatures_beyond_the_bound_are_not_checked() {
        let key = MacKey::new(b"secret");
        let header = signature_header([&key].into_iter(), NOW_S, b"{}");
        let (timestamp, signature) = header.split_once(',').expect("a timestamp and a signature");
        let behind = |count: usize| {
            let wrong = "v1=00,".repeat(count);
            verify([&key].into_iter(), &format!("{timestamp},{wrong}{signature}"), b"{}", NOW_S, 0)
        };
        assert_eq!(behind(SIGNATURES_CHECKED_MAX - 1), Ok(()));
        assert_eq!(behind(SIGNATURES_CHECKED_MAX), Err(VerifyError::NoMatch));
    }

    #[test]
    fn the_header_is_allocated_once() {
        let keys = [MacKey::new(b"one"), MacKey::new(b"two"), MacKey::new(b"three")];
        for timestamp_s in [0, NOW_S, i64::MIN] {
            let header = signature_header(keys.iter(), timestamp_s, b"{}");
            assert_eq!(header.capacity(), header.len());
        }
    }
}
