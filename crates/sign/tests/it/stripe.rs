//! How Stripe's secret is read; its header is tested with the others of its form.

use posthouse_sign::stripe::{StripeKey, StripeKeyError, generate, signature_header};

use crate::support::{BODY, NOW_S};

#[test]
fn the_prefix_belongs_to_the_key() {
    let sign = |secret: &str| signature_header(&[&StripeKey::parse(secret).unwrap()], NOW_S, BODY);
    assert_ne!(sign("whsec_demo"), sign("demo"));
}

#[test]
fn a_secret_has_1_to_1024_bytes_and_no_control_characters() {
    let refusal = |secret: &str| StripeKey::parse(secret).expect_err("a refused secret");
    assert_eq!(refusal(""), StripeKeyError::Empty);
    assert_eq!(refusal(&"k".repeat(1025)), StripeKeyError::TooLong);
    assert_eq!(refusal(&"é".repeat(513)), StripeKeyError::TooLong);
    for text in ["whsec_demo\n", "\0whsec_demo", "whsec_\u{80}demo"] {
        assert_eq!(refusal(text), StripeKeyError::ControlCharacter, "{text:?}");
    }
    for text in ["k", &"k".repeat(1024), "🔑"] {
        StripeKey::parse(text).unwrap();
    }
}

#[test]
fn generated_secrets_have_the_prefix() {
    let secret = generate([0xa9; 32]);
    assert_eq!(*secret, format!("whsec_{}", "a9".repeat(32)));
    StripeKey::parse(&secret).unwrap();
}

#[test]
fn debug_and_errors_keep_the_secret() {
    assert_eq!(format!("{:?}", StripeKey::parse("hunter2").unwrap()), "StripeKey { .. }");
    let error = StripeKey::parse("hunter2\n").unwrap_err().to_string();
    assert_eq!(error, "the secret has a control character");
}
