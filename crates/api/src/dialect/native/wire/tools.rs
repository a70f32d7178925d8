//! Tool policies as they are given: two spellings, which serde and utoipa can not derive.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use utoipa::{ToSchema, openapi};

/// Which tools may be used, as given: both lists, or the allowed ones alone.
pub(crate) enum ToolsIn {
    Allowed(Vec<String>),
    Lists(ToolLists),
}

/// Which tools may be used. An entry is a tool's name, or the beginning of one and `*`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolLists {
    /// Those that may be used; none when absent.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["github_*", "webhook_get_full_payload"]))]
    pub(crate) allow: Vec<String>,
    /// Those that may not, even if `allow` names them.
    #[serde(default)]
    #[schema(max_items = 100, example = json!(["github_merge_pr"]))]
    pub(crate) deny: Vec<String>,
}

impl utoipa::PartialSchema for ToolsIn {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        let entry = openapi::ObjectBuilder::new().schema_type(openapi::Type::String);
        let allowed = openapi::ArrayBuilder::new().items(entry).max_items(Some(100));
        let lists = openapi::Ref::from_schema_name(ToolLists::name());
        let both = openapi::OneOfBuilder::new().item(allowed).item(lists);
        both.description(Some("Which tools may be used: both lists, or the allowed ones alone.")).into()
    }
}

impl ToSchema for ToolsIn {
    fn schemas(schemas: &mut Vec<(String, openapi::RefOr<openapi::Schema>)>) {
        schemas.push((ToolLists::name().into_owned(), <ToolLists as utoipa::PartialSchema>::schema()));
    }
}

impl<'de> Deserialize<'de> for ToolsIn {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct AllowedOrLists;

        impl<'de> Visitor<'de> for AllowedOrLists {
            type Value = ToolsIn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of the lists allow and deny, or the list allow alone")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<ToolsIn, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(entries)).map(ToolsIn::Allowed)
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<ToolsIn, A::Error> {
                ToolLists::deserialize(MapAccessDeserializer::new(members)).map(ToolsIn::Lists)
            }
        }

        reader.deserialize_any(AllowedOrLists)
    }
}
