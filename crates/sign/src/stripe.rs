//! Stripe's signatures: the `Stripe-Signature` header, `t=<unix seconds>,v1=<lowercase hex>`.
//!
//! # Protocol
//!
//! Source, unless a line says otherwise: Stripe, <https://docs.stripe.com/webhooks/signature>, “Verify webhook
//! signatures manually”, and `webhook/client.go` of stripe-go.
//!
//! - Signed are the timestamp in decimal, a full stop and the raw body, with HMAC-SHA256.
//! - The key is the secret as it stands, with nothing stripped: its `whsec_` belongs to it.
//! - While a secret is being rolled there are several `v1`; in test mode there is a `v0` as well, to be ignored.
//! - Five minutes are the tolerance of Stripe's libraries.
//!
//! ```
//! use posthouse_sign::stripe::{STRIPE_TOLERANCE_S, StripeKey, signature_header, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = StripeKey::parse("whsec_demo")?;
//! let (timestamp_s, body) = (1_767_225_600, br#"{"id":"evt_1","type":"checkout.session.completed"}"#);
//! let header = signature_header(&[&key], timestamp_s, body);
//! assert!(header.starts_with("t=1767225600,v1=504523c1fd7953b9"));
//! verify(&[&key], &header, body, timestamp_s + 2, STRIPE_TOLERANCE_S)?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::encode::secret_hex;
use crate::mac::MacKey;
use crate::timestamped;

pub use crate::timestamped::VerifyError;

/// How far a timestamp may be from now, in seconds: that of Stripe's libraries.
pub const STRIPE_TOLERANCE_S: u32 = 300;

/// How many bytes a secret has at most. Ours: nothing is published.
pub const STRIPE_SECRET_BYTES_MAX: usize = 1024;

const GENERATED_PREFIX: &str = "whsec_";

/// A shared secret, with its key schedule computed once. Wiped when dropped.
#[derive(Clone)]
pub struct StripeKey {
    mac: MacKey,
}

impl StripeKey {
    /// Takes a secret of 1 to 1,024 bytes, no control character among them.
    ///
    /// A line break at the end would be a slip of whoever copied the secret; and HMAC fills a short key up with
    /// NULs, so that secrets which differ in NULs at their end would be one.
    pub fn parse(text: &str) -> Result<Self, StripeKeyError> {
        match text.len() {
            0 => Err(StripeKeyError::Empty),
            1..=STRIPE_SECRET_BYTES_MAX => {
                if text.contains(char::is_control) {
                    return Err(StripeKeyError::ControlCharacter);
                }
                Ok(Self { mac: MacKey::new(text.as_bytes()) })
            }
            _ => Err(StripeKeyError::TooLong),
        }
    }
}

impl fmt::Debug for StripeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeKey").finish_non_exhaustive()
    }
}

/// What is wrong with the text of a secret. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripeKeyError {
    /// There is no secret.
    #[error("the secret is empty")]
    Empty,
    /// The secret has more than [`STRIPE_SECRET_BYTES_MAX`] bytes.
    #[error("the secret has more than {STRIPE_SECRET_BYTES_MAX} bytes")]
    TooLong,
    /// The secret has a control character, such as a line break.
    #[error("the secret has a control character")]
    ControlCharacter,
}

/// A new secret out of 32 bytes from a cryptographic random generator: `whsec_` and 64 hex digits. Stripe makes its
/// own; this is for senders that sign as Stripe does. Wiped when dropped.
pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
    secret_hex(GENERATED_PREFIX, Zeroizing::new(random).as_slice())
}

/// The value of the `Stripe-Signature` header: the timestamp (unix seconds) and one `v1` for each key, in the order
/// given. Empty if there are no keys.
pub fn signature_header(keys: &[&StripeKey], timestamp_s: i64, body: &[u8]) -> String {
    timestamped::signature_header(keys.iter().map(|key| &key.mac), timestamp_s, body)
}

/// Checks that one of `keys` signed `body` at the time the header says, and that this is at most `tolerance_s` away
/// from `now_s` (unix seconds), either way.
///
/// No more than 16 signatures of one header are checked.
pub fn verify(
    keys: &[&StripeKey],
    header: &str,
    body: &[u8],
    now_s: i64,
    tolerance_s: u32,
) -> Result<(), VerifyError> {
    timestamped::verify(keys.iter().map(|key| &key.mac), header, body, now_s, tolerance_s)
}
