//! The tables in `tests/vectors/`: signing gives the signature, and the signature verifies.

use posthouse_sign::molroo::{self, MolrooKey};
use posthouse_sign::sonzai::{self, SonzaiKey};
use posthouse_sign::standard::{StandardKey, StandardRequest, StandardVerifier, VerifyError, verify};
use posthouse_sign::stripe::{self, StripeKey};
use posthouse_sign::whatsapp::{self, WhatsappKey};
use serde_json::Value;

fn text<'a>(vector: &'a Value, member: &str) -> &'a str {
    vector[member].as_str().unwrap_or_else(|| panic!("{member} of {vector}"))
}

#[test]
fn standard_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/standard.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in &vectors {
        let name = text(vector, "name");
        let timestamp_s = vector["timestamp_s"].as_i64().unwrap();
        let timestamp = timestamp_s.to_string();
        let body = text(vector, "body").as_bytes();

        let key = StandardKey::parse(text(vector, "key")).unwrap();
        let signature = key.sign(text(vector, "message_id"), timestamp_s, body);
        assert_eq!(signature, text(vector, "signature"), "{name}");
        assert_eq!(*key.to_text(), text(vector, "key"), "{name}");

        let verifier = StandardVerifier::parse(text(vector, "verifier")).unwrap();
        let request = StandardRequest {
            message_id: text(vector, "message_id"),
            timestamp: &timestamp,
            signatures: text(vector, "signature"),
            body,
        };
        assert_eq!(verify(&[&verifier], &request, timestamp_s, 0), Ok(()), "{name}");
        let other_body = StandardRequest { body: b"other", ..request };
        assert_eq!(verify(&[&verifier], &other_body, timestamp_s, 0), Err(VerifyError::NoMatch), "{name}");
    }
}

#[test]
fn molroo_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/molroo.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in &vectors {
        let name = text(vector, "name");
        let key = MolrooKey::parse(text(vector, "secret")).unwrap();
        let timestamp_s = vector["timestamp_s"].as_i64().unwrap();
        let (body, header) = (text(vector, "body").as_bytes(), text(vector, "header"));
        assert_eq!(molroo::signature_header(&[&key], timestamp_s, body), header, "{name}");
        assert_eq!(molroo::verify(&[&key], header, body, timestamp_s, 0), Ok(()), "{name}");
        let other_body = molroo::verify(&[&key], header, b"other", timestamp_s, 0);
        assert_eq!(other_body, Err(molroo::VerifyError::NoMatch), "{name}");
    }
}

#[test]
fn sonzai_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/sonzai.json")).unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in &vectors {
        let name = text(vector, "name");
        let key = SonzaiKey::parse(text(vector, "secret")).unwrap();
        let timestamp_s = vector["timestamp_s"].as_i64().unwrap();
        let (body, header) = (text(vector, "body").as_bytes(), text(vector, "header"));
        assert_eq!(sonzai::signature_header(&[&key], timestamp_s, body), header, "{name}");
        assert_eq!(sonzai::verify(&[&key], header, body, timestamp_s, 0), Ok(()), "{name}");
        let other_body = sonzai::verify(&[&key], header, b"other", timestamp_s, 0);
        assert_eq!(other_body, Err(sonzai::VerifyError::NoMatch), "{name}");
    }
}

#[test]
fn stripe_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/stripe.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        let name = text(vector, "name");
        let key = StripeKey::parse(text(vector, "secret")).unwrap();
        let timestamp_s = vector["timestamp_s"].as_i64().unwrap();
        let (body, header) = (text(vector, "body").as_bytes(), text(vector, "header"));
        assert_eq!(stripe::signature_header(&[&key], timestamp_s, body), header, "{name}");
        assert_eq!(stripe::verify(&[&key], header, body, timestamp_s, 0), Ok(()), "{name}");
        let other_body = stripe::verify(&[&key], header, b"other", timestamp_s, 0);
        assert_eq!(other_body, Err(stripe::VerifyError::NoMatch), "{name}");
    }
}

#[test]
fn whatsapp_vectors_hold() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/whatsapp.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in &vectors {
        let name = text(vector, "name");
        let key = WhatsappKey::parse(text(vector, "secret")).unwrap();
        let (body, signature) = (text(vector, "body").as_bytes(), text(vector, "signature"));
        assert_eq!(whatsapp::signature(&key, body), signature, "{name}");
        assert_eq!(whatsapp::verify(&[&key], signature, body), Ok(()), "{name}");
        let other_body = whatsapp::verify(&[&key], signature, b"other");
        assert_eq!(other_body, Err(whatsapp::VerifyError::NoMatch), "{name}");
    }
}
