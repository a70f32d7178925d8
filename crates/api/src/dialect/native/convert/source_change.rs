//! What a request changes of a source's settings, also inside of objects.

use posthouse_types::limits::{
    DEDUP_BY_BODY_S_DEFAULT, INGEST_BODY_BYTES_DEFAULT, SOURCE_RATE_PER_MINUTE_DEFAULT,
};
use posthouse_types::{
    AgentId, AuthMode, EndpointUrl, Name, SecretText, SessionMode, SourceSettings, ToolPolicy, TypeFilter,
};

use super::super::wire;
use crate::http::{Fields, Object};

/// The settings that a request names; the outer `None` leaves a setting as it is.
#[derive(Default)]
#[expect(clippy::option_option, reason = "to leave, to clear and to set are three things")]
pub(crate) struct SourceChange {
    name: Option<Name>,
    description: Option<String>,
    auth: Option<AuthMode>,
    auth_header: Option<Option<String>>,
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
    event_header: Option<Option<String>>,
    session: Option<SessionMode>,
    session_name: Option<Option<String>>,
    agent: Option<Option<AgentId>>,
    model: Option<Option<String>>,
    suffix: Option<Option<String>>,
    tools: Option<Option<ToolPolicy>>,
    rate_limit_per_minute: Option<u32>,
    max_body_bytes: Option<u32>,
    ignored_senders: Option<Vec<String>>,
    allowed_cidrs: Option<Vec<String>>,
    dedup_by_body_s: Option<u32>,
    provider_url: Option<Option<EndpointUrl>>,
    prompt_template: Option<Option<String>>,
    deliver_only: Option<bool>,
    enabled: Option<bool>,
}

impl SourceChange {
    /// Makes the change.
    pub(crate) fn apply(&self, settings: &mut SourceSettings) {
        fn set<T: Clone>(target: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                target.clone_from(value);
            }
        }
        set(&mut settings.name, self.name.as_ref());
        set(&mut settings.description, self.description.as_ref());
        // A header belongs to the one mode that has it.
        if self.auth.is_some_and(|auth| auth != AuthMode::StaticHeader) {
            settings.auth_header = None;
        }
        set(&mut settings.auth, self.auth.as_ref());
        set(&mut settings.auth_header, self.auth_header.as_ref());
        let list =
            |given: &Option<Vec<String>>, now: &[String]| given.clone().unwrap_or_else(|| now.to_vec());
        let now = &settings.events;
        settings.events = TypeFilter::new(list(&self.allow, now.allow()), list(&self.deny, now.deny()))
            .expect("each list is checked on its own, and was");
        set(&mut settings.event_header, self.event_header.as_ref());
        settings.session =
            session_after(self.session.as_ref(), self.session_name.as_ref(), &settings.session);
        set(&mut settings.agent, self.agent.as_ref());
        set(&mut settings.overrides.model, self.model.as_ref());
        set(&mut settings.overrides.system_prompt_suffix, self.suffix.as_ref());
        set(&mut settings.overrides.tools, self.tools.as_ref());
        set(&mut settings.rate_limit_per_minute, self.rate_limit_per_minute.as_ref());
        set(&mut settings.max_body_bytes, self.max_body_bytes.as_ref());
        set(&mut settings.ignored_senders, self.ignored_senders.as_ref());
        set(&mut settings.allowed_cidrs, self.allowed_cidrs.as_ref());
        set(&mut settings.dedup_by_body_s, self.dedup_by_body_s.as_ref());
        set(&mut settings.provider_url, self.provider_url.as_ref());
        set(&mut settings.prompt_template, self.prompt_template.as_ref());
        set(&mut settings.deliver_only, self.deliver_only.as_ref());
        set(&mut settings.enabled, self.enabled.as_ref());
    }
}

/// The mode that is meant: a name stays as long as the mode that has it.
fn session_after(
    mode: Option<&SessionMode>,
    name: Option<&Option<String>>,
    before: &SessionMode,
) -> SessionMode {
    match (mode.unwrap_or(before), before) {
        (SessionMode::NamedSession(_), SessionMode::NamedSession(kept)) => {
            SessionMode::NamedSession(name.unwrap_or(kept).clone())
        }
        (SessionMode::NamedSession(_), _) => SessionMode::NamedSession(name.cloned().flatten()),
        (other, _) => other.clone(),
    }
}

/// What a source has now, as far as it decides what may be said.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    /// How its senders prove themselves.
    pub(super) auth: AuthMode,
    /// The same, where its profile decides.
    pub(super) auth_default: AuthMode,
    /// All its deliveries share one session.
    pub(super) named_session: bool,
}

/// Reads a change, and the secret when one is given.
pub(super) fn read_change(
    request: wire::UpdateSource,
    now: Standing,
    fields: &mut Fields,
) -> (SourceChange, Option<SecretText>) {
    let mut change = SourceChange {
        name: fields.read_if(request.name.as_deref(), Name::parse, || "body.name".to_owned()),
        description: request.description.map(Option::unwrap_or_default),
        event_header: request.event_header,
        agent: request.agent_id.map(|agent| {
            fields.read_if(agent.as_deref(), str::parse::<AgentId>, || "body.agent_id".to_owned())
        }),
        rate_limit_per_minute: request
            .rate_limit_per_minute
            .map(|limit| limit.unwrap_or(SOURCE_RATE_PER_MINUTE_DEFAULT)),
        max_body_bytes: request.max_body_bytes.map(|bytes| bytes.unwrap_or(INGEST_BODY_BYTES_DEFAULT)),
        ignored_senders: request.ignored_senders.map(Option::unwrap_or_default),
        allowed_cidrs: request.allowed_cidrs.map(Option::unwrap_or_default),
        dedup_by_body_s: request
            .dedup_by_body_seconds
            .map(|seconds| seconds.unwrap_or(DEDUP_BY_BODY_S_DEFAULT)),
        provider_url: request
            .provider_url
            .map(|url| fields.read_if(url.as_deref(), EndpointUrl::parse, || "body.provider_url".to_owned())),
        prompt_template: request.prompt_template.map(said),
        deliver_only: request.deliver_only,
        enabled: request.enabled,
        ..SourceChange::default()
    };
    if let Some(events) = request.events {
        read_events(events, &mut change, fields);
    }
    if let Some(session) = request.session {
        read_session(session, now, &mut change, fields);
    }
    if let Some(overrides) = request.overrides {
        read_overrides(overrides, &mut change, fields);
    }
    let secret = request.auth.and_then(|Object(given)| read_auth(given, now, &mut change, fields));
    (change, secret)
}

/// An empty text says nothing.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn read_events(events: Option<Object<wire::TypeFilterIn>>, change: &mut SourceChange, fields: &mut Fields) {
    let wire::TypeFilterIn { allow, deny } =
        cleared_or(events, || wire::TypeFilterIn { allow: Some(None), deny: Some(None) });
    change.allow = allow.map(Option::unwrap_or_default);
    change.deny = deny.map(Option::unwrap_or_default);
    for (allow, deny) in [(change.allow.clone(), None), (None, change.deny.clone())] {
        if let Err((list, invalid)) = TypeFilter::new(allow.unwrap_or_default(), deny.unwrap_or_default()) {
            fields.refuse(format!("body.events.{list}"), invalid);
        }
    }
}

fn read_session(
    session: Option<Object<wire::SourceSessionIn>>,
    now: Standing,
    change: &mut SourceChange,
    fields: &mut Fields,
) {
    let wire::SourceSessionIn { mode, name } =
        cleared_or(session, || wire::SourceSessionIn { mode: Some(None), name: None });
    change.session = mode.and_then(|mode| match mode {
        Some(mode) => fields.read(&mode, session_mode_in, || "body.session.mode".to_owned()),
        None => Some(SessionMode::default()),
    });
    change.session_name = name.map(said);
    let is_named = |mode: &SessionMode| matches!(mode, SessionMode::NamedSession(_));
    let named = change.session.as_ref().map_or(now.named_session, is_named);
    if !named && matches!(change.session_name, Some(Some(_))) {
        fields.refuse("body.session.name", "must be absent: only named_session takes one");
    }
}

fn session_mode_in(name: &str) -> Result<SessionMode, &'static str> {
    let all = [SessionMode::PerDelivery, SessionMode::PerEntity, SessionMode::NamedSession(None)];
    let mode = all.into_iter().find(|mode| mode.as_str() == name);
    mode.ok_or("must be per_delivery, per_entity or named_session")
}

fn read_overrides(
    overrides: Option<Object<wire::OverridesIn>>,
    change: &mut SourceChange,
    fields: &mut Fields,
) {
    let wire::OverridesIn { model, system_prompt_suffix, tools } = cleared_or(overrides, || {
        wire::OverridesIn { model: Some(None), system_prompt_suffix: Some(None), tools: Some(None) }
    });
    change.model = model;
    change.suffix = system_prompt_suffix.map(said);
    change.tools = tools.map(|tools| tools.and_then(|tools| tools_in(tools, "body.overrides.tools", fields)));
}

/// Reads a tool policy, of a source or an agent.
pub(super) fn tools_in(tools: wire::ToolsIn, location: &str, fields: &mut Fields) -> Option<ToolPolicy> {
    let (policy, lists) = match tools {
        wire::ToolsIn::Allowed(allow) => (ToolPolicy::new(allow, Vec::new()), false),
        wire::ToolsIn::Lists(lists) => (ToolPolicy::new(lists.allow, lists.deny), true),
    };
    let at = |list| if lists { format!("{location}.{list}") } else { location.to_owned() };
    policy.map_err(|(list, invalid)| fields.refuse(at(list), invalid)).ok()
}

/// Reads how senders prove themselves. The secret has the name that belongs to the mode, so that nobody takes what is
/// sent in the clear for what signs.
fn read_auth(
    given: wire::SourceAuthIn,
    now: Standing,
    change: &mut SourceChange,
    fields: &mut Fields,
) -> Option<SecretText> {
    change.auth = given.mode.and_then(|mode| match mode {
        Some(mode) => fields.read(&mode, str::parse::<AuthMode>, || "body.auth.mode".to_owned()),
        None => Some(now.auth_default),
    });
    change.auth_header = given.header;
    let mode = change.auth.unwrap_or(now.auth);
    for (member, is_given, fits) in [
        ("secret", given.secret.is_some(), !mode.is_token() && mode != AuthMode::None),
        ("token", given.token.is_some(), mode.is_token()),
    ] {
        if is_given && !fits {
            let wanted = match mode {
                AuthMode::None => "takes nothing",
                mode if mode.is_token() => "takes a token",
                _ => "takes a secret",
            };
            fields.refuse(format!("body.auth.{member}"), format!("must be absent: {mode} {wanted}"));
        }
    }
    given.secret.or(given.token).map(SecretText::new)
}

/// What an object says; null clears all that it could say.
fn cleared_or<T>(object: Option<Object<T>>, cleared: impl FnOnce() -> T) -> T {
    object.map_or_else(cleared, |Object(given)| given)
}
