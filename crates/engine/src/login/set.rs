//! A JWK set (RFC 7517): which of its keys can check a login, and which one checks this one.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;

/// Keys read of a set; what comes after them is left out.
pub(super) const KEYS_MAX: usize = 100;
/// Bits of the shortest RSA key that is believed (RFC 7518, section 3.3).
const RSA_BITS_MIN: usize = 2048;
/// Bits of the longest one: checking takes longer with each.
const RSA_BITS_MAX: usize = 8192;
/// Bytes of the longest public exponent that `ring` takes.
const RSA_EXPONENT_BYTES_MAX: usize = 5;

/// A public key and what it may be used for.
pub(super) struct Key {
    id: Option<String>,
    /// The algorithms of its type, or the one that it names (RFC 7517, section 4.4).
    algorithms: Vec<Algorithm>,
    pub(super) public: DecodingKey,
}

/// The keys of a set that can check a login.
pub(super) struct KeySet(Vec<Key>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. A key that can not be used (of another type, for encryption, too short) is left out; the others
    /// are not worse for it (RFC 7517, section 5).
    pub(super) fn read(document: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_slice(document)?;
        let listed = document.keys.len();
        let keys: Vec<Key> = document.keys.into_iter().take(KEYS_MAX).filter_map(Key::read).collect();
        if keys.is_empty() {
            tracing::warn!(
                "none of the {listed} keys of the login key set can be used: no login is accepted"
            );
        } else if keys.len() < listed {
            tracing::debug!("{} of the {listed} keys of the login key set are used", keys.len());
        }
        Ok(Self(keys))
    }

    /// True when a key of this name is in the set.
    pub(super) fn names(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The key of this name that signatures of this algorithm are checked with. A name may be left out when there
    /// is one key only.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Key, &'static str> {
        const OTHER: &str = "the login is signed with another algorithm than that of its key";
        let Some(id) = id else {
            return match self.0.as_slice() {
                [only] if only.fits(algorithm) => Ok(only),
                [_] => Err(OTHER),
                _ => Err("the login does not name its key (kid)"),
            };
        };
        if !self.names(id) {
            return Err("the login is signed with a key that is not known, or no longer");
        }
        // Keys of different types may share a name (RFC 7517, section 4.5).
        let mut named = self.0.iter().filter(|key| key.id.as_deref() == Some(id));
        named.find(|key| key.fits(algorithm)).ok_or(OTHER)
    }
}

impl Key {
    /// True when signatures of this algorithm may be checked with this key: the token's word alone does not decide
    /// (RFC 8725, section 3.1).
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Reads one key; `None` when it can not check a login.
    fn read(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let for_checking =
            jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        if !for_signatures || !for_checking {
            return None;
        }
        let mut algorithms = algorithms_of(&jwk.algorithm);
        if let Some(named) = jwk.common.key_algorithm {
            let named = Algorithm::try_from(named).ok()?;
            algorithms.retain(|algorithm| *algorithm == named);
        }
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        let usable = !algorithms.is_empty() && is_well_formed(&public, &algorithms);
        usable.then_some(Self { id: jwk.common.key_id, algorithms, public })
    }
}

/// What keys of a type check (RFC 7518, section 3.1; RFC 8037). Nothing for shared secrets: whoever reads the set
/// could sign with them.
fn algorithms_of(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    }
}

/// True for a key of the right length. Whether it is a key at all shows when it is used: `ring` refuses what is
/// none.
fn is_well_formed(key: &DecodingKey, algorithms: &[Algorithm]) -> bool {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
            (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) && (1..=RSA_EXPONENT_BYTES_MAX).contains(&e.len())
        }
        DecodingKeyKind::SecretOrDer(bytes) => {
            let expected = match algorithms {
                // A byte that says "uncompressed", then both coordinates.
                [Algorithm::ES256] => 1 + 2 * 32,
                [Algorithm::ES384] => 1 + 2 * 48,
                _ => 32,
            };
            bytes.len() == expected
        }
    }
}
