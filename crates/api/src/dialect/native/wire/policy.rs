//! Retry policies as they are given: two spellings, which serde and utoipa can not derive.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use utoipa::{ToSchema, openapi};

/// The policies, by name.
const POLICY_NAMES: [&str; 5] = ["standard", "exponential", "linear", "constant", "custom"];

/// A retry policy as given: its members, or its name alone.
pub(crate) enum PolicyIn {
    Name(String),
    Members(PolicyMembers),
}

/// The members of a retry policy to set. Those that the policy does not have are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyMembers {
    /// `standard` (10 attempts over three days), `exponential`, `linear`, `constant` or `custom`.
    #[schema(example = "exponential", pattern = "^(standard|exponential|linear|constant|custom)$")]
    pub(crate) policy: String,
    /// The base wait: `exponential`, `linear`, `constant`. 2 when absent.
    #[schema(minimum = 1, maximum = 3600)]
    pub(crate) delay_seconds: Option<u64>,
    /// Attempts in all: `exponential`, `linear`, `constant`. 15 when absent.
    #[schema(minimum = 1, maximum = 50)]
    pub(crate) attempts: Option<u16>,
    /// No single wait is longer: `exponential`, `linear`, `constant`. 21600 when absent.
    #[schema(minimum = 1, maximum = 86400)]
    pub(crate) cap_seconds: Option<u64>,
    /// The waits, one less than there are attempts: `custom`, which needs it.
    #[schema(max_items = 49)]
    pub(crate) delays_seconds: Option<Vec<f64>>,
    /// Part of a wait by which it may be longer or shorter. 0.1 when absent.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) jitter: Option<f64>,
}

impl utoipa::PartialSchema for PolicyIn {
    fn schema() -> openapi::RefOr<openapi::Schema> {
        let name =
            openapi::ObjectBuilder::new().schema_type(openapi::Type::String).enum_values(Some(POLICY_NAMES));
        let members = openapi::Ref::from_schema_name(PolicyMembers::name());
        let both = openapi::OneOfBuilder::new().item(name).item(members);
        both.description(Some(
            "A retry policy to set: its name, which stands for its defaults, or its members.",
        ))
        .into()
    }
}

impl ToSchema for PolicyIn {
    fn schemas(schemas: &mut Vec<(String, openapi::RefOr<openapi::Schema>)>) {
        schemas
            .push((PolicyMembers::name().into_owned(), <PolicyMembers as utoipa::PartialSchema>::schema()));
    }
}

impl<'de> Deserialize<'de> for PolicyIn {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NameOrMembers;

        impl<'de> Visitor<'de> for NameOrMembers {
            type Value = PolicyIn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a retry policy or its name")
            }

            fn visit_str<E>(self, name: &str) -> Result<PolicyIn, E> {
                Ok(PolicyIn::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<PolicyIn, A::Error> {
                PolicyMembers::deserialize(MapAccessDeserializer::new(members)).map(PolicyIn::Members)
            }
        }

        reader.deserialize_any(NameOrMembers)
    }
}
