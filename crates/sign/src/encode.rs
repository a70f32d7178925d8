//! Bytes and text: base64, hex, decimal numbers, comparison in constant time. Knows no scheme.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::{DecodeSliceError, encoded_len};
use subtle::ConstantTimeEq as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Why a text could not be decoded. Says nothing of the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// A character, the padding or the length is not that of standard base64.
    NotBase64,
    /// More bytes than there is room for.
    TooLong,
}

/// How long `len_bytes` bytes are as padded base64.
pub(crate) const fn base64_length(len_bytes: usize) -> usize {
    match encoded_len(len_bytes, true) {
        Some(length) => length,
        None => panic!("a length in bytes that fits memory fits base64"),
    }
}

/// Appends `bytes` as padded standard base64 (RFC 4648, section 4), without an allocation if there is room.
pub(crate) fn push_base64(out: &mut String, bytes: &[u8]) {
    STANDARD.encode_string(bytes, out);
}

/// Decodes padded standard base64 into `out` and returns how many bytes there were.
pub(crate) fn decode_base64(text: &str, out: &mut [u8]) -> Result<usize, Undecodable> {
    STANDARD.decode_slice(text, out).map_err(|error| match error {
        DecodeSliceError::DecodeError(_) => Undecodable::NotBase64,
        DecodeSliceError::OutputSliceTooSmall => Undecodable::TooLong,
    })
}

/// How long `len_bytes` bytes are as hex.
pub(crate) const fn hex_length(len_bytes: usize) -> usize {
    2 * len_bytes
}

/// Appends `bytes` as lowercase hex, without an allocation if there is room.
pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push(hex_digit(byte >> 4));
        out.push(hex_digit(byte & 0xf));
    }
}

/// Computed, not looked up: an index into a table would leave its trace of a secret in the processor's cache.
fn hex_digit(nibble: u8) -> char {
    const FROM_NINE_TO_A: u8 = b'a' - b'9' - 1;
    char::from(b'0' + nibble + u8::from(nibble > 9) * FROM_NINE_TO_A)
}

/// Decodes exactly `LEN` bytes from hex digits of either case. For what was sent, never for secrets: how long it takes
/// tells of the text.
pub(crate) fn decode_hex<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    hex::decode_to_slice(text, &mut bytes).is_ok().then_some(bytes)
}

/// A prefix and `bytes` as lowercase hex, in a string that never grows, so that no half-written copy stays behind.
pub(crate) fn secret_hex(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + hex_length(bytes.len())));
    text.push_str(prefix);
    push_hex(&mut text, bytes);
    text
}

/// Compiles only for a type that wipes itself when dropped.
pub(crate) const fn wiped_on_drop<T: ZeroizeOnDrop>() {}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// A number as decimal digits, on the stack.
pub(crate) struct DecimalText {
    digits: [u8; DECIMAL_BYTES_MAX],
    len_bytes: usize,
}

/// `i64::MIN` has nineteen digits and a sign.
const DECIMAL_BYTES_MAX: usize = 20;

impl DecimalText {
    /// The number in decimal, with a minus sign if it is negative.
    pub(crate) fn new(number: i64) -> Self {
        let mut cursor = Cursor::new([0; DECIMAL_BYTES_MAX]);
        write!(cursor, "{number}").expect("an i64 has at most 20 characters");
        let len_bytes = usize::try_from(cursor.position()).expect("a position is at most 20");
        Self { digits: cursor.into_inner(), len_bytes }
    }

    /// The digits.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.len_bytes]
    }

    /// The digits, as text.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).expect("digits and a sign are ASCII")
    }
}

/// Reads a whole number, not negative, in the one way to write it: decimal digits, no leading zero.
pub(crate) fn parse_decimal(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_is_what_display_writes() {
        for number in [0, 7, -7, 1_767_225_600, i64::MAX, i64::MIN] {
            assert_eq!(DecimalText::new(number).as_bytes(), number.to_string().as_bytes());
            assert_eq!(DecimalText::new(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn a_decimal_number_has_one_spelling() {
        for number in [0, 7, 10, 1_767_225_600, i64::MAX] {
            assert_eq!(parse_decimal(&number.to_string()), Some(number));
        }
        for wrong in ["", "-1", "+1", "01", "00", " 1", "1 ", "1.0", "1e9", "１", "9223372036854775808"] {
            assert_eq!(parse_decimal(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn hex_is_lowercase_and_two_digits_a_byte() {
        for byte in 0..=u8::MAX {
            let mut text = String::new();
            push_hex(&mut text, &[byte]);
            assert_eq!(text, format!("{byte:02x}"));
            assert_eq!(text.len(), hex_length(1));
        }
        assert_eq!(*secret_hex("key_", &[0xab, 0x09]), "key_ab09");
    }

    #[test]
    fn hex_of_either_case_is_read_and_nothing_else() {
        assert_eq!(decode_hex("ab09Ff"), Some([0xab, 0x09, 0xff]));
        assert_eq!(decode_hex(""), Some([]));
        for wrong in ["", "ab09f", "ab09f0f0", "ab 9ff", "0xab09", "ab09fg", "é09ff"] {
            assert_eq!(decode_hex::<3>(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn base64_is_standard_padded_and_canonical() {
        let mut out = [0; 4];
        assert_eq!(decode_base64("+/8=", &mut out), Ok(2));
        assert_eq!(out[..2], [0xfb, 0xff]);
        let mut text = String::new();
        push_base64(&mut text, &[0xfb, 0xff]);
        assert_eq!(text, "+/8=");
        assert_eq!(text.len(), base64_length(2));
        // URL-safe alphabet, no padding, bits beyond the last byte, white space.
        for wrong in ["-_8=", "+/8", "+/9=", " +/8=", "+/8=\n"] {
            assert_eq!(decode_base64(wrong, &mut out), Err(Undecodable::NotBase64), "{wrong:?}");
        }
        assert_eq!(decode_base64("AAAAAAA=", &mut out), Err(Undecodable::TooLong));
    }

    #[test]
    fn equality_needs_equal_lengths() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
        assert!(equal(b"", b""));
    }
}
