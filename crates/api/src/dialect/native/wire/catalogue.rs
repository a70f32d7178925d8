//! Projects, keys and event types on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

fn unnamed() -> String {
    "unnamed".to_owned()
}

/// A project to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateProject {
    /// Your own UUID for it; made when absent.
    #[schema(format = "uuid")]
    pub(crate) id: Option<String>,
    /// For people.
    #[serde(default = "unnamed")]
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) name: String,
}

/// A subdivision of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Project {
    /// Its id.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// For people.
    #[serde(default = "unnamed")]
    #[schema(min_length = 1, max_length = 128)]
    pub(crate) name: String,
    /// `live` or `test`; that of the key that asks when absent. A test key makes no live keys.
    #[schema(pattern = "^(live|test)$")]
    pub(crate) environment: Option<String>,
    /// What it may do: of `manage`, `publish`, `send`, `read`, `admin`, no more than the key that asks may.
    #[schema(min_items = 1, max_items = 5)]
    pub(crate) capabilities: Vec<String>,
    /// It sees this project only.
    #[schema(format = "uuid")]
    pub(crate) project_id: Option<String>,
    /// Whose keys it looks like (its prefix): `posthouse`, `molroo`, `sonzai`, `whatsapp` or `casey`.
    #[schema(pattern = "^(posthouse|molroo|sonzai|whatsapp|casey)$")]
    pub(crate) style: Option<String>,
}

/// An API key, without the key.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// `live` or `test`.
    pub(crate) environment: &'static str,
    /// What it may do.
    pub(crate) capabilities: Vec<&'static str>,
    /// It sees this project only.
    pub(crate) project_id: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// Its prefix and last four characters.
    #[schema(example = "sk_live_…9f3c")]
    pub(crate) hint: String,
}

/// A new API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    /// The key's handle.
    #[serde(flatten)]
    pub(crate) record: Key,
    /// The key itself, shown this once.
    pub(crate) key: String,
}

/// What an event type is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutEventType {
    /// For people.
    #[schema(max_length = 1024)]
    pub(crate) description: Option<String>,
    /// JSON Schema that payloads of this type must satisfy from now on.
    #[schema(value_type = Option<Object>)]
    pub(crate) schema: Option<Value>,
}

/// An entry of the event catalogue.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventType {
    /// The type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// For people.
    pub(crate) description: String,
    /// JSON Schema that payloads must satisfy.
    #[schema(value_type = Option<Object>)]
    pub(crate) schema: Option<Value>,
    /// When it was put.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it was last put.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}
