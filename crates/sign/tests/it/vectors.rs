//! The table `tests/vectors/standard.json`: signing gives the signature, and the signature verifies.

use posthouse_sign::standard::{StandardKey, StandardRequest, StandardVerifier, VerifyError, verify};
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
