//! Wire formats: what the API calls them, and how a delivery in each is checked.

use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::payload;
use crate::signature::{Signer, after_prefix, check_body, check_timestamped};
use crate::sink::Sample;

/// The wire format of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Standard Webhooks; the body is the payload.
    Standard,
    /// Molroo's envelope and signature.
    Molroo,
    /// Sonzai's.
    Sonzai,
    /// WhatsApp Gateway's.
    Whatsapp,
    /// tellcasey's envelope, signed as Standard Webhooks say.
    Casey,
}

impl Wire {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Molroo => "molroo",
            Self::Sonzai => "sonzai",
            Self::Whatsapp => "whatsapp",
            Self::Casey => "casey",
        }
    }

    /// Fails unless this is a delivery in this format of one of our payloads, signed with this secret.
    pub fn check(self, secret: &str, sample: &Sample) -> Result<()> {
        self.check_signature(secret, sample).context(self.as_str())?;
        let body: Value = serde_json::from_slice(&sample.body).context("delivered body")?;
        let found = body.pointer(self.number_at()).and_then(Value::as_str).and_then(|text| text.parse().ok());
        // The sink has read the number without reading the JSON, so this also says whether it was right.
        if found.is_some() && found == payload::number(&sample.body) {
            return Ok(());
        }
        Err(Error::new(format!("a delivery by {} without our number: {body}", self.as_str())))
    }

    fn check_signature(self, secret: &str, sample: &Sample) -> Result<()> {
        match self {
            Self::Standard | Self::Casey => Signer::from_secret(secret)?.check(sample),
            Self::Molroo => check_timestamped(sample, "x-molroo-signature", secret.as_bytes()),
            Self::Sonzai => check_timestamped(sample, "sonzai-signature", after_prefix(secret)?.as_bytes()),
            Self::Whatsapp => check_body(sample, secret.as_bytes()),
        }
    }

    fn number_at(self) -> &'static str {
        match self {
            Self::Standard => "/n",
            Self::Whatsapp => "/payload/n",
            Self::Molroo | Self::Sonzai | Self::Casey => "/data/n",
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::Wire;
    use crate::payload::payload;
    use crate::signature::Signer;
    use crate::sink::Sample;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_payload_has_to_be_where_the_format_says() {
        let (bare, envelope) = (payload(3, 64), format!(r#"{{"id":"evt_1","data":{}}}"#, payload(3, 64)));
        Wire::Standard.check(SECRET, &signed(&bare)).unwrap();
        Wire::Casey.check(SECRET, &signed(&envelope)).unwrap();
        assert!(Wire::Standard.check(SECRET, &signed(&envelope)).is_err());
        assert!(Wire::Casey.check(SECRET, &signed(&bare)).is_err());
        assert!(Wire::Molroo.check(SECRET, &signed(&envelope)).is_err(), "signed in another format");
    }

    fn signed(body: &str) -> Sample {
        let signature = Signer::from_secret(SECRET).unwrap().sign("msg_1", "1", body.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", "1".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        Sample { headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }
}
