//! How Molroo, Sonzai and the WhatsApp Gateway read a secret, and what they refuse as one.

use std::fmt::Debug;

use posthouse_sign::molroo::{self, MolrooKey, MolrooKeyError};
use posthouse_sign::sonzai::{self, SonzaiKey, SonzaiKeyError};
use posthouse_sign::whatsapp::{self, WhatsappKey, WhatsappKeyError};
use proptest::prelude::proptest;

use crate::support::{BODY, NOW_S};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A line feed, a NUL, delete, the first of the C1 characters, and a line break of Windows.
const CONTROL_CHARACTERS: [&str; 5] =
    ["secret-text\n", "\0secret-text", "secret\u{7f}text", "secret\u{80}text", "secret\r\ntext"];

/// The error, since a key has no equality to compare a whole `Result` by.
fn refusal<T: Debug, E>(result: Result<T, E>) -> E {
    result.expect_err("a refused secret")
}

fn molroo_signature(secret: &str) -> String {
    molroo::signature_header(&[&MolrooKey::parse(secret).unwrap()], NOW_S, BODY)
}

fn sonzai_signature(secret: &str) -> String {
    sonzai::signature_header(&[&SonzaiKey::parse(secret).unwrap()], NOW_S, BODY)
}

#[test]
fn one_secret_is_read_in_two_ways() {
    let bare = SECRET.strip_prefix("whsec_").unwrap();
    assert_ne!(molroo_signature(SECRET), sonzai_signature(SECRET));
    assert_ne!(molroo_signature(SECRET), molroo_signature(bare));
    assert_eq!(sonzai_signature(SECRET), sonzai_signature(bare));
    assert_eq!(sonzai_signature(SECRET), molroo_signature(bare));
    // The prefix goes once, and only as it is written.
    assert_eq!(sonzai_signature("whsec_whsec_demo"), molroo_signature("whsec_demo"));
    assert_eq!(sonzai_signature("WHSEC_demo"), molroo_signature("WHSEC_demo"));
    assert_eq!(sonzai_signature("whsk_demo"), molroo_signature("whsk_demo"));
}

#[test]
fn a_molroo_secret_has_8_to_256_characters() {
    for characters in [0, 1, 7] {
        let refused = refusal(MolrooKey::parse(&"k".repeat(characters)));
        assert_eq!(refused, MolrooKeyError::TooShort { characters });
    }
    for length in [257, 1 << 20] {
        assert_eq!(refusal(MolrooKey::parse(&"k".repeat(length))), MolrooKeyError::TooLong);
    }
    for character in ["k", "é", "🔑", " "] {
        MolrooKey::parse(&character.repeat(8)).unwrap();
        MolrooKey::parse(&character.repeat(256)).unwrap();
    }
}

#[test]
fn a_sonzai_secret_has_8_to_256_characters_and_something_after_its_prefix() {
    for empty in ["", "whsec_"] {
        assert_eq!(refusal(SonzaiKey::parse(empty)), SonzaiKeyError::Empty, "{empty:?}");
    }
    for short in ["k", "whsec_k", "sevenof"] {
        let characters = short.len();
        assert_eq!(refusal(SonzaiKey::parse(short)), SonzaiKeyError::TooShort { characters });
    }
    let prefixed = "whsec_".to_owned() + &"k".repeat(251);
    for long in [prefixed, "k".repeat(257), "k".repeat(1 << 20)] {
        assert_eq!(refusal(SonzaiKey::parse(&long)), SonzaiKeyError::TooLong);
    }
    for character in ["k", "é", "🔑", " "] {
        SonzaiKey::parse(&character.repeat(8)).unwrap();
        SonzaiKey::parse(&character.repeat(256)).unwrap();
        SonzaiKey::parse(&format!("whsec_{}", character.repeat(250))).unwrap();
    }
}

#[test]
fn a_whatsapp_secret_has_1_to_256_characters() {
    assert_eq!(refusal(WhatsappKey::parse("")), WhatsappKeyError::Empty);
    for length in [257, 1 << 20] {
        assert_eq!(refusal(WhatsappKey::parse(&"k".repeat(length))), WhatsappKeyError::TooLong);
    }
    for character in ["k", "é", "🔑", " "] {
        WhatsappKey::parse(character).unwrap();
        WhatsappKey::parse(&character.repeat(256)).unwrap();
    }
}

#[test]
fn a_secret_has_no_control_characters() {
    for text in CONTROL_CHARACTERS {
        assert_eq!(refusal(MolrooKey::parse(text)), MolrooKeyError::ControlCharacter, "{text:?}");
        assert_eq!(refusal(SonzaiKey::parse(text)), SonzaiKeyError::ControlCharacter, "{text:?}");
        assert_eq!(refusal(WhatsappKey::parse(text)), WhatsappKeyError::ControlCharacter, "{text:?}");
    }
}

#[test]
fn generated_secrets_are_their_32_bytes_in_hex() {
    let random: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());
    let hex = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8";
    assert_eq!(*molroo::generate(random), format!("whsec_{hex}"));
    assert_eq!(*sonzai::generate(random), format!("whsec_{hex}"));
    assert_eq!(*whatsapp::generate(random), hex);
    MolrooKey::parse(&molroo::generate(random)).unwrap();
    SonzaiKey::parse(&sonzai::generate(random)).unwrap();
    WhatsappKey::parse(&whatsapp::generate(random)).unwrap();
}

#[test]
fn debug_and_errors_keep_the_secret() {
    assert_eq!(format!("{:?}", MolrooKey::parse(SECRET).unwrap()), "MolrooKey { .. }");
    assert_eq!(format!("{:?}", SonzaiKey::parse(SECRET).unwrap()), "SonzaiKey { .. }");
    assert_eq!(format!("{:?}", WhatsappKey::parse(SECRET).unwrap()), "WhatsappKey { .. }");
    let messages = [
        refusal(MolrooKey::parse("hunter2")).to_string(),
        refusal(MolrooKey::parse("hunter2-and-more\n")).to_string(),
        refusal(SonzaiKey::parse("hunter2")).to_string(),
        refusal(SonzaiKey::parse("hunter2-and-more\n")).to_string(),
        refusal(WhatsappKey::parse("hunter2\n")).to_string(),
        refusal(WhatsappKey::parse(&"hunter2".repeat(100))).to_string(),
    ];
    for message in &messages {
        assert!(!message.contains("hunter"), "{message}");
    }
    assert_eq!(messages[0], "the secret has 7 characters, fewer than 8");
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in "(whsec_)?.{0,300}") {
        drop((MolrooKey::parse(&text), SonzaiKey::parse(&text), WhatsappKey::parse(&text)));
    }
}
