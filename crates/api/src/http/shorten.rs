//! Errors repeat what callers sent. Here it is cut to what a person reads.

use std::borrow::Cow;

use posthouse_engine::{Error, ErrorKind, FieldError};
use serde_json::Value;

use super::limits::{LOCATION_CHARS_MAX, MESSAGE_CHARS_MAX, VALUE_CHARS_MAX};

/// The same error, with no text longer than it may be.
pub(super) fn shorten(mut error: Error) -> Error {
    cut_cow(&mut error.detail, MESSAGE_CHARS_MAX);
    match &mut error.kind {
        ErrorKind::Malformed { location } => cut_cow(location, LOCATION_CHARS_MAX),
        ErrorKind::Invalid(fields) => fields.iter_mut().for_each(shorten_field),
        _ => {}
    }
    error
}

fn shorten_field(field: &mut FieldError) {
    cut(&mut field.location, LOCATION_CHARS_MAX);
    cut(&mut field.message, MESSAGE_CHARS_MAX);
    match &mut field.value {
        Some(Value::String(text)) => cut(text, VALUE_CHARS_MAX),
        Some(value @ (Value::Array(_) | Value::Object(_))) if value.to_string().len() > VALUE_CHARS_MAX => {
            field.value = None;
        }
        _ => {}
    }
}

fn cut_cow(text: &mut Cow<'static, str>, max: usize) {
    if text.len() > max {
        cut(text.to_mut(), max);
    }
}

/// Cuts a text to `max` characters, of which the last says that there was more.
fn cut(text: &mut String, max: usize) {
    if text.chars().nth(max).is_some() {
        let end = text.char_indices().nth(max - 1).map_or(0, |(end, _)| end);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, short) in [("", ""), ("äöü", "äöü"), ("äöüß", "äö…"), ("1234567", "12…")] {
            let mut text = text.to_owned();
            cut(&mut text, 3);
            assert_eq!(text, short);
        }
    }

    #[test]
    fn every_text_of_an_error_is_cut() {
        let long = "ü".repeat(1000);
        let field = FieldError::new(long.clone(), &long);
        let fields = vec![field.clone().with_value(long.clone()), field.with_value(vec![long.clone()])];
        let ErrorKind::Invalid(fields) = shorten(Error::invalid(fields)).kind else { unreachable!() };
        for field in &fields {
            assert_eq!(field.location.chars().count(), LOCATION_CHARS_MAX);
            assert_eq!(field.message.chars().count(), MESSAGE_CHARS_MAX);
        }
        let text = fields[0].value.as_ref().and_then(Value::as_str).unwrap();
        assert_eq!((text.chars().count(), &fields[1].value), (VALUE_CHARS_MAX, &None));
        let malformed = Error::new(ErrorKind::Malformed { location: long.clone().into() }, long);
        let Error { kind, detail, .. } = shorten(malformed);
        assert_eq!(detail.chars().count(), MESSAGE_CHARS_MAX);
        let ErrorKind::Malformed { location } = kind else { unreachable!() };
        assert_eq!(location.chars().count(), LOCATION_CHARS_MAX);
    }
}
