//! Payload filters: conditions on places in an event's payload, all of which must hold.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Invalid;
use crate::limits::{FILTER_BYTES_MAX, FILTER_CONDITIONS_MAX};

/// Conditions by JSON Pointer (RFC 6901): `{"/status": "done", "/priority": ["high", "urgent"],
/// "/user/email": {"exists": true}}`. A scalar means *equals*, an array *equals one of*, and an object names
/// a test: `exists` (boolean), `prefix` (text), `not` (scalar or array).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct PayloadFilter(Vec<(String, Condition)>);

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    AnyOf(Vec<Value>),
    NoneOf(Vec<Value>),
    Exists(bool),
    Prefix(String),
}

impl PayloadFilter {
    /// True when every condition holds.
    pub fn matches(&self, payload: &Value) -> bool {
        self.0.iter().all(|(pointer, condition)| condition.holds(payload.pointer(pointer)))
    }
}

impl Condition {
    fn holds(&self, found: Option<&Value>) -> bool {
        match self {
            Self::AnyOf(values) => found.is_some_and(|found| values.contains(found)),
            Self::NoneOf(values) => found.is_none_or(|found| !values.contains(found)),
            Self::Exists(wanted) => found.is_some() == *wanted,
            Self::Prefix(prefix) => {
                found.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
            }
        }
    }

    fn parse(value: Value) -> Result<Self, Invalid> {
        match value {
            Value::Object(tests) => {
                let mut tests = tests.into_iter();
                match (tests.next(), tests.next()) {
                    (Some((name, value)), None) => Self::parse_test(&name, value),
                    _ => Err(Invalid::new("an object condition has exactly one of exists, prefix, not")),
                }
            }
            value => scalars(value).map(Self::AnyOf),
        }
    }

    fn parse_test(name: &str, value: Value) -> Result<Self, Invalid> {
        match (name, value) {
            ("exists", Value::Bool(wanted)) => Ok(Self::Exists(wanted)),
            ("prefix", Value::String(prefix)) => Ok(Self::Prefix(prefix)),
            ("not", value) => scalars(value).map(Self::NoneOf),
            _ => Err(Invalid::new("must be {exists: boolean}, {prefix: text} or {not: value or array}")),
        }
    }

    fn into_value(self) -> Value {
        let one_or_many =
            |mut values: Vec<Value>| if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        let test = |name: &str, value| Value::Object(Map::from_iter([(name.to_owned(), value)]));
        match self {
            Self::AnyOf(values) => one_or_many(values),
            Self::NoneOf(values) => test("not", one_or_many(values)),
            Self::Exists(wanted) => test("exists", Value::Bool(wanted)),
            Self::Prefix(prefix) => test("prefix", Value::String(prefix)),
        }
    }
}

fn scalars(value: Value) -> Result<Vec<Value>, Invalid> {
    let values = match value {
        Value::Array(values) => values,
        value => vec![value],
    };
    if values.is_empty()
        || values.len() > FILTER_CONDITIONS_MAX
        || values.iter().any(|v| v.is_array() || v.is_object())
    {
        return Err(Invalid::because(format!(
            "must be a scalar or an array of 1 to {FILTER_CONDITIONS_MAX} scalars"
        )));
    }
    Ok(values)
}

impl TryFrom<Map<String, Value>> for PayloadFilter {
    type Error = Invalid;

    fn try_from(conditions: Map<String, Value>) -> Result<Self, Invalid> {
        if conditions.is_empty() || conditions.len() > FILTER_CONDITIONS_MAX {
            return Err(Invalid::because(format!("must have 1 to {FILTER_CONDITIONS_MAX} conditions")));
        }
        let bytes: usize =
            conditions.iter().map(|(pointer, value)| pointer.len() + value.to_string().len()).sum();
        if bytes > FILTER_BYTES_MAX {
            return Err(Invalid::because(format!("must be at most {FILTER_BYTES_MAX} bytes")));
        }
        conditions
            .into_iter()
            .map(|(pointer, value)| {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    return Err(Invalid::because(format!(
                        "`{pointer}` is not a JSON Pointer: it must begin with /"
                    )));
                }
                Condition::parse(value)
                    .map_err(|invalid| Invalid::because(format!("`{pointer}` {invalid}")))
                    .map(|condition| (pointer, condition))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl From<PayloadFilter> for Map<String, Value> {
    fn from(filter: PayloadFilter) -> Self {
        filter.0.into_iter().map(|(pointer, condition)| (pointer, condition.into_value())).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filter(value: &Value) -> Result<PayloadFilter, Invalid> {
        PayloadFilter::try_from(value.as_object().unwrap().clone())
    }

    #[test]
    fn all_conditions_must_hold() {
        let payload = json!({"status": "done", "n": 3, "user": {"email": "a@b.c"}});
        for (conditions, expected) in [
            (json!({"/status": "done"}), true),
            (json!({"/status": ["open", "done"], "/n": 3}), true),
            (json!({"/status": "done", "/n": 4}), false),
            (json!({"/user/email": {"prefix": "a@"}}), true),
            (json!({"/user/name": {"exists": false}}), true),
            (json!({"/status": {"not": ["done", "open"]}}), false),
            (json!({"/missing": {"not": "x"}}), true),
        ] {
            let parsed = filter(&conditions).unwrap();
            assert_eq!(parsed.matches(&payload), expected, "{conditions}");
            assert_eq!(Value::Object(parsed.into()), conditions, "reads back");
        }
    }

    #[test]
    fn malformed_conditions_are_refused() {
        for bad in [
            json!({}),
            json!({"a": 1}),
            json!({"/a": []}),
            json!({"/a": {"like": "x"}}),
            json!({"/a": [[1]]}),
        ] {
            assert!(filter(&bad).is_err(), "{bad}");
        }
    }
}
