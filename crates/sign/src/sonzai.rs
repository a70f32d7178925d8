//! Sonzai's signatures: the `Sonzai-Signature` header, `t=<unix seconds>,v1=<lowercase hex>`.
//!
//! # Protocol
//!
//! Source, unless a line says otherwise: `webhook_verify.go` of sonzai-go.
//!
//! - Signed are the timestamp in decimal, a full stop and the raw body, with HMAC-SHA256.
//! - The key is the text after `whsec_`, in UTF-8 and not decoded from base64; the whole secret, if it does not
//!   start so. The prefix is taken off once.
//! - Several `v1` are allowed, for the overlap while a secret is being rotated.
//! - The library takes a tolerance of 0 as “do not check the time”. Ours: 0 is none, the time must be exact.
//! - The README of the TypeScript SDK has an older scheme, the bare hex of the body; it is not followed.
//!
//! ```
//! use posthouse_sign::sonzai::{SONZAI_TOLERANCE_S, SonzaiKey, signature_header, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SonzaiKey::parse("whsec_0123456789abcdef")?;
//! let (timestamp_s, body) = (1_767_225_600, br#"{"event_type":"on_wakeup_ready","agent_id":"a1"}"#);
//! let header = signature_header(&[&key], timestamp_s, body);
//! assert!(header.starts_with("t=1767225600,v1=5a9fdf846ec0361c"));
//! verify(&[&key], &header, body, timestamp_s + 2, SONZAI_TOLERANCE_S)?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::encode::secret_hex;
use crate::mac::MacKey;
use crate::timestamped;

pub use crate::timestamped::VerifyError;

/// How far a timestamp may be from now, in seconds, where nothing else was agreed: `defaultTimestampTolerance` of
/// sonzai-go.
pub const SONZAI_TOLERANCE_S: u32 = 300;

/// How many characters a secret has at least, its prefix counted. Ours: nothing is published.
pub const SONZAI_SECRET_CHARACTERS_MIN: usize = 8;

/// How many characters a secret has at most, its prefix counted. Ours: nothing is published.
pub const SONZAI_SECRET_CHARACTERS_MAX: usize = 256;

const SECRET_PREFIX: &str = "whsec_";

/// A shared secret, with its key schedule computed once. Wiped when dropped.
#[derive(Clone)]
pub struct SonzaiKey {
    mac: MacKey,
}

impl SonzaiKey {
    /// Takes a secret of 8 to 256 characters, none of them a control character (ours: nothing is published).
    /// It may start with `whsec_`, and then something has to follow, as sonzai-go demands.
    ///
    /// A line break at the end would be a slip of whoever copied the secret; and HMAC fills a short key up with
    /// NULs, so that secrets which differ in NULs at their end would be one.
    pub fn parse(text: &str) -> Result<Self, SonzaiKeyError> {
        let key = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        if key.is_empty() {
            return Err(SonzaiKeyError::Empty);
        }
        match text.chars().take(SONZAI_SECRET_CHARACTERS_MAX + 1).count() {
            characters @ 0..SONZAI_SECRET_CHARACTERS_MIN => Err(SonzaiKeyError::TooShort { characters }),
            SONZAI_SECRET_CHARACTERS_MIN..=SONZAI_SECRET_CHARACTERS_MAX => {
                if text.contains(char::is_control) {
                    return Err(SonzaiKeyError::ControlCharacter);
                }
                Ok(Self { mac: MacKey::new(key.as_bytes()) })
            }
            _ => Err(SonzaiKeyError::TooLong),
        }
    }
}

impl fmt::Debug for SonzaiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SonzaiKey").finish_non_exhaustive()
    }
}

/// What is wrong with the text of a secret. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SonzaiKeyError {
    /// There is no secret, or nothing after its prefix.
    #[error("the secret is empty, apart from its prefix")]
    Empty,
    /// The secret has fewer than [`SONZAI_SECRET_CHARACTERS_MIN`] characters.
    #[error("the secret has {characters} characters, fewer than {SONZAI_SECRET_CHARACTERS_MIN}")]
    TooShort {
        /// How many characters it has.
        characters: usize,
    },
    /// The secret has more than [`SONZAI_SECRET_CHARACTERS_MAX`] characters.
    #[error("the secret has more than {SONZAI_SECRET_CHARACTERS_MAX} characters")]
    TooLong,
    /// The secret has a control character, such as a line break.
    #[error("the secret has a control character")]
    ControlCharacter,
}

/// A new secret out of 32 bytes from a cryptographic random generator: `whsec_` and 64 hex digits (ours:
/// the length is not published). Wiped when dropped.
pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
    secret_hex(SECRET_PREFIX, Zeroizing::new(random).as_slice())
}

/// The value of the `Sonzai-Signature` header: the timestamp (unix seconds) and one `v1` for each key, in the order
/// given. Empty if there are no keys.
///
/// Give the current key first, for receivers that look no further than the first signature. sonzai-go takes a
/// timestamp of 0 for a missing one.
pub fn signature_header(keys: &[&SonzaiKey], timestamp_s: i64, body: &[u8]) -> String {
    timestamped::signature_header(keys.iter().map(|key| &key.mac), timestamp_s, body)
}

/// Checks that one of `keys` signed `body` at the time the header says, and that this is at most `tolerance_s` away
/// from `now_s` (unix seconds), either way.
///
/// No more than 16 signatures of one header are checked.
pub fn verify(
    keys: &[&SonzaiKey],
    header: &str,
    body: &[u8],
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), VerifyError> {
    timestamped::verify(keys.iter().map(|key| &key.mac), header, body, now_s, tolerance_s)
}
