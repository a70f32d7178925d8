//! JSON Schemas of arguments, strict: what is not named is refused.

use serde_json::{Map, Value, json};

/// A member of an object: its name, its schema, and whether it must be there.
pub(super) struct Member(&'static str, Value, bool);

/// A member that must be there.
pub(super) fn required(name: &'static str, schema: Value) -> Member {
    Member(name, schema, true)
}

/// A member that may be left out.
pub(super) fn optional(name: &'static str, schema: Value) -> Member {
    Member(name, schema, false)
}

/// An object with these members and no others.
pub(super) fn object<const N: usize>(members: [Member; N]) -> Value {
    let required: Vec<&str> = members.iter().filter(|member| member.2).map(|member| member.0).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "required": required });
    let properties: Map<String, Value> =
        members.into_iter().map(|Member(name, schema, _)| (name.to_owned(), schema)).collect();
    schema["properties"] = Value::Object(properties);
    schema
}

/// A text of 1 to this many characters.
pub(super) fn text(description: &str, chars_max: usize) -> Value {
    json!({ "type": "string", "description": description, "minLength": 1, "maxLength": chars_max })
}

/// A text that fits a regular expression.
pub(super) fn pattern(description: &str, expression: &str) -> Value {
    json!({ "type": "string", "description": description, "pattern": expression })
}

/// One of these texts.
pub(super) fn choice(description: &str, texts: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": texts })
}

/// A whole number from 1 on.
pub(super) fn number(description: &str) -> Value {
    json!({ "type": "integer", "description": description, "minimum": 1 })
}

/// Yes or no.
pub(super) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// From `min` to `max` of the same.
pub(super) fn list(description: &str, item: &Value, (min, max): (usize, usize)) -> Value {
    json!({ "type": "array", "description": description, "items": item, "minItems": min, "maxItems": max })
}
