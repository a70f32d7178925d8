//! Reading and writing keys.

use posthouse_sign::standard::{
    StandardKey, StandardKeyError, StandardSecret, StandardSigningKey, StandardVerifier, StandardVerifyingKey,
};

use crate::support::{BODY, ID, NOW_S};

const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PAIR: &str = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const SEED: &str = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// The error, since a secret has no equality to compare a whole `Result` by.
fn refusal<T: std::fmt::Debug>(result: Result<T, StandardKeyError>) -> StandardKeyError {
    result.expect_err("a refused key")
}

#[test]
fn a_secret_may_come_without_its_prefix() {
    let bare = PUBLISHED.strip_prefix("whsec_").unwrap();
    assert_eq!(*StandardSecret::parse(bare).unwrap().to_text(), PUBLISHED);
    assert_eq!(*StandardSecret::parse(PUBLISHED).unwrap().to_text(), PUBLISHED);
}

#[test]
fn a_secret_has_24_to_64_bytes() {
    let secret = |len_bytes: usize| StandardSecret::from_bytes(&vec![7; len_bytes]);
    assert_eq!(refusal(secret(0)), StandardKeyError::SecretTooShort { len_bytes: 0 });
    assert_eq!(refusal(secret(23)), StandardKeyError::SecretTooShort { len_bytes: 23 });
    assert_eq!(refusal(secret(65)), StandardKeyError::SecretTooLong);
    for len_bytes in [24, 25, 26, 32, 63, 64] {
        let text = secret(len_bytes).unwrap().to_text();
        assert_eq!(*StandardSecret::parse(&text).unwrap().to_text(), *text);
    }
    // 23 and 65 bytes as text.
    let short = format!("whsec_{}=", "A".repeat(31));
    assert_eq!(refusal(StandardSecret::parse(&short)), StandardKeyError::SecretTooShort { len_bytes: 23 });
    let long = format!("whsec_{}=", "A".repeat(87));
    assert_eq!(refusal(StandardSecret::parse(&long)), StandardKeyError::SecretTooLong);
    let huge = "A".repeat(1 << 20);
    assert_eq!(refusal(StandardSecret::parse(&huge)), StandardKeyError::SecretTooLong);
}

#[test]
fn a_secret_is_padded_standard_base64() {
    let unpadded = "whsec_".to_owned() + &"A".repeat(43);
    for text in ["whsec_%", "whsec_-_-_", " whsec_AAAA", "whsec_AAAA\n", "hwsec_C2FV", unpadded.as_str()] {
        assert_eq!(refusal(StandardSecret::parse(text)), StandardKeyError::NotBase64, "{text:?}");
    }
}

#[test]
fn the_prefix_chooses_the_scheme() {
    let pair = format!("whsk_{PAIR}");
    assert!(matches!(StandardKey::parse(PUBLISHED), Ok(StandardKey::Symmetric(_))));
    assert!(matches!(StandardKey::parse(&pair), Ok(StandardKey::Asymmetric(_))));
    assert!(matches!(StandardVerifier::parse(PUBLISHED), Ok(StandardVerifier::Symmetric(_))));
    assert!(matches!(StandardVerifier::parse(PUBLIC), Ok(StandardVerifier::Asymmetric(_))));
    let prefix = |expected| StandardKeyError::Prefix { expected };
    assert_eq!(refusal(StandardKey::parse(PUBLIC)), prefix("whsec_ or whsk_"));
    assert_eq!(refusal(StandardKey::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), prefix("whsec_ or whsk_"));
    assert_eq!(refusal(StandardVerifier::parse(&pair)), prefix("whsec_ or whpk_"));
    assert_eq!(refusal(StandardSecret::parse(&pair)), prefix("whsec_"));
    assert_eq!(refusal(StandardSecret::parse(PUBLIC)), prefix("whsec_"));
    assert_eq!(refusal(StandardSigningKey::parse(PAIR)), prefix("whsk_"));
    assert_eq!(refusal(StandardVerifyingKey::parse(PUBLISHED)), prefix("whpk_"));
}

#[test]
fn a_signing_key_is_a_pair_or_a_seed() {
    let pair = StandardSigningKey::parse(&format!("whsk_{PAIR}")).unwrap();
    let seed = StandardSigningKey::parse(&format!("whsk_{SEED}")).unwrap();
    for key in [&pair, &seed] {
        assert_eq!(*key.to_text(), format!("whsk_{PAIR}"));
        assert_eq!(key.public_text(), PUBLIC);
        assert_eq!(key.verifying_key(), StandardVerifyingKey::parse(PUBLIC).unwrap());
    }
    assert_eq!(refusal(StandardSigningKey::parse("whsk_AAAA")), StandardKeyError::KeyLength);
    assert_eq!(refusal(StandardSigningKey::parse("whsk_")), StandardKeyError::KeyLength);
    assert_eq!(refusal(StandardSigningKey::parse("whsk_%%%%")), StandardKeyError::NotBase64);
    let long = format!("whsk_{}", "A".repeat(88));
    assert_eq!(refusal(StandardSigningKey::parse(&long)), StandardKeyError::KeyLength);
    // svix-server's own example of halves that do not belong together.
    let halves = PAIR.replace("X0dRqSKJp4AJ", "aaaaaaaaaaAJ");
    assert_eq!(refusal(StandardSigningKey::parse(&format!("whsk_{halves}"))), StandardKeyError::NotAPair);
}

#[test]
fn a_public_key_is_a_point_that_protects_something() {
    assert_eq!(StandardVerifyingKey::parse(PUBLIC).unwrap().to_text(), PUBLIC);
    assert_eq!(refusal(StandardVerifyingKey::parse("whpk_AAAA")), StandardKeyError::KeyLength);
    let long = format!("whpk_{}", "A".repeat(44));
    assert_eq!(refusal(StandardVerifyingKey::parse(&long)), StandardKeyError::KeyLength);
    // y = 1 is the neutral element, y = 0 has order four; y = 2 is no point at all.
    for first in ["AQAA", "AAAA", "AgAA"] {
        let text = format!("whpk_{first}{}=", "A".repeat(39));
        assert_eq!(refusal(StandardVerifyingKey::parse(&text)), StandardKeyError::NotAPublicKey, "{text}");
    }
}

#[test]
fn debug_and_errors_keep_the_secret() {
    let secret = StandardKey::parse(PUBLISHED).unwrap();
    assert_eq!(format!("{secret:?}"), "Symmetric(StandardSecret { .. })");
    let pair = StandardKey::parse(&format!("whsk_{PAIR}")).unwrap();
    assert_eq!(format!("{pair:?}"), format!("Asymmetric(StandardSigningKey {{ public: {PUBLIC:?}, .. }})"));
    let public = StandardVerifier::parse(PUBLIC).unwrap();
    assert_eq!(format!("{public:?}"), format!("Asymmetric(StandardVerifyingKey({PUBLIC:?}))"));
    assert_eq!(
        refusal(StandardSecret::from_bytes(&[7; 23])).to_string(),
        "the secret has 23 bytes, fewer than 24"
    );
}

#[test]
fn a_generated_secret_is_its_32_bytes() {
    let random: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let generated = StandardSecret::generate(random);
    let given = StandardSecret::from_bytes(&random).unwrap();
    assert_eq!(*generated.to_text(), *given.to_text());
    let sign = |secret: StandardSecret| StandardKey::from(secret).sign(ID, NOW_S, BODY);
    assert_eq!(sign(generated), sign(given));
}
