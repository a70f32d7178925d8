//! Sessions on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::nullable;

/// A session to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSession {
    /// Your own id for it; made when absent.
    #[schema(min_length = 1, max_length = 128, pattern = r"^[!-~]+$")]
    pub(crate) id: Option<String>,
    /// The project it belongs to.
    #[schema(format = "uuid")]
    pub(crate) project_id: Option<String>,
    /// For people.
    #[schema(max_length = 1024)]
    pub(crate) label: Option<String>,
    /// Your own data, at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Map<String, Value>>,
    /// The agent that answers what people say there; no one when absent.
    pub(crate) agent_id: Option<String>,
}

/// What to change of a session. Absent: stays. Null: becomes empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent, null and a value are three things in a PATCH")]
pub(crate) struct UpdateSession {
    /// For people.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1024)]
    pub(crate) label: Option<Option<String>>,
    /// Replaces all of your own data.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Option<Map<String, Value>>>,
    /// The agent that answers what people say there.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub(crate) agent_id: Option<Option<String>>,
}

/// A conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its id: the platform's own, or one we made.
    pub(crate) id: String,
    /// The project it belongs to.
    pub(crate) project_id: Option<String>,
    /// For people.
    pub(crate) label: String,
    /// The owner's own data.
    #[schema(value_type = Object)]
    pub(crate) metadata: Map<String, Value>,
    /// The agent that answers what people say there.
    pub(crate) agent_id: Option<String>,
    /// The source whose deliveries made it. Without an agent of its own, it is the source's that answers.
    pub(crate) source_id: Option<String>,
    /// When it was registered, or first named by an event.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// Which sessions to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// Sessions on a page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// Of this project only.
    #[param(format = "uuid")]
    pub(crate) project_id: Option<String>,
}
