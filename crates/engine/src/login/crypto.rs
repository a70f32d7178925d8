//! Signatures for `jsonwebtoken`: checked by `ring`, which TLS has brought along already. Its own choices are a
//! second C library or two dozen crates more.
//!
//! Nothing is signed, and nothing keyed with a shared secret (HS256 …) is checked: with those out of reach, a
//! public key can not be taken for a secret (RFC 8725, sections 2.1 and 3.1).

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
    // For making JWKs out of keys, which nobody here does.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `ring` what `jsonwebtoken` checks signatures with, once per process.
pub(super) fn install() {
    // It is installed already when there is more than one of `Logins`.
    PROVIDER.install_default().ok();
}

/// How `ring` checks an algorithm of RFC 7518, section 3.1, or RFC 8037.
#[derive(Clone, Copy)]
enum Check {
    /// By modulus and exponent; refuses keys under 2,048 bits.
    Rsa(&'static RsaParameters),
    /// By the key's bytes.
    Curve(&'static dyn VerificationAlgorithm),
}

fn check_of(algorithm: Algorithm) -> Option<Check> {
    Some(match algorithm {
        Algorithm::RS256 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Check::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Check::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Check::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Check::Curve(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Check::Curve(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Check::Curve(&ED25519),
        _ => return None,
    })
}

/// True for the algorithms that signatures are checked of.
pub(super) fn is_accepted(algorithm: Algorithm) -> bool {
    check_of(algorithm).is_some()
}

/// One key and how signatures by it are checked.
struct RingVerifier {
    algorithm: Algorithm,
    check: Check,
    key: DecodingKey,
}

impl RingVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let check = check_of(algorithm).ok_or_else(|| new_error(ErrorKind::UnsupportedAlgorithm))?;
        if key.family() != algorithm.family() {
            return Err(new_error(ErrorKind::InvalidKeyFormat));
        }
        Ok(Self { algorithm, check, key: key.clone() })
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let verified = match (self.check, self.key.kind()) {
            (Check::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, given)
            }
            (Check::Curve(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(algorithm, key).verify(message, given)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, crypto};

    use super::*;

    fn verify(token: &str, key: &DecodingKey, algorithm: Algorithm) -> bool {
        install();
        let (message, given) = token.rsplit_once('.').unwrap();
        crypto::verify(given, message.as_bytes(), key, algorithm).unwrap()
    }

    /// RFC 7515, appendices A.2 and A.3; RFC 8037, appendix A.4.
    #[test]
    fn the_examples_of_the_rfcs_verify() {
        let claims =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let rs256 = format!(
            "eyJhbGciOiJSUzI1NiJ9.{claims}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7\
             AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5\
             h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ\
             1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
        let jwk: serde_json::Value =
            serde_json::from_str(include_str!("tests/rfc7515_a2.json")).expect("a JWK");
        let rsa =
            DecodingKey::from_rsa_components(jwk["n"].as_str().unwrap(), jwk["e"].as_str().unwrap()).unwrap();
        assert!(verify(&rs256, &rsa, Algorithm::RS256));
        assert!(!verify(&rs256.replace(".eyJpc3", ".eyJpc2"), &rsa, Algorithm::RS256));
        assert!(!verify(&rs256, &rsa, Algorithm::RS512));
        assert!(!verify(&rs256, &rsa, Algorithm::PS256));

        let es256 = format!(
            "eyJhbGciOiJFUzI1NiJ9.{claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA\
             pmWQxfKTUJqPP3-Kg6NU1Q"
        );
        let p256 = DecodingKey::from_ec_components(
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        )
        .unwrap();
        assert!(verify(&es256, &p256, Algorithm::ES256));
        assert!(!verify(&es256, &p256, Algorithm::ES384));

        let eddsa = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg\
                     3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let ed25519 = DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert!(verify(eddsa, &ed25519, Algorithm::EdDSA));
    }

    #[test]
    fn nothing_is_signed_and_no_secret_is_a_key() {
        install();
        let secret = DecodingKey::from_secret(&[7; 64]);
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(!is_accepted(algorithm));
            assert!(crypto::verify("AAAA", b"message", &secret, algorithm).is_err());
            assert!(crypto::sign(b"message", &EncodingKey::from_secret(&[7; 64]), algorithm).is_err());
        }
        // A key of another family is refused before it is looked at.
        assert!(crypto::verify("AAAA", b"message", &secret, Algorithm::EdDSA).is_err());
        // A key in a form that no JWK has is never believed.
        assert!(!verify("message.AAAA", &DecodingKey::from_rsa_der(&[0; 64]), Algorithm::RS256));
    }
}
