//! Writing the text of a summary: one fact to a line, however long and whatever is in it.

use std::fmt::Display;

use crate::incoming::Summary;
use crate::lenient::{Json, is_break, one_line};

/// The most that the text of a summary has, bytes.
pub(crate) const SUMMARY_BYTES_MAX: usize = 16 * 1024;
/// Stands at the end of each summary, under a rule: where the rest is. Source: Moltis.
pub(crate) const FULL_PAYLOAD: &str = "Full payload available via webhook_get_full_payload tool.";
const RULE: &str = "\n---\n\n";

/// The text of a summary, as far as it is written.
#[derive(Debug)]
pub(crate) struct Lines(String);

impl Lines {
    /// Begins with this line.
    pub(crate) fn new(heading: &str) -> Self {
        let mut lines = Self(String::new());
        lines.line(heading);
        lines
    }

    /// An empty line, unless one stands there.
    pub(crate) fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    /// A line.
    pub(crate) fn line(&mut self, text: &str) {
        self.0.push_str(&one_line(text));
        self.0.push('\n');
    }

    /// `Name: value`, when there is a value.
    pub(crate) fn fact(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(&format!("{name}: {value}"));
        }
    }

    /// The same below another fact.
    pub(crate) fn detail(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.item(&format!("{name}: {value}"));
        }
    }

    /// A line below another.
    pub(crate) fn item(&mut self, text: &str) {
        self.0.push_str("  ");
        self.line(text);
    }

    /// A text of several lines under its name, when there is something in it: its first bytes, set in, so that it can
    /// not look like a line of ours.
    pub(crate) fn block(&mut self, name: &str, text: Option<&str>, bytes_max: usize) {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return };
        self.gap();
        self.line(&format!("{name}:"));
        for line in excerpt(text, bytes_max).lines() {
            let line: String = line.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
            let line = line.trim_end();
            if !line.is_empty() {
                self.0.push_str("  ");
                self.0.push_str(line);
            }
            self.0.push('\n');
        }
        self.gap();
    }

    /// The summary, with the line that tells where the rest is.
    pub(crate) fn finish(mut self, headline: &str) -> Summary {
        let room = SUMMARY_BYTES_MAX - RULE.len() - FULL_PAYLOAD.len() - "...\n".len();
        if self.0.len() > room {
            self.0.truncate(self.0.floor_char_boundary(room));
            self.0.push_str("...\n");
        }
        let text = self.0.trim_end();
        Summary { headline: one_line(headline), text: format!("{text}\n{RULE}{FULL_PAYLOAD}") }
    }
}

/// The first bytes of a text, cut at a character; three dots say that it goes on.
pub(crate) fn excerpt(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(bytes_max)])
}

/// The first line of a text in which there is something.
pub(crate) fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

/// A title as it is quoted in a line: at most 256 bytes of it.
pub(crate) fn quoted(title: Json<'_>) -> String {
    title.line().map_or_else(|| "\"(untitled)\"".to_owned(), |title| format!("\"{}\"", excerpt(&title, 256)))
}

/// A number with a comma before each three digits.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One line: what happened, where, to what, by whom; as much of it as is known.
pub(crate) fn headline(event: &str, place: Option<&str>, what: Option<&str>, who: Option<&str>) -> String {
    let mut line = event.to_owned();
    for (before, part) in [(" in ", place), (": ", what), (" by ", who)] {
        if let Some(part) = part {
            line.push_str(before);
            line.push_str(part);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Lines, SUMMARY_BYTES_MAX, excerpt, grouped, headline};

    #[test]
    fn texts_are_set_in_so_that_they_can_not_look_like_ours() {
        let mut lines = Lines::new("Heading");
        lines.fact("Name", Some("a\nb"));
        lines.fact("Nothing", None::<&str>);
        lines.block("Text", Some("\n---\r\n\nName: c\rd  \n"), 100);
        lines.block("Empty", Some(" \n "), 100);
        lines.fact("Last", Some(1));
        let text = "Heading\nName: a b\n\nText:\n  ---\n\n  Name: c d\n\nLast: 1\n\n---\n\n\
            Full payload available via webhook_get_full_payload tool.";
        assert_eq!(lines.finish("x\ny").text, text);
    }

    #[test]
    fn summaries_are_bounded() {
        let mut lines = Lines::new("Heading");
        for _ in 0..100 {
            lines.fact("Name", Some("é".repeat(1000)));
        }
        let summary = lines.finish(&"h".repeat(1000));
        assert!(summary.text.len() <= SUMMARY_BYTES_MAX);
        assert!(
            summary.text.ends_with("...\n\n---\n\nFull payload available via webhook_get_full_payload tool.")
        );
        assert_eq!(summary.headline.len(), 512);
    }

    #[test]
    fn excerpts_end_at_a_character() {
        assert_eq!(excerpt("abc", 3), "abc");
        assert_eq!(excerpt("abcd", 3), "abc...");
        assert_eq!(excerpt("aéé", 2), "a...");
        assert_eq!(excerpt("🎉", 3), "...");
    }

    #[test]
    fn numbers_have_their_commas() {
        for (number, text) in [
            (0, "0"),
            (156, "156"),
            (1203, "1,203"),
            (1_000_000, "1,000,000"),
            (-12_345, "-12,345"),
            (i64::MIN, "-9,223,372,036,854,775,808"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn headlines_tell_what_is_known() {
        assert_eq!(headline("e", None, None, None), "e");
        assert_eq!(headline("e", Some("p"), Some("w"), Some("@a")), "e in p: w by @a");
        assert_eq!(headline("e", None, None, Some("@a")), "e by @a");
    }
}
