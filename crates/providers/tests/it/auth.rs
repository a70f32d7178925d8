//! Request authentication: the vectors, what is no secret, and what we sign ourselves.

use std::slice;

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::auth::{Refused, SECRET_BYTES_MAX, Verifier, new_secret, sign};
use posthouse_types::{AuthMode, SecretText, Timestamp};
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_999);
const BODY: &[u8] = br#"{"type":"contact.created"}"#;

/// Written by `tests/vectors/make_auth.py`.
const VECTORS: [(AuthMode, &str); 12] = [
    (AuthMode::None, include_str!("../vectors/auth/none.json")),
    (AuthMode::StaticHeader, include_str!("../vectors/auth/static_header.json")),
    (AuthMode::Bearer, include_str!("../vectors/auth/bearer.json")),
    (AuthMode::GithubHmacSha256, include_str!("../vectors/auth/github_hmac_sha256.json")),
    (AuthMode::GitlabToken, include_str!("../vectors/auth/gitlab_token.json")),
    (AuthMode::StripeWebhookSignature, include_str!("../vectors/auth/stripe_webhook_signature.json")),
    (AuthMode::LinearWebhookSignature, include_str!("../vectors/auth/linear_webhook_signature.json")),
    (AuthMode::PagerdutyV2Signature, include_str!("../vectors/auth/pagerduty_v2_signature.json")),
    (AuthMode::SentryWebhookSignature, include_str!("../vectors/auth/sentry_webhook_signature.json")),
    (AuthMode::StandardWebhooks, include_str!("../vectors/auth/standard_webhooks.json")),
    (AuthMode::SlackSignature, include_str!("../vectors/auth/slack_signature.json")),
    (AuthMode::ShopifyHmacSha256, include_str!("../vectors/auth/shopify_hmac_sha256.json")),
];

pub(crate) fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

pub(crate) fn header_map(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap_or_else(|| panic!("an array, not {value}")).iter().map(read).collect()
}

/// The body, written out or as a text that is repeated.
fn body(vector: &Value) -> String {
    match &vector["body"] {
        Value::String(body) => body.clone(),
        repeated => {
            let times = repeated["times"].as_u64().unwrap();
            text(&repeated["repeat"]).repeat(times.try_into().unwrap())
        }
    }
}

#[test]
fn vectors_hold() {
    assert_eq!(VECTORS.map(|(mode, _)| mode), AuthMode::ALL);
    for (mode, file) in VECTORS {
        let vectors: Vec<Value> = serde_json::from_str(file).unwrap();
        assert!(vectors.iter().any(|vector| vector["expect"] == "ok"), "{mode}");
        for vector in &vectors {
            let secrets: Vec<SecretText> = list(&vector["secrets"], |one| secret(&text(one)));
            let headers = list(&vector["headers"], |pair| (text(&pair[0]), text(&pair[1])));
            let verifier = Verifier::new(mode, vector["header"].as_str(), &secrets).unwrap();
            let now = Timestamp::from_millis(vector["now_ms"].as_i64().unwrap());
            let checked = verifier.verify(&header_map(&headers), body(vector).as_bytes(), now);
            let said = checked.map_or_else(|refused| refused.to_string(), |()| "ok".to_owned());
            assert_eq!(said, text(&vector["expect"]), "{mode}: {}", vector["name"]);
        }
    }
}

#[test]
fn what_we_sign_verifies_and_nothing_else_does() {
    for &mode in AuthMode::ALL {
        let (ours, other) = (new_secret(mode, [0xa5; 32]), new_secret(mode, [0x5a; 32]));
        let check = |signer: &SecretText, secrets: &[SecretText], header: Option<&str>| {
            let headers = header_map(&sign(mode, header, signer, BODY, NOW));
            Verifier::new(mode, header, secrets).unwrap().verify(&headers, BODY, NOW)
        };
        for header in [None, Some("X-Token")] {
            assert_eq!(check(&ours, slice::from_ref(&ours), header), Ok(()), "{mode}");
            assert_eq!(check(&ours, &[other.clone(), ours.clone()], header), Ok(()), "{mode}");
            if mode != AuthMode::None {
                assert_eq!(check(&other, slice::from_ref(&ours), header), Err(Refused::Mismatch), "{mode}");
                assert_eq!(check(&ours, &[], header), Err(Refused::NoSecret), "{mode}");
            }
        }
    }
}

#[test]
fn signing_gives_lower_case_names_and_nothing_for_a_bad_secret() {
    let pairs = sign(AuthMode::StaticHeader, Some("X-Token"), &secret("s3cr3t"), BODY, NOW);
    assert_eq!(pairs, [("x-token".to_owned(), "s3cr3t".to_owned())]);
    assert_eq!(sign(AuthMode::StandardWebhooks, None, &secret("not base64"), BODY, NOW), []);
    assert_eq!(sign(AuthMode::GithubHmacSha256, None, &secret(""), BODY, NOW), []);
    assert_eq!(sign(AuthMode::None, None, &secret("s3cr3t"), BODY, NOW), []);
}

#[test]
fn secrets_have_bounds_in_every_mode() {
    let long = "k".repeat(SECRET_BYTES_MAX + 1);
    for &mode in AuthMode::ALL.iter().filter(|&&mode| mode != AuthMode::None) {
        let refused =
            |text: &str| Verifier::new(mode, None, &[new_secret(mode, [1; 32]), secret(text)]).is_err();
        for bad in ["", &long, "line break at the end\n", "\0", "a\tb"] {
            assert!(refused(bad), "{mode}: {bad:?}");
        }
        if mode != AuthMode::StandardWebhooks {
            assert!(!refused(&long[1..]), "{mode}: the longest");
        }
        // What a header can not carry can not be sent as a token, but can sign.
        for text in ["schlüssel", " padded "] {
            assert_eq!(
                refused(text),
                mode.is_token() || mode == AuthMode::StandardWebhooks,
                "{mode}: {text:?}"
            );
        }
    }
}

#[test]
fn standard_webhooks_secrets_are_base64() {
    let refused = |text: &str| Verifier::new(AuthMode::StandardWebhooks, None, &[secret(text)]).is_err();
    for good in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert!(!refused(good), "{good}");
    }
    for bad in
        ["whsec_", "whsec_plain text that is not", "not-base64-not-base64-not-base64", "whsec_dG9vIHNob3J0"]
    {
        assert!(refused(bad), "{bad}");
    }
}

#[test]
fn the_header_of_a_static_token_has_to_be_a_name() {
    for bad in ["", "two words", "x:y", "é", "x\n"] {
        assert!(Verifier::new(AuthMode::StaticHeader, Some(bad), &[secret("s3cr3t")]).is_err(), "{bad:?}");
        // Where the mode names the header itself, nobody looks.
        assert!(Verifier::new(AuthMode::Bearer, Some(bad), &[secret("s3cr3t")]).is_ok(), "{bad:?}");
    }
}

#[test]
fn new_secrets_have_the_form_of_their_provider() {
    for &mode in AuthMode::ALL {
        let made = new_secret(mode, [0xff; 32]);
        let wanted = match mode {
            AuthMode::StandardWebhooks => "whsec_//////////////////////////////////////////8=".to_owned(),
            AuthMode::StripeWebhookSignature => format!("whsec_{}", "ff".repeat(32)),
            _ => "ff".repeat(32),
        };
        assert_eq!(made.expose(), wanted, "{mode}");
    }
}

#[test]
fn debug_and_errors_keep_the_secret() {
    for &mode in AuthMode::ALL {
        let verifier = Verifier::new(mode, None, &[new_secret(mode, [0xab; 32])]).unwrap();
        assert!(!format!("{verifier:?}").contains("abab"), "{mode}");
        let error = Verifier::new(mode, None, &[secret("hunter2\n")]).map_err(|error| error.to_string());
        assert!(!format!("{error:?}").contains("hunter"), "{mode}");
    }
}
