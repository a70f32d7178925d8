//! The JSON Schemas that bodies name in `$schema`, made from the OpenAPI document.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::http::Place;

/// What refers to a schema in the document.
const REFERENCE: &str = "#/components/schemas/";
/// The dialect of JSON Schema that OpenAPI 3.1 is written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Where the schema of a body is. Absolute, because the published Python client refuses any other.
pub(super) fn url(place: &Place, name: &str) -> String {
    format!("{}/api/v1/schemas/{name}.json", place.base())
}

/// The schemas of the document by the name of their file, each complete in itself.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let document = super::calls().into_openapi();
    let all = document.components.as_ref().map(|components| &components.schemas);
    let all = serde_json::to_value(all).expect("a document of strings and maps has a JSON form");
    let Value::Object(all) = all else { return BTreeMap::new() };
    let file = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        unfold(&mut schema, &all);
        if let Value::Object(members) = &mut schema {
            members.insert("$schema".to_owned(), Value::from(DIALECT));
        }
        (format!("{name}.json"), schema)
    };
    all.iter().map(file).collect()
});

/// The schema in a file of this name.
pub(super) fn get(file: &str) -> Option<&'static Value> {
    SCHEMAS.get(file)
}

/// Puts schemas in place of references to them. Ours do not contain themselves.
fn unfold(schema: &mut Value, all: &Map<String, Value>) {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix(REFERENCE));
    if let Some(target) = name.and_then(|name| all.get(name)) {
        *schema = target.clone();
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| unfold(member, all)),
        Value::Array(items) => items.iter_mut().for_each(|item| unfold(item, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
