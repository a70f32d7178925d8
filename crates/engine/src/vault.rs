//! Encryption at rest: XChaCha20-Poly1305 under one master key, each value bound to what it belongs to.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use posthouse_store::Sealed;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The first byte of what is sealed: which scheme. A second scheme would get the next number.
const SCHEME: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals and opens values with the master key.
pub struct Vault {
    cipher: XChaCha20Poly1305,
}

/// A sealed value that does not open: another master key, or damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open; is this the master key it was sealed with?")]
pub struct DoesNotOpen;

impl Vault {
    /// Takes the master key.
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*master_key)) }
    }

    /// Seals `plain` for `context` (what it belongs to: kind and id), without which it does not open: a value
    /// copied to another row is refused.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Sealed {
        // 24 random bytes: so long that they never repeat by chance.
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("encryption fails only for messages of more than 256 GiB");
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        bytes.push(SCHEME);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Sealed(bytes)
    }

    /// Seals a value as JSON.
    pub(crate) fn seal_json<T: Serialize + ?Sized>(&self, context: &str, value: &T) -> Sealed {
        let plain = serde_json::to_vec(value).expect("texts and times always have a JSON form");
        self.seal(context, &Zeroizing::new(plain))
    }

    /// Opens what [`Vault::seal_json`] sealed.
    pub(crate) fn open_json<T: for<'de> Deserialize<'de>>(
        &self,
        context: &str,
        sealed: &Sealed,
    ) -> Result<T, DoesNotOpen> {
        serde_json::from_slice(&self.open(context, sealed)?).map_err(|_| DoesNotOpen)
    }

    /// Opens what [`Vault::seal`] sealed for the same context.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (scheme, rest) = sealed.0.split_first().ok_or(DoesNotOpen)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
        if *scheme != SCHEME {
            return Err(DoesNotOpen);
        }
        let payload = Payload { msg: body, aad: context.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| DoesNotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_key_and_context_unchanged() {
        let vault = Vault::new(&[7; 32]);
        let sealed = vault.seal("endpoint:1", b"whsec_x");
        assert_eq!(vault.open("endpoint:1", &sealed).unwrap().as_slice(), b"whsec_x");
        assert!(!sealed.0.windows(7).any(|window| window == b"whsec_x"));
        assert_eq!(vault.open("endpoint:2", &sealed), Err(DoesNotOpen));
        assert_eq!(Vault::new(&[8; 32]).open("endpoint:1", &sealed), Err(DoesNotOpen));
        for index in 0..sealed.0.len() {
            let mut damaged = sealed.clone();
            damaged.0[index] ^= 1;
            assert_eq!(vault.open("endpoint:1", &damaged), Err(DoesNotOpen), "byte {index}");
        }
        assert_eq!(vault.open("endpoint:1", &Sealed(vec![])), Err(DoesNotOpen));
    }
}
