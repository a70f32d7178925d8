//! How deep a payload is nested. Payloads are passed on unread, so the parser's own limit does not see them.

/// True when `json` (which must be JSON) has more than `max` levels of arrays and objects.
pub(crate) fn is_too_deep(json: &[u8], max: usize) -> bool {
    // Nearly every payload has fewer brackets than levels allowed; counting them needs no attention to strings.
    let opening = json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    opening > max && depth(json) > max
}

fn depth(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                level += 1;
                deepest = deepest.max(level);
            }
            (false, b']' | b'}') => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::is_too_deep;

    #[test]
    fn levels_count_and_brackets_in_strings_do_not() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(nested(3).as_bytes(), 3));
        assert!(is_too_deep(nested(4).as_bytes(), 3));
        assert!(!is_too_deep(br#"[{},{},{},{},"[[[[[","\"[[[["]"#, 3));
        assert!(is_too_deep(br#"{"a":{"\\":{"b":[]}}}"#, 3));
    }
}
