//! Texts of strangers, made fit for an answer or an error.

/// At most `chars` characters of this text; an ellipsis says when there was more.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

/// The text as one line: white space and control characters become single spaces; cut to `chars` characters.
pub(crate) fn one_line(text: &str, chars: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    cut(&words.collect::<Vec<_>>().join(" "), chars)
}

/// At most `bytes` bytes of this text, cut between two characters; an ellipsis says when there was more.
pub(crate) fn cut_bytes(mut text: String, bytes: usize) -> String {
    const MORE: &str = "…";
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub(MORE.len())));
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut_bytes("äöü".to_owned(), 6), "äöü");
        assert_eq!(cut_bytes("äöüä".to_owned(), 6), "ä…");
        assert_eq!(cut_bytes("äöüä".to_owned(), 2), "…");
    }

    #[test]
    fn one_line_has_no_control_characters() {
        assert_eq!(one_line(" a\r\n\u{1b}[31mb\0\tc ", 99), "a [31mb c");
        assert_eq!(one_line("a b c", 3), "a b…");
    }
}
