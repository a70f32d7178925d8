//! Sources: what is asked for, and what is shown.

use std::time::Duration;

use posthouse_engine::{CreateSource, Error, Profile, RotateSource, RotatedSource, SourceDetail};
use posthouse_types::{
    AuthMode, Name, ProjectId, SecretText, SessionMode, Source, SourceSettings, ToolPolicy, TypeFilter,
};

use super::super::wire;
use super::source_change::{SourceChange, Standing, read_change};
use super::time_out;
use crate::http::{Fields, Place};

/// Where sources are reached, behind the server's address.
const INGEST_PATH: &str = "/api/webhooks/ingest/";

const OPEN_DOOR: &str = "auth.mode is none: whoever knows the URL can send. For local testing only.";

/// What is to change of a source, read from a request.
pub(crate) struct SourcePatch {
    /// Of its settings.
    pub(crate) settings: SourceChange,
    /// What proves its senders.
    pub(crate) secret: Option<SecretText>,
    /// Its credential for the provider's REST API.
    #[expect(clippy::option_option, reason = "to leave, to remove and to set are three things")]
    pub(crate) provider_token: Option<Option<SecretText>>,
}

pub(crate) fn create_source(
    request: wire::CreateSource,
    profiles: &[&'static Profile],
) -> Result<CreateSource, Error> {
    let mut fields = Fields::default();
    let name = fields.read(&request.name, Name::parse, || "body.name".to_owned());
    let profile =
        fields.read(&request.profile, |name| profile_in(name, profiles), || "body.profile".to_owned());
    let project = request.project_id.as_deref();
    let project = fields.read_if(project, str::parse::<ProjectId>, || "body.project_id".to_owned());
    // Without a profile the request is refused; what else is wrong with it is said all the same.
    let auth = profile.map_or(AuthMode::StaticHeader, |profile| profile.auth);
    // A new source is the default one, changed by what is said; null says nothing.
    let asked = wire::UpdateSource {
        name: None,
        description: request.description.map(Some),
        auth: request.auth,
        events: request.events.map(Some),
        event_header: request.event_header.map(Some),
        session: request.session.map(Some),
        agent_id: request.agent_id.map(Some),
        overrides: request.overrides.map(Some),
        rate_limit_per_minute: request.rate_limit_per_minute.map(Some),
        max_body_bytes: request.max_body_bytes.map(Some),
        ignored_senders: request.ignored_senders.map(Some),
        allowed_cidrs: request.allowed_cidrs.map(Some),
        dedup_by_body_seconds: request.dedup_by_body_seconds.map(Some),
        provider_token: request.provider_token.map(Some),
        provider_url: request.provider_url.map(Some),
        prompt_template: request.prompt_template.map(Some),
        deliver_only: request.deliver_only,
        enabled: request.enabled,
    };
    let standing = Standing { auth, auth_default: auth, named_session: false };
    let patch = read_patch(asked, standing, &mut fields);
    let mut settings = SourceSettings::new(fields.finish_with(name)?, &request.profile, auth);
    patch.settings.apply(&mut settings);
    let provider_token = patch.provider_token.flatten();
    Ok(CreateSource { settings, project, secret: patch.secret, provider_token })
}

/// What to change of a source that is now so.
pub(crate) fn source_patch(
    request: wire::UpdateSource,
    now: &SourceSettings,
    profiles: &[&'static Profile],
) -> Result<SourcePatch, Error> {
    let mut fields = Fields::default();
    let standing = Standing {
        auth: now.auth,
        auth_default: profile_in(&now.profile, profiles).map_or(now.auth, |profile| profile.auth),
        named_session: matches!(now.session, SessionMode::NamedSession(_)),
    };
    let patch = read_patch(request, standing, &mut fields);
    fields.finish()?;
    Ok(patch)
}

fn read_patch(mut request: wire::UpdateSource, standing: Standing, fields: &mut Fields) -> SourcePatch {
    let provider_token = request.provider_token.take().map(|token| token.map(SecretText::new));
    let (settings, secret) = read_change(request, standing, fields);
    SourcePatch { settings, secret, provider_token }
}

fn profile_in(name: &str, profiles: &[&'static Profile]) -> Result<&'static Profile, String> {
    profiles.iter().copied().find(|profile| profile.name == name).ok_or_else(|| {
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// A source as it is shown at this place.
pub(crate) fn source_out(detail: SourceDetail, place: &Place) -> wire::Source {
    let SourceDetail { source, has_secret, has_provider_token } = detail;
    let Source { settings, .. } = source;
    let public_id = source.public_id.to_string();
    wire::Source {
        id: source.id.to_string(),
        number: source.number,
        ingest_url: [&place.server(), INGEST_PATH, &public_id].concat(),
        public_id,
        project_id: source.project.map(|id| id.to_string()),
        warning: (settings.auth == AuthMode::None).then_some(OPEN_DOOR),
        auth: wire::SourceAuth { mode: settings.auth.as_str(), header: settings.auth_header },
        has_secret,
        events: types_out(&settings.events),
        session: session_mode_out(settings.session),
        overrides: wire::Overrides {
            model: settings.overrides.model,
            system_prompt_suffix: settings.overrides.system_prompt_suffix,
            tools: settings.overrides.tools.as_ref().map(tools_out),
        },
        name: settings.name.to_string(),
        profile: settings.profile,
        description: settings.description,
        event_header: settings.event_header,
        agent_id: settings.agent.map(|id| id.to_string()),
        rate_limit_per_minute: settings.rate_limit_per_minute,
        max_body_bytes: settings.max_body_bytes,
        ignored_senders: settings.ignored_senders,
        allowed_cidrs: settings.allowed_cidrs,
        dedup_by_body_seconds: settings.dedup_by_body_s,
        has_provider_token,
        provider_url: settings.provider_url.map(|url| url.as_str().to_owned()),
        prompt_template: settings.prompt_template,
        deliver_only: settings.deliver_only,
        enabled: settings.enabled,
        deliveries: source.deliveries,
        last_delivery_at: time_out(source.last_delivery_at),
        created_at: source.created_at.to_string(),
        updated_at: source.updated_at.to_string(),
    }
}

/// A new source, with its secret when that was made here.
pub(crate) fn created_source(
    detail: SourceDetail,
    made: Option<&SecretText>,
    place: &Place,
) -> wire::CreatedSource {
    let secret = made.map(|secret| secret.expose().to_owned());
    wire::CreatedSource { source: source_out(detail, place), secret }
}

fn session_mode_out(session: SessionMode) -> wire::SourceSession {
    let mode = session.as_str();
    let name = if let SessionMode::NamedSession(name) = session { name } else { None };
    wire::SourceSession { mode, name }
}

fn types_out(filter: &TypeFilter) -> wire::Lists {
    wire::Lists { allow: filter.allow().to_vec(), deny: filter.deny().to_vec() }
}

/// A tool policy, of a source or an agent.
pub(super) fn tools_out(policy: &ToolPolicy) -> wire::Lists {
    wire::Lists { allow: policy.allow().to_vec(), deny: policy.deny().to_vec() }
}

pub(crate) fn rotate_source(request: wire::RotateSourceSecret) -> RotateSource {
    RotateSource {
        secret: request.secret.map(SecretText::new),
        overlap: request.overlap_seconds.map(Duration::from_secs),
    }
}

pub(crate) fn rotated_source(rotated: &RotatedSource) -> wire::RotatedSourceSecret {
    wire::RotatedSourceSecret {
        secret: rotated.secret.expose().to_owned(),
        overlap_seconds: rotated.overlap.as_secs(),
    }
}

/// The profiles, all on one page.
pub(crate) fn profiles_out(profiles: &[&'static Profile]) -> wire::Page<wire::Profile> {
    wire::Page { data: profiles.iter().map(|profile| profile_out(profile)).collect(), next_cursor: None }
}

fn profile_out(profile: &'static Profile) -> wire::Profile {
    let events = profile.catalogue.iter().map(|entry| wire::ProfileEvent {
        kind: entry.event_type,
        description: entry.description,
        use_case: entry.use_case,
    });
    let tools = profile.tools.iter().map(|tool| wire::ProfileTool {
        name: tool.name,
        description: tool.description,
        writes: tool.writes,
    });
    wire::Profile {
        name: profile.name,
        display_name: profile.display_name,
        auth_mode: profile.auth.as_str(),
        events: events.collect(),
        response_tools: tools.collect(),
        has_response_tools: !profile.tools.is_empty(),
        setup_guide: profile.setup_guide,
    }
}
