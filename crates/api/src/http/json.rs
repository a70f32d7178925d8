//! JSON objects, and what is wrong with JSON.

use std::fmt;
use std::marker::PhantomData;

use posthouse_engine::FieldError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_path_to_error::{Path, Segment};

/// A struct that is written as an object. What serde derives would also read an array, member by member.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Object)
    }
}

/// Reads a member that may be absent and may not be null: for `#[serde(default, deserialize_with)]`.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

/// Reads a member whose absence means something else than null.
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(reader).map(Some)
}

/// Names the member that serde refused, as callers know it: `body.rate_limit.burst`.
pub(super) fn refused_member(root: &str, path: &Path, error: &serde_json::Error) -> FieldError {
    let mut location = root.to_owned();
    for segment in path {
        match segment {
            Segment::Seq { index } => location = format!("{location}[{index}]"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                location.push('.');
                location.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    let text = error.to_string();
    // serde_json says where by line and column; the location says it better.
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let quoted = message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("missing field ") {
        return FieldError::new(format!("{location}.{quoted}"), "is required");
    }
    if message.starts_with("duplicate field ") {
        let inside = location.ends_with(&format!(".{quoted}"));
        let location = if inside { location } else { format!("{location}.{quoted}") };
        return FieldError::new(location, "is given twice");
    }
    if message.starts_with("unknown field ") {
        let known = message.rsplit_once(", expected ").map_or("", |(_, known)| known);
        let known = known.trim_start_matches("one of ");
        return match known {
            "" => FieldError::new(location, "unknown member; there are none"),
            known => FieldError::new(location, format!("unknown member; known are {known}")),
        };
    }
    FieldError::new(location, message)
}
