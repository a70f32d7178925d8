//! The keys of Standard Webhooks: read from text, written as text, signing and checking one message.
//!
//! # Protocol
//!
//! Source: the specification's table of signature schemes, row “secret serialization”: `whsec_` and base64 of 24 to
//! 64 random bytes; `whsk_` and `whpk_` and base64 for an ed25519 pair. It does not say which bytes stand for an
//! ed25519 secret key. Svix, where the scheme comes from, writes 64 of them, the seed and then the public key
//! (svix-server, `EndpointSecret` and its tests): we write that too, and also read the seed alone (32 bytes).

use std::fmt;

use ed25519_dalek::ed25519::signature::{MultipartSigner as _, MultipartVerifier as _};
use ed25519_dalek::{
    KEYPAIR_LENGTH, PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH, Signature, SigningKey, VerifyingKey,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Claims, ED25519_BYTES, HMAC_BYTES, SignedContent};
use crate::encode::{Undecodable, base64_length, decode_base64, equal, push_base64, wiped_on_drop};

const SECRET_PREFIX: &str = "whsec_";
const SIGNING_KEY_PREFIX: &str = "whsk_";
const VERIFYING_KEY_PREFIX: &str = "whpk_";

const HMAC_VERSION: &str = "v1,";
const ED25519_VERSION: &str = "v1a,";

const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

/// A key that signs, of either kind; its text says by its prefix which.
#[derive(Clone, Debug)]
pub enum StandardKey {
    /// `whsec_…`: HMAC-SHA256, signatures `v1,…`. The receiver holds the same secret.
    Symmetric(StandardSecret),
    /// `whsk_…`: ed25519, signatures `v1a,…`. The receiver holds the public key.
    Asymmetric(StandardSigningKey),
}

impl StandardKey {
    /// Reads `whsec_…` or `whsk_…`. The prefix is required, since it chooses the scheme; a secret without one can
    /// be read with [`StandardSecret::parse`].
    pub fn parse(text: &str) -> Result<Self, StandardKeyError> {
        if text.starts_with(SECRET_PREFIX) {
            StandardSecret::parse(text).map(Self::Symmetric)
        } else if text.starts_with(SIGNING_KEY_PREFIX) {
            StandardSigningKey::parse(text).map(Self::Asymmetric)
        } else {
            Err(StandardKeyError::Prefix { expected: "whsec_ or whsk_" })
        }
    }

    /// The key as text, from which [`StandardKey::parse`] makes it again. Wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        match self {
            Self::Symmetric(secret) => secret.to_text(),
            Self::Asymmetric(key) => key.to_text(),
        }
    }

    /// What checks the signatures of this key: the same secret, or the public key.
    pub fn verifier(&self) -> StandardVerifier {
        match self {
            Self::Symmetric(secret) => StandardVerifier::Symmetric(secret.clone()),
            Self::Asymmetric(key) => StandardVerifier::Asymmetric(key.verifying_key()),
        }
    }

    /// One signature: `v1,…` or `v1a,…`. For the header of several keys see [`super::signature_header`].
    pub fn sign(&self, message_id: &str, timestamp_s: i64, body: &[u8]) -> String {
        super::signature_header(&[self], message_id, timestamp_s, body)
    }

    pub(super) const fn signature_length(&self) -> usize {
        match self {
            Self::Symmetric(_) => HMAC_VERSION.len() + base64_length(HMAC_BYTES),
            Self::Asymmetric(_) => ED25519_VERSION.len() + base64_length(ED25519_BYTES),
        }
    }

    pub(super) fn sign_into(&self, content: &SignedContent<'_>, out: &mut String) {
        match self {
            Self::Symmetric(secret) => {
                out.push_str(HMAC_VERSION);
                push_base64(out, &secret.mac(content));
            }
            Self::Asymmetric(key) => {
                out.push_str(ED25519_VERSION);
                push_base64(out, &key.signature(content));
            }
        }
    }
}

impl From<StandardSecret> for StandardKey {
    fn from(secret: StandardSecret) -> Self {
        Self::Symmetric(secret)
    }
}

impl From<StandardSigningKey> for StandardKey {
    fn from(key: StandardSigningKey) -> Self {
        Self::Asymmetric(key)
    }
}

/// A key that checks, of either kind.
#[derive(Clone, Debug)]
pub enum StandardVerifier {
    /// `whsec_…`: checks `v1` signatures.
    Symmetric(StandardSecret),
    /// `whpk_…`: checks `v1a` signatures.
    Asymmetric(StandardVerifyingKey),
}

impl StandardVerifier {
    /// Reads `whsec_…` or `whpk_…`. The prefix is required, since it chooses the scheme. A `whsk_` key is refused:
    /// who only checks has no use for it and should not have it.
    pub fn parse(text: &str) -> Result<Self, StandardKeyError> {
        if text.starts_with(SECRET_PREFIX) {
            StandardSecret::parse(text).map(Self::Symmetric)
        } else if text.starts_with(VERIFYING_KEY_PREFIX) {
            StandardVerifyingKey::parse(text).map(Self::Asymmetric)
        } else {
            Err(StandardKeyError::Prefix { expected: "whsec_ or whpk_" })
        }
    }

    /// Whether one of the claimed signatures of this key's version is over the content.
    pub(super) fn accepts(&self, content: &SignedContent<'_>, claims: &Claims) -> bool {
        match self {
            Self::Symmetric(_) if claims.hmac.is_empty() => false,
            Self::Symmetric(secret) => {
                let expected = secret.mac(content);
                claims.hmac.iter().any(|claimed| equal(claimed, &expected))
            }
            Self::Asymmetric(key) => claims.ed25519.iter().any(|claimed| key.accepts(content, claimed)),
        }
    }
}

impl From<StandardSecret> for StandardVerifier {
    fn from(secret: StandardSecret) -> Self {
        Self::Symmetric(secret)
    }
}

impl From<StandardVerifyingKey> for StandardVerifier {
    fn from(key: StandardVerifyingKey) -> Self {
        Self::Asymmetric(key)
    }
}

/// A shared secret for HMAC-SHA256, with its key schedule computed once. Wiped when dropped.
#[derive(Clone)]
pub struct StandardSecret {
    bytes: Zeroizing<Box<[u8]>>,
    schedule: Hmac<Sha256>,
}

/// The key schedule is as good as the key: it is two states of SHA-256, and this holds the features in place that
/// wipe those. (`Hmac` has nothing else in it, and does not carry the marker itself.)
const _: () = wiped_on_drop::<Sha256>();

impl StandardSecret {
    /// Reads `whsec_` and base64 of 24 to 64 bytes. The prefix may be missing, as the specification's libraries
    /// allow; base64 must be the standard one with its padding, since some of them decode nothing else.
    pub fn parse(text: &str) -> Result<Self, StandardKeyError> {
        if text.starts_with(SIGNING_KEY_PREFIX) || text.starts_with(VERIFYING_KEY_PREFIX) {
            return Err(StandardKeyError::Prefix { expected: SECRET_PREFIX });
        }
        let text = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let mut bytes = Zeroizing::new([0; SECRET_BYTES_MAX]);
        match decode_base64(text, bytes.as_mut_slice()) {
            Ok(len_bytes) => Self::from_bytes(&bytes[..len_bytes]),
            Err(Undecodable::NotBase64) => Err(StandardKeyError::NotBase64),
            Err(Undecodable::TooLong) => Err(StandardKeyError::SecretTooLong),
        }
    }

    /// Takes the 24 to 64 bytes of the secret themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StandardKeyError> {
        match bytes.len() {
            len_bytes @ 0..SECRET_BYTES_MIN => Err(StandardKeyError::SecretTooShort { len_bytes }),
            SECRET_BYTES_MIN..=SECRET_BYTES_MAX => Ok(Self::with_key(bytes)),
            _ => Err(StandardKeyError::SecretTooLong),
        }
    }

    /// A new secret out of 32 bytes from a cryptographic random generator.
    pub fn generate(random: [u8; 32]) -> Self {
        Self::with_key(Zeroizing::new(random).as_slice())
    }

    /// The secret as `whsec_…`. Wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        secret_text(SECRET_PREFIX, &self.bytes)
    }

    fn with_key(bytes: &[u8]) -> Self {
        let schedule = Hmac::new_from_slice(bytes).expect("HMAC accepts keys of any length");
        Self { bytes: Zeroizing::new(bytes.into()), schedule }
    }

    fn mac(&self, content: &SignedContent<'_>) -> [u8; HMAC_BYTES] {
        let mut mac = self.schedule.clone();
        for part in content.parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for StandardSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardSecret").finish_non_exhaustive()
    }
}

/// An ed25519 secret key. Wiped when dropped.
#[derive(Clone)]
pub struct StandardSigningKey {
    key: SigningKey,
}

impl StandardSigningKey {
    /// Reads `whsk_` and base64 of the seed and the public key (64 bytes, refused if they are not a pair), or of
    /// the seed alone (32 bytes).
    pub fn parse(text: &str) -> Result<Self, StandardKeyError> {
        let mut bytes = Zeroizing::new([0; KEYPAIR_LENGTH]);
        let len_bytes = decode_key(text, SIGNING_KEY_PREFIX, bytes.as_mut_slice())?;
        if len_bytes == KEYPAIR_LENGTH {
            let key = SigningKey::from_keypair_bytes(&bytes).map_err(|_| StandardKeyError::NotAPair)?;
            return Ok(Self { key });
        }
        match <&[u8; SECRET_KEY_LENGTH]>::try_from(&bytes[..len_bytes]) {
            Ok(seed) => Ok(Self { key: SigningKey::from_bytes(seed) }),
            Err(_) => Err(StandardKeyError::KeyLength),
        }
    }

    /// The key of a seed: 32 bytes from a cryptographic random generator.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(&Zeroizing::new(seed)) }
    }

    /// The secret key as `whsk_…`, 64 bytes. Wiped when dropped.
    pub fn to_text(&self) -> Zeroizing<String> {
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        secret_text(SIGNING_KEY_PREFIX, pair.as_slice())
    }

    /// The public key as `whpk_…`, for the receiver.
    pub fn public_text(&self) -> String {
        self.verifying_key().to_text()
    }

    /// The public key.
    pub fn verifying_key(&self) -> StandardVerifyingKey {
        StandardVerifyingKey { key: self.key.verifying_key() }
    }

    fn signature(&self, content: &SignedContent<'_>) -> [u8; ED25519_BYTES] {
        self.key.multipart_sign(&content.parts).to_bytes()
    }
}

impl fmt::Debug for StandardSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardSigningKey").field("public", &self.public_text()).finish_non_exhaustive()
    }
}

/// An ed25519 public key.
#[derive(Clone, PartialEq, Eq)]
pub struct StandardVerifyingKey {
    key: VerifyingKey,
}

impl StandardVerifyingKey {
    /// Reads `whpk_` and base64 of the 32 bytes of the key. Points of small order are refused: anyone can make
    /// signatures that fit them. With those out, the plain check of RFC 8032 is enough for each signature.
    pub fn parse(text: &str) -> Result<Self, StandardKeyError> {
        let mut bytes = [0; PUBLIC_KEY_LENGTH];
        let len_bytes = decode_key(text, VERIFYING_KEY_PREFIX, &mut bytes)?;
        if len_bytes != PUBLIC_KEY_LENGTH {
            return Err(StandardKeyError::KeyLength);
        }
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self { key }),
            _ => Err(StandardKeyError::NotAPublicKey),
        }
    }

    /// The key as `whpk_…`.
    pub fn to_text(&self) -> String {
        let mut text = VERIFYING_KEY_PREFIX.to_owned();
        push_base64(&mut text, self.key.as_bytes());
        text
    }

    fn accepts(&self, content: &SignedContent<'_>, claimed: &[u8; ED25519_BYTES]) -> bool {
        self.key.multipart_verify(&content.parts, &Signature::from_bytes(claimed)).is_ok()
    }
}

impl fmt::Debug for StandardVerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StandardVerifyingKey").field(&self.to_text()).finish()
    }
}

/// What is wrong with the text of a key. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandardKeyError {
    /// The text does not start with the prefix of this kind of key.
    #[error("the key has to start with {expected}")]
    Prefix {
        /// The prefix or prefixes that would have been right.
        expected: &'static str,
    },
    /// What follows the prefix is not base64 (standard alphabet, with padding).
    #[error("the key is not valid base64")]
    NotBase64,
    /// The secret has fewer than 24 bytes.
    #[error("the secret has {len_bytes} bytes, fewer than {SECRET_BYTES_MIN}")]
    SecretTooShort {
        /// How many bytes it has.
        len_bytes: usize,
    },
    /// The secret has more than 64 bytes.
    #[error("the secret has more than {SECRET_BYTES_MAX} bytes")]
    SecretTooLong,
    /// The ed25519 key does not have 32 bytes (or 64, if secret).
    #[error("the ed25519 key has the wrong number of bytes")]
    KeyLength,
    /// The two halves of a secret ed25519 key do not belong together.
    #[error("the public half of the ed25519 key does not belong to its secret half")]
    NotAPair,
    /// The bytes are no ed25519 public key, or one that protects nothing.
    #[error("the bytes are not a usable ed25519 public key")]
    NotAPublicKey,
}

/// Decodes an ed25519 key after its prefix into `out` and returns the number of bytes.
fn decode_key(text: &str, prefix: &'static str, out: &mut [u8]) -> Result<usize, StandardKeyError> {
    let text = text.strip_prefix(prefix).ok_or(StandardKeyError::Prefix { expected: prefix })?;
    decode_base64(text, out).map_err(|error| match error {
        Undecodable::NotBase64 => StandardKeyError::NotBase64,
        Undecodable::TooLong => StandardKeyError::KeyLength,
    })
}

/// Prefix and base64 in a string that never grows, so that no half-written copy stays behind.
fn secret_text(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + base64_length(bytes.len())));
    text.push_str(prefix);
    push_base64(&mut text, bytes);
    text
}
