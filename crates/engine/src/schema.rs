//! What a JSON Schema may cost. A schema is data from a stranger and runs on every publish of its type.

use std::collections::HashMap;

use posthouse_types::Invalid;
use posthouse_types::limits::SCHEMA_UNFOLDED_MAX;
use serde_json::Value;

/// References that are resolved in ways we do not count.
const REFUSED: [&str; 5] = ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor"];

/// Refuses a schema that comes to too much once its references are unfolded: forty definitions, each of which
/// refers to the next one twice, are small to read and take for ever to check.
pub(crate) fn check_effort(schema: &Value) -> Result<(), Invalid> {
    let mut unfolded = Unfolded { root: schema, known: HashMap::new() };
    if unfolded.size(schema)? > SCHEMA_UNFOLDED_MAX {
        return Err(Invalid::because(format!(
            "must come to at most {SCHEMA_UNFOLDED_MAX} members and elements once references are unfolded"
        )));
    }
    Ok(())
}

struct Unfolded<'a> {
    root: &'a Value,
    /// Sizes by pointer; 1 while one is being measured, since recursion consumes the payload it checks.
    known: HashMap<&'a str, u64>,
}

impl<'a> Unfolded<'a> {
    fn size(&mut self, node: &'a Value) -> Result<u64, Invalid> {
        let mut total: u64 = 1;
        match node {
            Value::Array(items) => {
                for item in items {
                    total = total.saturating_add(self.size(item)?);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if REFUSED.contains(&name.as_str()) {
                        return Err(Invalid::because(format!("must not use {name}; use $ref")));
                    }
                    let more = match (name.as_str(), value) {
                        ("$ref", Value::String(target)) => self.size_of_target(target)?,
                        _ => self.size(value)?,
                    };
                    total = total.saturating_add(more);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(total)
    }

    fn size_of_target(&mut self, target: &'a str) -> Result<u64, Invalid> {
        let pointer =
            target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let Some(pointer) = pointer else {
            return Err(Invalid::because(format!("$ref must be # or begin with #/, unlike `{target}`")));
        };
        if let Some(size) = self.known.get(pointer) {
            return Ok(*size);
        }
        self.known.insert(pointer, 1);
        let size = match self.root.pointer(pointer) {
            Some(node) => self.size(node)?,
            None => 1,
        };
        self.known.insert(pointer, size);
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ordinary_and_recursive_schemas_pass() {
        check_effort(&json!({"type": "object", "properties": {"id": {"type": "integer"}}})).unwrap();
        check_effort(
            &json!({"$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}}}, "$ref": "#/$defs/tree"}),
        )
        .unwrap();
        check_effort(&json!({"properties": {"child": {"$ref": "#"}}})).unwrap();
    }

    #[test]
    fn references_that_double_are_refused() {
        let definition = |n: usize| json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}, {"$ref": format!("#/$defs/d{}", n + 1)}]});
        let mut definitions: serde_json::Map<_, _> =
            (0..40).map(|n| (format!("d{n}"), definition(n))).collect();
        definitions.insert("d40".to_owned(), json!({"type": "string"}));
        assert!(check_effort(&json!({"$defs": definitions, "$ref": "#/$defs/d0"})).is_err());
    }

    #[test]
    fn references_that_are_not_counted_are_refused() {
        for schema in
            [json!({"$ref": "https://example.com/x"}), json!({"$ref": "#name"}), json!({"$dynamicRef": "#x"})]
        {
            assert!(check_effort(&schema).is_err(), "{schema}");
        }
    }
}
