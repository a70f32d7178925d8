//! A token that is sent as it stands: whoever knows it is let in.
//!
//! What is kept, and what is compared, is the token's SHA-256: the comparison then takes the same time however long
//! the two are and however far they agree.
//!
//! ```
//! use posthouse_sign::token::TokenDigest;
//!
//! let expected = TokenDigest::new(b"s3cr3t");
//! assert!(expected.fits(b"s3cr3t"));
//! assert!(!expected.fits(b"s3cr3"));
//! ```

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::encode::equal;

const DIGEST_BYTES: usize = 32;

/// What is kept of a token. Wiped when dropped: it can be searched for short tokens.
#[derive(Clone)]
pub struct TokenDigest(Zeroizing<[u8; DIGEST_BYTES]>);

impl TokenDigest {
    /// Takes the bytes of the token.
    pub fn new(token: &[u8]) -> Self {
        Self(Zeroizing::new(Sha256::digest(token).into()))
    }

    /// Whether this is the token, in a time that depends on the length of `claimed` only.
    pub fn fits(&self, claimed: &[u8]) -> bool {
        equal(self.0.as_slice(), Self::new(claimed).0.as_slice())
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDigest").finish_non_exhaustive()
    }
}
