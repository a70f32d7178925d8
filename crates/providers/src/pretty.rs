//! JSON laid out for reading.

/// Lays out the beginning of a JSON document, one value to a line, set in by two spaces a level: at least `bytes_min`
/// bytes of it when there are as many. Members keep their order, numbers their digits; `\u00e9` in texts becomes `é`.
///
/// A serializer would need the whole document as a tree, and have a limit of depth. The text must be JSON: this only
/// tells where texts end, and where values do.
pub(crate) fn pretty(json: &str, bytes_min: usize) -> String {
    let mut out = String::new();
    let mut depth: usize = 0;
    let mut rest = json.trim_start();
    while out.len() <= bytes_min {
        let Some(next) = rest.chars().next() else { break };
        let mut taken = next.len_utf8();
        match next {
            '"' => {
                taken = text_len(rest);
                out.push_str(&readable(&rest[..taken]));
            }
            '{' | '[' => {
                out.push(next);
                let inner = rest[taken..].trim_start();
                if let Some(end) = inner.chars().next().filter(|end| matches!(end, '}' | ']')) {
                    out.push(end);
                    taken = rest.len() - inner.len() + end.len_utf8();
                } else {
                    depth += 1;
                    new_line(&mut out, depth, bytes_min);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth, bytes_min);
                out.push(next);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth, bytes_min);
            }
            ':' => out.push_str(": "),
            _ => out.push(next),
        }
        rest = rest[taken..].trim_start();
    }
    out
}

/// As deep as there is room: what is beyond is not shown anyhow.
fn new_line(out: &mut String, depth: usize, bytes_min: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(bytes_min)));
}

/// The length of the text that stands at the beginning, with its quotation marks.
fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// A text without needless escapes; as it is when it can not be read (half of a surrogate pair).
fn readable(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let read = serde_json::from_str::<String>(text).and_then(|text| serde_json::to_string(&text));
    read.unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy as _, any, prop_assert_eq, prop_oneof, proptest};
    use serde_json::Value;

    use super::pretty;

    #[test]
    fn documents_are_laid_out() {
        let text = r#" {"a":{},"b":[ ],"c":[1,-2.50e3,{"d\"}":"\u00e9 \ud83d"}],"e":"caf\u00e9","f":null} "#;
        let wanted = r#"{
  "a": {},
  "b": [],
  "c": [
    1,
    -2.50e3,
    {
      "d\"}": "\u00e9 \ud83d"
    }
  ],
  "e": "café",
  "f": null
}"#;
        assert_eq!(pretty(text, 10_000), wanted);
        assert_eq!(pretty("12", 10), "12");
    }

    #[test]
    fn no_more_is_laid_out_than_asked_for() {
        let deep = "[".repeat(1_000_000);
        assert!(pretty(&deep, 100).len() < 400);
        assert!(pretty(&format!("[{}1]", "1,".repeat(1_000_000)), 100).len() < 400);
    }

    proptest! {
        #[test]
        fn what_serde_lays_out_is_the_same(value in trees()) {
            prop_assert_eq!(pretty(&value.to_string(), usize::MAX - 1), serde_json::to_string_pretty(&value).unwrap());
        }
    }

    fn trees() -> impl proptest::strategy::Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }
}
