//! Keys and a signed message to start from.

use posthouse_sign::standard::{
    STANDARD_TOLERANCE_S, StandardKey, StandardRequest, StandardSecret, StandardSigningKey, StandardVerifier,
    VerifyError, signature_header, verify,
};

pub(crate) const NOW_S: i64 = 1_767_225_600;
pub(crate) const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
pub(crate) const BODY: &[u8] = br#"{"type":"contact.created"}"#;

pub(crate) fn symmetric(fill: u8) -> StandardKey {
    StandardSecret::generate([fill; 32]).into()
}

pub(crate) fn asymmetric(fill: u8) -> StandardKey {
    StandardSigningKey::from_seed([fill; 32]).into()
}

/// A message as it would be received, owned so that a test can change it.
pub(crate) struct Received {
    pub(crate) message_id: String,
    pub(crate) timestamp: String,
    pub(crate) signatures: String,
    pub(crate) body: Vec<u8>,
}

/// What arrives when `keys` sign the standard message now.
pub(crate) fn signed_by(keys: &[&StandardKey]) -> Received {
    Received {
        message_id: ID.to_owned(),
        timestamp: NOW_S.to_string(),
        signatures: signature_header(keys, ID, NOW_S, BODY),
        body: BODY.to_vec(),
    }
}

impl Received {
    pub(crate) fn check(&self, keys: &[&StandardKey]) -> Result<(), VerifyError> {
        self.check_at(keys, NOW_S)
    }

    pub(crate) fn check_at(&self, keys: &[&StandardKey], now_s: i64) -> Result<(), VerifyError> {
        let verifiers: Vec<StandardVerifier> = keys.iter().map(|key| key.verifier()).collect();
        let verifiers: Vec<&StandardVerifier> = verifiers.iter().collect();
        let request = StandardRequest {
            message_id: &self.message_id,
            timestamp: &self.timestamp,
            signatures: &self.signatures,
            body: &self.body,
        };
        verify(&verifiers, &request, now_s, STANDARD_TOLERANCE_S)
    }
}
