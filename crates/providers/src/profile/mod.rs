//! The profiles: a table of plain values.

mod generic;
mod github;
mod gitlab;
mod linear;
mod pagerduty;
mod sentry;
mod shopify;
mod slack;
mod standard_webhooks;
mod stripe;

use posthouse_types::AuthMode;

use crate::incoming::{Incoming, Reading, Summary};
use crate::tool::Tool;

/// What is known of a provider.
#[derive(Debug)]
pub struct Profile {
    /// Its name in the API: `github`.
    pub name: &'static str,
    /// For people: `GitHub`.
    pub display_name: &'static str,
    /// How its requests prove who sent them, unless the source says otherwise.
    pub auth: AuthMode,
    /// The events that people choose from; it may send others.
    pub catalogue: &'static [CatalogueEntry],
    /// How to set it up there, Markdown.
    pub setup_guide: &'static str,
    /// What an agent can do there.
    pub tools: &'static [Tool],
    /// Takes from a request what routing needs.
    pub read: fn(&Incoming<'_>) -> Reading,
    /// Writes what an agent is told of a request of this type; at most 16 KiB, whatever the request.
    pub summarise: fn(&Incoming<'_>, Option<&str>) -> Summary,
    /// The answer that the provider wants at once instead of 202, when the (verified) request is only a test of the
    /// URL: the body, JSON or text.
    pub challenge: Option<fn(&Incoming<'_>) -> Option<String>>,
}

/// A kind of event that a provider sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// Its type, as `Profile::read` makes it.
    pub event_type: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// What people use it for.
    pub use_case: Option<&'static str>,
}

impl CatalogueEntry {
    const fn new(event_type: &'static str, description: &'static str) -> Self {
        Self { event_type, description, use_case: None }
    }

    const fn used_for(self, use_case: &'static str) -> Self {
        Self { use_case: Some(use_case), ..self }
    }
}

/// All profiles, in the order in which people are offered them.
pub fn all() -> &'static [&'static Profile] {
    static ALL: &[&Profile] = &[
        &github::PROFILE,
        &gitlab::PROFILE,
        &stripe::PROFILE,
        &linear::PROFILE,
        &pagerduty::PROFILE,
        &sentry::PROFILE,
        &slack::PROFILE,
        &shopify::PROFILE,
        &standard_webhooks::PROFILE,
        &generic::PROFILE,
    ];
    ALL
}

/// The profile of this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    all().iter().copied().find(|profile| profile.name == name)
}
