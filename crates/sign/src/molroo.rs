//! Molroo's signatures: the `X-Molroo-Signature` header, `t=<unix seconds>,v1=<lowercase hex>`.
//!
//! # Protocol
//!
//! Source, unless a line says otherwise: `dist/events/webhook` of @molroo-ai/sdk 0.3.1.
//!
//! - Signed are the timestamp in decimal, a full stop and the raw body, with HMAC-SHA256.
//! - The key is the secret as it stands, in UTF-8, with nothing stripped: a `whsec_` belongs to it.
//! - The secret is the caller's own text, given when the webhook is registered.
//! - The SDK sends one `v1`. Several, while a secret is being rotated, are ours; Stripe's libraries, which accept
//!   this header, accept that too.
//! - The SDK signs once and repeats the header on every attempt. Ours: each attempt is signed afresh, so that the
//!   timestamp stays inside the receiver's tolerance.
//!
//! ```
//! use posthouse_sign::molroo::{MOLROO_TOLERANCE_S, MolrooKey, signature_header, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = MolrooKey::parse("whsec_demo_molroo")?;
//! let (timestamp_s, body) = (1_767_225_600, br#"{"type":"stage_transition"}"#);
//! let header = signature_header(&[&key], timestamp_s, body);
//! assert!(header.starts_with("t=1767225600,v1="));
//! verify(&[&key], &header, body, timestamp_s + 2, MOLROO_TOLERANCE_S)?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::encode::secret_hex;
use crate::mac::MacKey;
use crate::timestamped;

pub use crate::timestamped::VerifyError;

/// How far a timestamp may be from now, in seconds, where nothing else was agreed.
///
/// Ours: nothing is published; five minutes, as with the other schemes.
pub const MOLROO_TOLERANCE_S: u32 = 300;

/// How many characters a secret has at least. Ours: nothing is published.
pub const MOLROO_SECRET_CHARACTERS_MIN: usize = 8;

/// How many characters a secret has at most. Ours: nothing is published.
pub const MOLROO_SECRET_CHARACTERS_MAX: usize = 256;

const GENERATED_PREFIX: &str = "whsec_";

/// A shared secret, with its key schedule computed once. Wiped when dropped.
#[derive(Clone)]
pub struct MolrooKey {
    mac: MacKey,
}

impl MolrooKey {
    /// Takes a secret of 8 to 256 characters, none of them a control character (ours: nothing is published).
    ///
    /// A line break at the end would be a slip of whoever copied the secret; and HMAC fills a short key up with
    /// NULs, so that secrets which differ in NULs at their end would be one.
    pub fn parse(text: &str) -> Result<Self, MolrooKeyError> {
        match text.chars().take(MOLROO_SECRET_CHARACTERS_MAX + 1).count() {
            characters @ 0..MOLROO_SECRET_CHARACTERS_MIN => Err(MolrooKeyError::TooShort { characters }),
            MOLROO_SECRET_CHARACTERS_MIN..=MOLROO_SECRET_CHARACTERS_MAX => {
                if text.contains(char::is_control) {
                    return Err(MolrooKeyError::ControlCharacter);
                }
                Ok(Self { mac: MacKey::new(text.as_bytes()) })
            }
            _ => Err(MolrooKeyError::TooLong),
        }
    }
}

impl fmt::Debug for MolrooKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MolrooKey").finish_non_exhaustive()
    }
}

/// What is wrong with the text of a secret. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MolrooKeyError {
    /// The secret has fewer than [`MOLROO_SECRET_CHARACTERS_MIN`] characters.
    #[error("the secret has {characters} characters, fewer than {MOLROO_SECRET_CHARACTERS_MIN}")]
    TooShort {
        /// How many characters it has.
        characters: usize,
    },
    /// The secret has more than [`MOLROO_SECRET_CHARACTERS_MAX`] characters.
    #[error("the secret has more than {MOLROO_SECRET_CHARACTERS_MAX} characters")]
    TooLong,
    /// The secret has a control character, such as a line break.
    #[error("the secret has a control character")]
    ControlCharacter,
}

/// A new secret out of 32 bytes from a cryptographic random generator: `whsec_` and 64 hex digits, the form of the
/// documentation's example. Wiped when dropped.
pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
    secret_hex(GENERATED_PREFIX, Zeroizing::new(random).as_slice())
}

/// The value of the `X-Molroo-Signature` header: the timestamp (unix seconds) and one `v1` for each key, in the
/// order given. Empty if there are no keys.
///
/// Give the current key first, for receivers that look no further than the first signature.
pub fn signature_header(keys: &[&MolrooKey], timestamp_s: i64, body: &[u8]) -> String {
    timestamped::signature_header(keys.iter().map(|key| &key.mac), timestamp_s, body)
}

/// Checks that one of `keys` signed `body` at the time the header says, and that this is at most `tolerance_s` away
/// from `now_s` (unix seconds), either way.
///
/// No more than 16 signatures of one header are checked.
pub fn verify(
    keys: &[&MolrooKey],
    header: &str,
    body: &[u8],
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), VerifyError> {
    timestamped::verify(keys.iter().map(|key| &key.mac), header, body, now_s, tolerance_s)
}
