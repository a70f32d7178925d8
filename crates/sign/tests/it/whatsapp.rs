//! The WhatsApp Gateway's signature over the body alone.

use posthouse_sign::whatsapp::{VerifyError, WHATSAPP_ALGORITHM, WhatsappKey, signature, verify};
use proptest::collection::vec;
use proptest::prelude::{Strategy as _, any, prop_assert_eq, proptest};
use proptest::sample::Index;

use crate::support::BODY;

fn key(secret: &str) -> WhatsappKey {
    WhatsappKey::parse(secret).unwrap()
}

#[test]
fn the_algorithm_has_the_name_receivers_look_for() {
    assert_eq!(WHATSAPP_ALGORITHM, "sha512");
}

#[test]
fn malformed_signatures_are_refused() {
    let key = key("my-secret-key");
    let good = signature(&key, BODY);
    assert_eq!(good.len(), 128);
    assert_eq!(verify(&[&key], &good, BODY), Ok(()));
    for malformed in [
        String::new(),
        good.to_uppercase(),
        format!("sha512={good}"),
        format!("{good}\n"),
        format!(" {}", &good[1..]),
        good[..126].to_owned(),
        good.clone() + "00",
        "é".repeat(64),
    ] {
        let checked = verify(&[&key], &malformed, BODY);
        assert_eq!(checked, Err(VerifyError::MalformedSignature), "{malformed:?}");
    }
}

#[test]
fn a_receiver_may_hold_two_keys() {
    let (new, old) = (key("new"), key("old"));
    for signer in [&new, &old] {
        assert_eq!(verify(&[&new, &old], &signature(signer, BODY), BODY), Ok(()));
    }
    assert_eq!(verify(&[&new], &signature(&old, BODY), BODY), Err(VerifyError::NoMatch));
    assert_eq!(verify(&[], &signature(&old, BODY), BODY), Err(VerifyError::NoMatch));
}

const ANY_SECRET: &str = "[^\\p{Cc}]{1,250}";

proptest! {
    #[test]
    fn what_is_signed_verifies(secret in ANY_SECRET, body in vec(any::<u8>(), 0..300)) {
        let key = key(&secret);
        prop_assert_eq!(verify(&[&key], &signature(&key, &body), &body), Ok(()));
    }

    #[test]
    fn a_changed_body_signature_or_key_does_not(
        (secret, other) in (ANY_SECRET, ANY_SECRET).prop_filter("two keys", |(left, right)| left != right),
        body in vec(any::<u8>(), 1..300),
        (at, digit_at) in (any::<Index>(), any::<Index>()),
        change in 1..=u8::MAX,
    ) {
        let refused = Err(VerifyError::NoMatch);
        let (key, other) = (key(&secret), key(&other));
        let good = signature(&key, &body);
        prop_assert_eq!(verify(&[&other], &good, &body), refused);

        let digit_at = digit_at.index(good.len());
        let digit = if good[digit_at..].starts_with('0') { "1" } else { "0" };
        let mut changed = good.clone();
        changed.replace_range(digit_at..=digit_at, digit);
        prop_assert_eq!(verify(&[&key], &changed, &body), refused);

        let mut tampered = body;
        let at = at.index(tampered.len());
        tampered[at] ^= change;
        prop_assert_eq!(verify(&[&key], &good, &tampered), refused);
    }

    #[test]
    fn any_signature_gets_an_answer(text in "[0-9a-f]{128}|.*") {
        prop_assert_eq!(verify(&[&key("my-secret-key")], &text, BODY).is_err(), true);
    }
}
