//! What the settings of a source may be.

use http::HeaderName;
use ipnet::IpNet;
use posthouse_providers as providers;
use posthouse_providers::auth::STATIC_HEADER_DEFAULT;
use posthouse_providers::tool::payload::FULL_PAYLOAD;
use posthouse_types::limits::{
    DEDUP_BY_BODY_S_MAX, DESCRIPTION_CHARS_MAX, INGEST_BODY_BYTES_MAX, INGEST_PER_MINUTE_MAX, NAME_CHARS_MAX,
    PROMPT_BYTES_MAX, SOURCE_CIDRS_MAX, SOURCE_SENDERS_MAX,
};
use posthouse_types::{AuthMode, ProjectId, SessionMode, SourceSettings, ToolPolicy};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, Result};

/// What part of a header's name gives away that its value proves something: so do those of all modes whose header is not
/// the owner's choice.
const SECRET_PARTS: &[&str] =
    &["authorization", "cookie", "hmac", "key-id", "password", "secret", "signature", "token"];

/// Whether a header, named in lower case, proves who sent a request to the source, or may: its value must not be kept or
/// shown.
pub(super) fn is_secret_header(settings: &SourceSettings, name: &str) -> bool {
    let holds_token = settings.auth == AuthMode::StaticHeader
        && name == settings.auth_header.as_deref().unwrap_or(STATIC_HEADER_DEFAULT);
    holds_token || SECRET_PARTS.iter().any(|part| name.contains(part))
}

impl Engine {
    /// Checks the settings of a source, and writes them the one way that they have.
    pub(super) fn check_source(
        &self,
        caller: &Caller,
        project: Option<ProjectId>,
        settings: &mut SourceSettings,
    ) -> Result<()> {
        if providers::find(&settings.profile).is_none() {
            let names: Vec<&str> = providers::all().iter().map(|profile| profile.name).collect();
            return Err(Error::field("body.profile", format!("must be one of {}", names.join(", "))));
        }
        check_headers(settings)?;
        check_texts(settings)?;
        check_numbers(settings)?;
        check_networks(settings)?;
        if let Some(url) = &settings.provider_url
            && !url.is_https()
            && !(self.options.http_to_loopback && url.is_loopback())
        {
            // The provider's token goes there.
            return Err(Error::field("body.provider_url", "must begin with https://"));
        }
        if let Some(policy) = &settings.overrides.tools {
            check_tools(policy, "body.overrides.tools")?;
        }
        if let Some(id) = settings.agent {
            let agent = self.agents.get(caller.space, id);
            let fits = agent.is_some_and(|agent| agent.project.is_none() || agent.project == project);
            if !fits {
                return Err(Error::field("body.agent_id", format!("there is no agent {id}")));
            }
        }
        Ok(())
    }
}

/// A name in a policy that is nearly one of ours is a slip of the pen: it would rule in, or out, nothing. Others may be
/// tools of systems that the policy came from.
pub(crate) fn check_tools(policy: &ToolPolicy, location: &str) -> Result<()> {
    const OURS: [&str; 4] = ["github_", "gitlab_", "stripe_", "webhook_"];
    let is_known = |name: &str| {
        let mut tools =
            providers::all().iter().flat_map(|profile| profile.tools.iter().map(|tool| tool.name));
        name.ends_with('*')
            || !OURS.iter().any(|prefix| name.starts_with(prefix))
            || name == FULL_PAYLOAD.name
            || tools.any(|tool| tool == name)
    };
    for (list, entries) in [("allow", policy.allow()), ("deny", policy.deny())] {
        if let Some(index) = entries.iter().position(|entry| !is_known(entry)) {
            let message = format!("there is no tool {}", entries[index]);
            return Err(Error::field(format!("{location}.{list}[{index}]"), message));
        }
    }
    Ok(())
}

fn check_headers(settings: &mut SourceSettings) -> Result<()> {
    for (header, location) in
        [(&mut settings.auth_header, "body.auth.header"), (&mut settings.event_header, "body.event_header")]
    {
        if let Some(name) = header {
            let parsed = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Error::field(location, "must be the name of a header"))?;
            *header = Some(parsed.as_str().to_owned());
        }
    }
    if settings.auth_header.is_some() && settings.auth != AuthMode::StaticHeader {
        return Err(Error::field("body.auth.header", "must be absent: only static_header takes one"));
    }
    if settings.event_header.as_deref().is_some_and(|name| is_secret_header(settings, name)) {
        // Types are kept, shown and counted.
        return Err(Error::field("body.event_header", "must not be a header that proves who sent a request"));
    }
    Ok(())
}

fn check_texts(settings: &SourceSettings) -> Result<()> {
    if settings.description.chars().count() > DESCRIPTION_CHARS_MAX {
        let message = format!("must be at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(Error::field("body.description", message));
    }
    if settings.ignored_senders.len() > SOURCE_SENDERS_MAX {
        let message = format!("must have at most {SOURCE_SENDERS_MAX} entries");
        return Err(Error::field("body.ignored_senders", message));
    }
    let overrides = &settings.overrides;
    for (text, location) in [
        (&overrides.system_prompt_suffix, "body.overrides.system_prompt_suffix"),
        (&settings.prompt_template, "body.prompt_template"),
    ] {
        if text.as_ref().is_some_and(|text| text.len() > PROMPT_BYTES_MAX) {
            return Err(Error::field(location, format!("must be at most {PROMPT_BYTES_MAX} bytes")));
        }
    }
    let short = |text: &String| {
        !text.trim().is_empty()
            && text.chars().count() <= NAME_CHARS_MAX
            && !text.chars().any(char::is_control)
    };
    if let Some(index) = settings.ignored_senders.iter().position(|sender| !short(sender)) {
        let message = format!("must be 1 to {NAME_CHARS_MAX} printable characters");
        return Err(Error::field(format!("body.ignored_senders[{index}]"), message));
    }
    if overrides.model.as_ref().is_some_and(|model| !short(model)) {
        let message = format!("must be 1 to {NAME_CHARS_MAX} printable characters");
        return Err(Error::field("body.overrides.model", message));
    }
    if let SessionMode::NamedSession(Some(name)) = &settings.session
        && !short(name)
    {
        let message = format!("must be 1 to {NAME_CHARS_MAX} printable characters");
        return Err(Error::field("body.session.name", message));
    }
    Ok(())
}

fn check_numbers(settings: &SourceSettings) -> Result<()> {
    for (value, least, most, location) in [
        (settings.rate_limit_per_minute, 1, INGEST_PER_MINUTE_MAX, "body.rate_limit_per_minute"),
        (settings.max_body_bytes, 1, INGEST_BODY_BYTES_MAX, "body.max_body_bytes"),
        (settings.dedup_by_body_s, 0, DEDUP_BY_BODY_S_MAX, "body.dedup_by_body_seconds"),
    ] {
        if value < least || value > most {
            return Err(Error::field(location, format!("must be {least} to {most}")));
        }
    }
    Ok(())
}

fn check_networks(settings: &SourceSettings) -> Result<()> {
    if settings.allowed_cidrs.len() > SOURCE_CIDRS_MAX {
        return Err(Error::field(
            "body.allowed_cidrs",
            format!("must have at most {SOURCE_CIDRS_MAX} entries"),
        ));
    }
    for (index, text) in settings.allowed_cidrs.iter().enumerate() {
        if network(text).is_none() {
            let location = format!("body.allowed_cidrs[{index}]");
            return Err(Error::field(location, "must be an address, or a network such as 192.0.2.0/24"));
        }
    }
    Ok(())
}

/// Reads a network, or an address as the network of it alone.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()))
}
