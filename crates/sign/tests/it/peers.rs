//! Against other implementations: the published `standardwebhooks` crate, and ed25519 over the joined content.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use http::HeaderMap;
use posthouse_sign::standard::{
    STANDARD_TOLERANCE_S, StandardRequest, VerifyError, signature_header, verify,
};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError,
};

use crate::support::{ID, NOW_S, asymmetric, symmetric};

const BODY: &str = r#"{"text":"Zoë sagt „hallo“ 👋🏽 — 你好"}"#;

/// Their verifier reads the clock itself, so its tests need the real time.
fn wall_clock_s() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since_epoch.as_secs()).unwrap()
}

fn headers(timestamp_s: i64, signatures: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_WEBHOOK_ID, ID.parse().unwrap());
    headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp_s.into());
    headers.insert(HEADER_WEBHOOK_SIGNATURE, signatures.parse().unwrap());
    headers
}

#[test]
fn they_verify_what_we_sign() {
    let (current, previous, public) = (symmetric(1), symmetric(2), asymmetric(3));
    let now_s = wall_clock_s();
    let signatures = signature_header(&[&public, &current, &previous], ID, now_s, BODY.as_bytes());
    for key in [&current, &previous] {
        let theirs = Webhook::new(&key.to_text()).unwrap();
        theirs.verify(BODY.as_bytes(), &headers(now_s, &signatures)).unwrap();
    }
    let stranger = Webhook::new(&symmetric(4).to_text()).unwrap();
    let refused = stranger.verify(BODY.as_bytes(), &headers(now_s, &signatures));
    assert!(matches!(refused, Err(WebhookError::InvalidSignature)));
}

#[test]
fn we_verify_what_they_sign() {
    let key = symmetric(1);
    let theirs = Webhook::new(&key.to_text()).unwrap();
    let signatures = theirs.sign(ID, NOW_S, BODY.as_bytes()).unwrap();
    let timestamp = NOW_S.to_string();
    let request = StandardRequest {
        message_id: ID,
        timestamp: &timestamp,
        signatures: &signatures,
        body: BODY.as_bytes(),
    };
    let verifier = key.verifier();
    assert_eq!(verify(&[&verifier], &request, NOW_S, STANDARD_TOLERANCE_S), Ok(()));
    let tampered = StandardRequest { message_id: "msg_other", ..request };
    assert_eq!(verify(&[&verifier], &tampered, NOW_S, STANDARD_TOLERANCE_S), Err(VerifyError::NoMatch));
}

#[test]
fn ed25519_signs_the_joined_content() {
    let plain = SigningKey::from_bytes(&[9; 32]);
    let joined = format!("{ID}.{NOW_S}.{BODY}");
    let expected = plain.sign(joined.as_bytes());
    plain.verifying_key().verify_strict(joined.as_bytes(), &expected).unwrap();

    let signature = asymmetric(9).sign(ID, NOW_S, BODY.as_bytes());
    assert_eq!(signature, format!("v1a,{}", STANDARD.encode(expected.to_bytes())));
}
