//! Splits source text into code and comments, line by line, so that a rule about code is not misled by a
//! string or a comment that mentions what it forbids.

/// The same lines twice: once with only the code, once with only the comments. The contents of string and
/// character literals are in neither.
pub(super) struct Masked {
    pub(super) code: Vec<String>,
    pub(super) comments: Vec<String>,
}

pub(super) fn mask(text: &str) -> Masked {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut rest = chars.as_slice();
    while !rest.is_empty() {
        let (kind, length) = next(rest);
        let (piece, after) = rest.split_at(length.clamp(1, rest.len()));
        for &char in piece {
            let (mut in_code, mut in_comments) = (' ', ' ');
            match kind {
                _ if char == '\n' => (in_code, in_comments) = ('\n', '\n'),
                Kind::Code => in_code = char,
                Kind::Comment => in_comments = char,
                Kind::Literal => {}
            }
            code.push(in_code);
            comments.push(in_comments);
        }
        rest = after;
    }
    let lines = |text: String| text.split('\n').map(str::to_owned).collect();
    Masked { code: lines(code), comments: lines(comments) }
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// What the text begins with, and how many characters of it belong to that.
fn next(rest: &[char]) -> (Kind, usize) {
    match rest {
        ['/', '/', ..] => (Kind::Comment, rest.iter().take_while(|char| **char != '\n').count()),
        ['/', '*', ..] => (Kind::Comment, block_length(rest)),
        ['"', ..] => (Kind::Literal, quoted_length(rest, '"')),
        ['\'', '\\', ..] => (Kind::Literal, quoted_length(rest, '\'')),
        // One character between quotes; otherwise the quote begins a lifetime.
        ['\'', _, '\'', ..] => (Kind::Literal, 3),
        ['r', '"' | '#', ..] => raw_length(rest).map_or((Kind::Code, 1), |length| (Kind::Literal, length)),
        _ => (Kind::Code, 1),
    }
}

/// Block comments nest.
fn block_length(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of a raw string; `None` for a raw identifier.
fn raw_length(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|char| **char == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['"'];
    closing.resize(1 + hashes, '#');
    let body = 2 + hashes;
    let end = rest[body..].windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(rest.len(), |end| body + end + closing.len()))
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn literals_are_in_neither_and_comments_apart() {
        let masked = mask("let a = \"todo!(\"; // why\n/* b /* c */ d */ let e = r#\"f\"g\"#; h");
        assert_eq!(masked.code[0].trim(), "let a =         ;");
        assert_eq!(masked.comments[0].trim(), "// why");
        assert!(masked.code[1].contains("let e") && masked.code[1].ends_with("; h"));
        assert!(!masked.code[1].contains(['b', 'd', 'f', 'g']));
    }

    #[test]
    fn quotes_of_characters_and_lifetimes_are_told_apart() {
        let masked = mask("fn f<'a>(x: &'a str) { g('\"', '\\'', '/'); h }");
        assert!(masked.code[0].contains("fn f<'a>(x: &'a str)") && masked.code[0].ends_with("h }"));
        assert!(!masked.code[0].contains('"'));
    }

    #[test]
    fn lines_keep_their_numbers() {
        let masked = mask("a\n\"b\nc\"\nd");
        assert_eq!(masked.code.len(), 4);
        assert_eq!(masked.code[3], "d");
    }
}
