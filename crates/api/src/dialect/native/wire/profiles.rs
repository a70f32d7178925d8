//! Provider profiles on the wire.

use serde::Serialize;
use utoipa::ToSchema;

/// What is known of a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct Profile {
    /// Its name, as sources give it.
    #[schema(example = "github")]
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) display_name: &'static str,
    /// How its requests prove who sent them, unless the source says otherwise.
    pub(crate) auth_mode: &'static str,
    /// The events that people choose from; it may send others.
    pub(crate) events: Vec<ProfileEvent>,
    /// What an agent can do there.
    pub(crate) response_tools: Vec<ProfileTool>,
    /// An agent can do something there.
    pub(crate) has_response_tools: bool,
    /// How to set it up there, Markdown.
    pub(crate) setup_guide: &'static str,
}

/// A kind of event that a provider sends.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileEvent {
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// What it tells.
    pub(crate) description: &'static str,
    /// What people use it for.
    pub(crate) use_case: Option<&'static str>,
}

/// Something that an agent can do at a provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileTool {
    /// Its name, as tool policies give it.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) description: &'static str,
    /// It changes something; false for tools that only look.
    pub(crate) writes: bool,
}
