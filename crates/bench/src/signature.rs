//! Signatures of all formats, written a second time so that the raw limit pays for signing and the gateway's
//! signatures are checked by code that is not the gateway's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

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
        Self::new(&STANDARD.decode(after_prefix(secret)?).context("secret is not base64")?)
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

    /// `sha256=<hex>` over the body: what GitHub sends (GitHub, Validating webhook deliveries).
    pub fn sign_hook(&self, body: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        mac.update(body);
        format!("sha256={}", hex(&mac.finalize().into_bytes()))
    }

    /// Fails unless one of the request's signatures is ours.
    pub fn check(&self, sample: &Sample) -> Result<()> {
        let (id, timestamp) = (header(sample, "webhook-id")?, header(sample, "webhook-timestamp")?);
        let expected = self.sign(id, timestamp, &sample.body);
        among(header(sample, "webhook-signature")?, ' ', &expected)
    }
}

/// Fails unless this header, `t=<seconds>,v1=<hex>`, has the HMAC-SHA256 of time and body by this key: what Molroo
/// and Sonzai send.
pub fn check_timestamped(sample: &Sample, name: &str, key: &[u8]) -> Result<()> {
    let found = header(sample, name)?;
    let timestamp = found.split(',').find_map(|part| part.strip_prefix("t="));
    let timestamp = timestamp.context(format!("header {name} without a time: {found}"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).context("signing key")?;
    for part in [timestamp.as_bytes(), b".", &sample.body] {
        mac.update(part);
    }
    among(found, ',', &format!("v1={}", hex(&mac.finalize().into_bytes())))
}

/// Fails unless `X-Webhook-Hmac` is the HMAC-SHA512 of the body by this key: what WhatsApp Gateway sends.
pub fn check_body(sample: &Sample, key: &[u8]) -> Result<()> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).context("signing key")?;
    mac.update(&sample.body);
    among(header(sample, "x-webhook-hmac")?, ',', &hex(&mac.finalize().into_bytes()))
}

/// The text after `whsec_`, with which secrets of several formats begin.
pub fn after_prefix(secret: &str) -> Result<&str> {
    secret.strip_prefix(SECRET_PREFIX).context("secret without whsec_")
}

fn header<'a>(sample: &'a Sample, name: &str) -> Result<&'a str> {
    let value = sample.headers.get(name).context(format!("delivered without header {name}"))?;
    value.to_str().context(format!("header {name}"))
}

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Bytes::copy_from_slice(bytes))
}

fn among(found: &str, separator: char, expected: &str) -> Result<()> {
    if found.split(separator).any(|signature| signature == expected) {
        return Ok(());
    }
    Err(Error::new(format!("delivered with signature {found}, expected {expected}")))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::{Signer, check_body, check_timestamped};
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

        let headers =
            [("webhook-id", ID), ("webhook-timestamp", TIMESTAMP), ("webhook-signature", SIGNATURE)];
        signer.check(&sample(&headers, BODY)).unwrap();
        assert!(signer.check(&sample(&headers, "{}")).is_err());
    }

    #[test]
    fn a_hook_is_signed_as_github_does() {
        // The example of its documentation, "Testing the webhook payload validation".
        let signer = Signer::new(b"It's a Secret to Everybody").unwrap();
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signer.sign_hook(b"Hello, World!"), expected);
    }

    #[test]
    fn a_time_and_a_body_are_signed_together() {
        // Computed with openssl.
        const BODY: &str = r#"{"event_type":"on_wakeup_ready","agent_id":"a1"}"#;
        const SIGNATURE: &str =
            "t=1767225600,v1=5a9fdf846ec0361c360b1cf3ad242a688f5856b937f835467b6bd1151686c8ee";
        let check = |headers: &[(&'static str, &str)], key: &[u8]| {
            check_timestamped(&sample(headers, BODY), "sonzai-signature", key)
        };
        check(&[("sonzai-signature", SIGNATURE)], b"0123456789abcdef").unwrap();
        assert!(check(&[("sonzai-signature", SIGNATURE)], b"whsec_0123456789abcdef").is_err());
        let later = SIGNATURE.replace("t=1767225600", "t=1767225601");
        assert!(check(&[("sonzai-signature", &later)], b"0123456789abcdef").is_err());
        assert!(check(&[], b"0123456789abcdef").is_err());
    }

    #[test]
    fn a_body_is_signed_alone() {
        // The vector that WAHA publishes.
        const BODY: &str = r#"{"event":"message","session":"default","engine":"WEBJS"}"#;
        const SIGNATURE: &str = "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8\
                                 097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89";
        let signed = sample(&[("x-webhook-hmac", SIGNATURE)], BODY);
        check_body(&signed, b"my-secret-key").unwrap();
        assert!(check_body(&signed, b"your-secret-key").is_err());
    }

    fn sample(headers: &[(&'static str, &str)], body: &str) -> Sample {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Sample { headers: map, body: Bytes::copy_from_slice(body.as_bytes()) }
    }
}
