//! Properties over any id, time, body and key.

use posthouse_sign::standard::{
    StandardKey, StandardRequest, StandardSecret, StandardSigningKey, StandardVerifier, VerifyError,
    signature_header, verify,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

fn any_key() -> impl Strategy<Value = StandardKey> {
    prop_oneof![
        vec(any::<u8>(), 24..=64).prop_map(|bytes| StandardSecret::from_bytes(&bytes).unwrap().into()),
        any::<[u8; 32]>().prop_map(|seed| StandardSigningKey::from_seed(seed).into()),
    ]
}

/// Anything but a full stop.
const ID: &str = "[^.]{1,40}";

fn check(
    key: &StandardKey,
    message_id: &str,
    (timestamp_s, signatures): (i64, &str),
    body: &[u8],
) -> Result<(), VerifyError> {
    let timestamp = timestamp_s.to_string();
    let request = StandardRequest { message_id, timestamp: &timestamp, signatures, body };
    verify(&[&key.verifier()], &request, timestamp_s, 0)
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        keys in vec(any_key(), 1..4),
        id in ID,
        timestamp_s in 0..i64::MAX,
        body in vec(any::<u8>(), 0..300),
    ) {
        let signers: Vec<&StandardKey> = keys.iter().collect();
        let header = signature_header(&signers, &id, timestamp_s, &body);
        let single: Vec<String> = keys.iter().map(|key| key.sign(&id, timestamp_s, &body)).collect();
        prop_assert_eq!(&header, &single.join(" "));
        for key in &keys {
            prop_assert_eq!(check(key, &id, (timestamp_s, &header), &body), Ok(()));
        }
    }

    #[test]
    fn a_flipped_bit_of_the_body_does_not(
        key in any_key(),
        body in vec(any::<u8>(), 1..300),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let signature = key.sign("msg", 1, &body);
        let mut tampered = body;
        let at = at.index(tampered.len());
        tampered[at] ^= 1 << bit;
        prop_assert_eq!(check(&key, "msg", (1, &signature), &tampered), Err(VerifyError::NoMatch));
    }

    #[test]
    fn a_changed_signature_id_time_or_key_does_not(
        (key, other) in (any_key(), any_key()),
        (id, other_id) in (ID, ID).prop_filter("two ids", |(left, right)| left != right),
        timestamp_s in 0..i64::MAX,
        at in any::<Index>(),
        replacement in prop_oneof![Just('A'), Just('B'), Just('/'), Just('='), Just(','), Just('é')],
    ) {
        let signature = key.sign(&id, timestamp_s, b"{}");
        let refused = Err(VerifyError::NoMatch);
        prop_assert_eq!(check(&key, &other_id, (timestamp_s, &signature), b"{}"), refused);
        prop_assert_eq!(check(&key, &id, (timestamp_s + 1, &signature), b"{}"), refused);
        prop_assert_eq!(check(&other, &id, (timestamp_s, &signature), b"{}"), refused);

        let mut characters: Vec<char> = signature.chars().collect();
        let at = at.index(characters.len());
        if characters[at] != replacement {
            characters[at] = replacement;
            let changed: String = characters.into_iter().collect();
            let checked = check(&key, &id, (timestamp_s, &changed), b"{}");
            prop_assert!(checked.is_err(), "accepted {}", changed);
        }
    }

    #[test]
    fn keys_survive_their_text(key in any_key()) {
        let again = StandardKey::parse(&key.to_text()).unwrap();
        prop_assert_eq!(&*again.to_text(), &*key.to_text());
        prop_assert_eq!(again.sign("msg", 1, b"{}"), key.sign("msg", 1, b"{}"));
    }

    #[test]
    fn any_input_gets_an_answer(
        (id, timestamp, header) in (".*", ".*", "(v1a?,[A-Za-z0-9+/=]{0,90} ?|.){0,20}"),
        key_text in "(whsec_|whsk_|whpk_)?.*",
        now_s in any::<i64>(),
        tolerance_s in any::<u32>(),
    ) {
        let key = StandardVerifier::from(StandardSecret::generate([1; 32]));
        let request =
            StandardRequest { message_id: &id, timestamp: &timestamp, signatures: &header, body: b"{}" };
        prop_assert!(verify(&[&key], &request, now_s, tolerance_s).is_err());
        // These may succeed or fail, but not panic.
        drop((StandardKey::parse(&key_text), StandardVerifier::parse(&key_text), StandardSecret::parse(&key_text)));
    }
}
