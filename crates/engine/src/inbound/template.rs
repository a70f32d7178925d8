//! Messages of the owner's own wording.

use posthouse_types::limits::MESSAGE_BYTES_MAX;
use serde_json::Value;

/// `{__raw__}` is cut to this, bytes. Source: Moltis.
const RAW_BYTES_MAX: usize = 4_000;
/// An object or list is cut to this, bytes. Source: Moltis.
const TREE_BYTES_MAX: usize = 2_000;

/// Fills a template: `{a.b.c}` is a member of the payload (objects only), `{__raw__}` all of it as JSON. What names
/// nothing stays as it is written, and so do empty and unclosed braces. Source: Moltis.
///
/// A long value that is named often must not become more than there is memory for: when a message is full, nothing
/// more is filled in. The answer may be longer than a message, and is to be cut.
pub(super) fn render(template: &str, payload: &Value) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while text.len() <= MESSAGE_BYTES_MAX
        && let Some(open) = rest.find('{')
    {
        text.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = rest.find('}') else { break };
        let path = &rest[1..close];
        match value_of(path, payload) {
            Some(value) => text.push_str(&value),
            None => text.push_str(&rest[..=close]),
        }
        rest = &rest[close + 1..];
    }
    text.push_str(rest);
    text
}

fn value_of(path: &str, payload: &Value) -> Option<String> {
    if path == "__raw__" {
        return Some(cut(serde_json::to_string_pretty(payload).ok()?, RAW_BYTES_MAX));
    }
    let mut value = payload;
    for member in path.split('.') {
        value = value.as_object()?.get(member)?;
    }
    Some(match value {
        Value::String(text) => text[..text.floor_char_boundary(MESSAGE_BYTES_MAX + 1)].to_owned(),
        Value::Object(_) | Value::Array(_) => cut(value.to_string(), TREE_BYTES_MAX),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    })
}

fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_filled_in_and_the_rest_stays() {
        let payload = json!({"a": {"b": "x{a}y", "n": 3, "none": null, "list": [1]}, "t": true});
        for (template, expected) in [
            ("{a.b} {a.n} {t} {a.none}", "x{a}y 3 true null"),
            ("{a.list} {a.list.0} {missing} {}", "[1] {a.list.0} {missing} {}"),
            ("open {a.b", "open {a.b"),
            ("{{a.n}}", "{{a.n}}"),
            ("é{a.n}é", "é3é"),
        ] {
            assert_eq!(render(template, &payload), expected, "{template}");
        }
        assert!(render("{__raw__}", &payload).starts_with("{\n"));
    }

    #[test]
    fn a_full_message_is_not_filled_any_further() {
        let payload = json!({"a": "é".repeat(MESSAGE_BYTES_MAX)});
        for name in ["{a}", "{__raw__}"] {
            let template = name.repeat(1_000);
            let text = render(&template, &payload);
            assert!(text.len() > MESSAGE_BYTES_MAX, "{name}");
            assert!(text.len() <= 2 * MESSAGE_BYTES_MAX + template.len(), "{name}");
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let payload = json!({"list": ["é".repeat(5_000)]});
        assert!(render("{list}", &payload).len() <= TREE_BYTES_MAX);
        assert!(render("{__raw__}", &payload).len() <= RAW_BYTES_MAX);
    }
}
