//! HMAC-SHA256 as such: a key made of bytes, a tag over bytes, and comparing the two. Knows no header.
//!
//! Most providers sign the raw body with the text of a secret and differ only in what surrounds the tag: a header's
//! name, a prefix, hex or base64. For those, a row of a table says the rest, and this does the work. Schemes that
//! read their secret in a way of their own have a module of their own.
//!
//! ```
//! use posthouse_sign::mac::{MacKey, Tag};
//!
//! // GitHub's published example (Validating webhook deliveries).
//! let key = MacKey::new(b"It's a Secret to Everybody");
//! let claimed = Tag::from_hex("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
//! assert!(claimed.is_some_and(|claimed| key.tag([b"Hello, World!".as_slice()]).equals(&claimed)));
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::encode::{
    base64_length, decode_base64, decode_hex, equal, hex_length, push_base64, push_hex, secret_hex,
    wiped_on_drop,
};

/// Length of a tag, in bytes.
pub const MAC_BYTES: usize = 32;

/// A key for HMAC-SHA256 as its key schedule, computed once. Wiped when dropped.
#[derive(Clone)]
pub struct MacKey {
    schedule: Hmac<Sha256>,
}

/// The key schedule is as good as the key: it is two states of SHA-256, and this holds the features in place that
/// wipe those. (`Hmac` has nothing else in it, and does not carry the marker itself.)
const _: () = wiped_on_drop::<Sha256>();

impl MacKey {
    /// Takes the bytes of the key themselves, any number of them: what is too short to be a secret is for the scheme
    /// to say.
    pub fn new(key: &[u8]) -> Self {
        Self { schedule: Hmac::new_from_slice(key).expect("HMAC accepts keys of any length") }
    }

    /// The tag over these parts, one behind the other.
    pub fn tag<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Tag {
        let mut mac = self.schedule.clone();
        for part in parts {
            mac.update(part);
        }
        Tag(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").finish_non_exhaustive()
    }
}

/// A tag, computed or claimed. Has no `==`, which would compare in a time that tells how far two of them agree.
#[derive(Clone, Copy, Debug)]
pub struct Tag([u8; MAC_BYTES]);

impl Tag {
    /// Reads 64 hex digits of either case.
    pub fn from_hex(text: &str) -> Option<Self> {
        decode_hex(text).map(Self)
    }

    /// Reads 32 bytes as padded standard base64.
    pub fn from_base64(text: &str) -> Option<Self> {
        let mut bytes = [0; MAC_BYTES];
        (decode_base64(text, &mut bytes) == Ok(MAC_BYTES)).then_some(Self(bytes))
    }

    /// Whether the two are the same, in constant time.
    pub fn equals(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }

    /// As lowercase hex.
    pub fn to_hex(&self) -> String {
        let mut text = String::with_capacity(hex_length(MAC_BYTES));
        self.push_hex(&mut text);
        text
    }

    /// As padded standard base64.
    pub fn to_base64(&self) -> String {
        let mut text = String::with_capacity(base64_length(MAC_BYTES));
        push_base64(&mut text, &self.0);
        text
    }

    /// Appends the tag as lowercase hex.
    pub(crate) fn push_hex(&self, out: &mut String) {
        push_hex(out, &self.0);
    }
}

/// A new secret out of 32 bytes from a cryptographic random generator, for providers that take any text: 64 hex
/// digits. Wiped when dropped.
pub fn generate(random: [u8; 32]) -> Zeroizing<String> {
    secret_hex("", Zeroizing::new(random).as_slice())
}
