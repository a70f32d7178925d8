//! HMAC-SHA256 as such.

use posthouse_sign::mac::{MacKey, Tag, generate};
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;

/// RFC 4231, section 4.3 (test case 2).
const RFC_HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn rfc_tag() -> Tag {
    MacKey::new(b"Jefe").tag([b"what do ya want ".as_slice(), b"", b"for nothing?"])
}

#[test]
fn tags_are_those_of_the_standard() {
    assert_eq!(rfc_tag().to_hex(), RFC_HEX);
    assert_eq!(rfc_tag().to_base64(), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

#[test]
fn tags_are_read_in_one_spelling_but_for_the_case_of_hex() {
    for text in [RFC_HEX.to_owned(), RFC_HEX.to_uppercase()] {
        assert!(Tag::from_hex(&text).unwrap().equals(&rfc_tag()));
    }
    for wrong in ["", "5b", &RFC_HEX[..62], &format!("{RFC_HEX}00"), &format!(" {}", &RFC_HEX[1..])] {
        assert!(Tag::from_hex(wrong).is_none(), "{wrong:?}");
    }
    let base64 = rfc_tag().to_base64();
    assert!(Tag::from_base64(&base64).unwrap().equals(&rfc_tag()));
    let longer = format!("AAAA{base64}");
    for wrong in ["", "AAAA", base64.trim_end_matches('='), &base64.replace("EM=", "EN="), &longer] {
        assert!(Tag::from_base64(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn debug_keeps_the_key() {
    assert_eq!(format!("{:?}", MacKey::new(b"hunter2")), "MacKey { .. }");
}

#[test]
fn generated_secrets_are_hex() {
    assert_eq!(*generate([0xa9; 32]), "a9".repeat(32));
}

proptest! {
    #[test]
    fn where_parts_are_cut_does_not_matter(key in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..300), at in any::<Index>()) {
        let (left, right) = body.split_at(at.index(body.len() + 1));
        let key = MacKey::new(&key);
        prop_assert!(key.tag([left, right]).equals(&key.tag([body.as_slice()])));
    }

    #[test]
    fn a_flipped_bit_makes_another_tag(body in vec(any::<u8>(), 1..300), at in any::<Index>(), bit in 0..8_u8) {
        let key = MacKey::new(b"key");
        let mut other = body.clone();
        other[at.index(body.len())] ^= 1 << bit;
        prop_assert!(!key.tag([body.as_slice()]).equals(&key.tag([other.as_slice()])));
    }

    #[test]
    fn what_is_written_is_read(key in vec(any::<u8>(), 0..200)) {
        let tag = MacKey::new(&key).tag([]);
        prop_assert!(Tag::from_hex(&tag.to_hex()).unwrap().equals(&tag));
        prop_assert!(Tag::from_base64(&tag.to_base64()).unwrap().equals(&tag));
    }

    #[test]
    fn any_text_gets_an_answer(text in "[0-9a-fA-F]{64}|[A-Za-z0-9+/]{42,43}={0,2}|.*") {
        for tag in [Tag::from_hex(&text), Tag::from_base64(&text)].into_iter().flatten() {
            let spelled = tag.to_hex() == text.to_lowercase() || tag.to_base64() == text;
            prop_assert_eq!(spelled, true, "{}", text);
        }
    }
}
