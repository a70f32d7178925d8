//! Standard Webhooks signatures, written a second time so that the raw limit pays for signing and the gateway's
//! signatures are checked by code that is not the gateway's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Context, Error, Result};
use crate::sink::Sample;

const SECRET_PREFIX: &str = "whsec_";

/// A key with its schedule computed.
#[derive(Clone)]
pub struct Signer {
    keyed: Hmac<Sha256>,
}

impl Signer {
    /// From the bytes of a secret.
    pub fn new(key: &[u8]) -> Result<Self> {
        Ok(Self { keyed: Hmac::new_from_slice(key).context("signing key")? })
    }

    /// From a secret as the API shows it.
    pub fn from_secret(secret: &str) -> Result<Self> {
        let text = secret.strip_prefix(SECRET_PREFIX).context("secret without whsec_")?;
        Self::new(&STANDARD.decode(text).context("secret is not base64")?)
    }

    /// `v1,<base64>` over id, timestamp and body.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        let mut signature = String::from("v1,");
        STANDARD.encode_string(mac.finalize().into_bytes(), &mut signature);
        signature
    }

    /// Fails unless one of the request's signatures is ours.
    pub fn check(&self, sample: &Sample) -> Result<()> {
        let header = |name: &str| {
            let value = sample.headers.get(name).with_name(name)?;
            value.to_str().context(format!("header {name}"))
        };
        let expected = self.sign(header("webhook-id")?, header("webhook-timestamp")?, &sample.body);
        let found = header("webhook-signature")?;
        if found.split(' ').any(|signature| signature == expected) {
            return Ok(());
        }
        Err(Error::new(format!("delivered with signature {found}, expected {expected}")))
    }
}

trait WithName<T> {
    fn with_name(self, name: &str) -> Result<T>;
}

impl<T> WithName<T> for Option<T> {
    fn with_name(self, name: &str) -> Result<T> {
        self.context(format!("delivered without header {name}"))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::Signer;
    use crate::sink::Sample;

    // The example of the Standard Webhooks specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_example_holds() {
        let signer = Signer::from_secret(SECRET).unwrap();
        assert_eq!(signer.sign(ID, TIMESTAMP, BODY.as_bytes()), SIGNATURE);

        let mut headers = HeaderMap::new();
        for (name, value) in
            [("webhook-id", ID), ("webhook-timestamp", TIMESTAMP), ("webhook-signature", SIGNATURE)]
        {
            headers.insert(name, value.parse().unwrap());
        }
        let genuine = Sample { headers: headers.clone(), body: Bytes::from_static(BODY.as_bytes()) };
        signer.check(&genuine).unwrap();
        assert!(signer.check(&Sample { headers, body: Bytes::from_static(b"{}") }).is_err());
    }
}
