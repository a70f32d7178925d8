//! Tokens that are sent as they stand.

use posthouse_sign::token::TokenDigest;
use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};

#[test]
fn debug_keeps_the_token() {
    assert_eq!(format!("{:?}", TokenDigest::new(b"hunter2")), "TokenDigest { .. }");
}

#[test]
fn neither_a_part_nor_more_fits() {
    let token = TokenDigest::new(b"s3cr3t");
    assert!(token.fits(b"s3cr3t"));
    for wrong in ["", "s3cr3", "s3cr3t ", "s3cr3ts3cr3t", "S3cr3t", "s3cr3t\0"] {
        assert!(!token.fits(wrong.as_bytes()), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn only_the_token_fits(token in vec(any::<u8>(), 0..100), other in vec(any::<u8>(), 0..100)) {
        let digest = TokenDigest::new(&token);
        prop_assert_eq!(digest.fits(&token), true);
        prop_assert_eq!(digest.fits(&other), other == token);
    }
}
