//! What a webhook is to be, as Moltis writes it. Source: Moltis, `crates/webhooks`, `types`; of a patch, what is
//! absent stays, and null clears what need not be there.

use std::str::FromStr;

use posthouse_engine::Error;
use posthouse_types::limits::{INGEST_BODY_BYTES_DEFAULT, SOURCE_RATE_PER_MINUTE_DEFAULT};
use posthouse_types::{
    AgentId, AuthMode, EndpointUrl, Name, SecretText, SessionMode, SourceSettings, ToolPolicy, TypeFilter,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::params::camel_case;
use super::wire::{LOG, REDACTED};
use crate::http::{Fields, Object, nullable, parse};

/// Members of a webhook as they are sent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Sent {
    name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    description: Sometimes<String>,
    enabled: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    agent_id: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    model: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    system_prompt_suffix: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    tool_policy: Sometimes<Object<SentLists>>,
    auth_mode: Option<String>,
    #[serde(deserialize_with = "nullable")]
    auth_config: Sometimes<Value>,
    source_profile: Option<String>,
    #[serde(deserialize_with = "nullable")]
    source_config: Sometimes<Value>,
    #[serde(deserialize_with = "nullable")]
    event_filter: Sometimes<Object<SentLists>>,
    session_mode: Option<String>,
    #[serde(deserialize_with = "nullable")]
    named_session_key: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    allowed_cidrs: Sometimes<Vec<String>>,
    #[serde(deserialize_with = "nullable")]
    max_body_bytes: Sometimes<u32>,
    #[serde(deserialize_with = "nullable")]
    rate_limit_per_minute: Sometimes<u32>,
    deliver_only: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    prompt_template: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    deliver_to: Sometimes<String>,
    #[serde(deserialize_with = "nullable")]
    deliver_extra: Sometimes<Value>,
}

/// Absent, null and a value are three things.
type Sometimes<T> = Option<Option<T>>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SentLists {
    allow: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

/// What is to change of a webhook.
pub(super) struct Change {
    name: Option<Name>,
    description: Sometimes<String>,
    enabled: Option<bool>,
    agent: Sometimes<AgentId>,
    model: Sometimes<String>,
    system_prompt_suffix: Sometimes<String>,
    tools: Sometimes<ToolPolicy>,
    auth: Option<AuthMode>,
    header: Sometimes<String>,
    profile: Option<String>,
    provider_url: Sometimes<EndpointUrl>,
    event_header: Sometimes<String>,
    events: Option<TypeFilter>,
    session: Option<SessionMode>,
    allowed_cidrs: Option<Vec<String>>,
    max_body_bytes: Option<u32>,
    rate_limit_per_minute: Option<u32>,
    deliver_only: Option<bool>,
    prompt_template: Sometimes<String>,
    /// What proves senders from now on.
    pub(super) secret: Option<SecretText>,
    /// The credential for the provider's REST API.
    pub(super) provider_token: Sometimes<SecretText>,
}

/// Reads a new webhook: its settings, and what is secret of it.
pub(super) fn create(members: Map<String, Value>) -> Result<(SourceSettings, Change), Error> {
    let mut sent = read(members)?;
    // Of something new, null says no more than absence.
    sent.auth_config = sent.auth_config.filter(Option::is_some);
    let name = sent.name.as_deref().ok_or_else(|| Error::field("body.name", "is required"))?;
    let name = Name::parse(name).map_err(|invalid| Error::field("body.name", invalid))?;
    let profile = sent.source_profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
    let mut settings = SourceSettings::new(name, &profile, AuthMode::StaticHeader);
    let change = Change::of(sent, &settings)?;
    change.apply(&mut settings);
    Ok((settings, change))
}

/// Source: Moltis.
const DEFAULT_PROFILE: &str = "generic";

/// Reads what is to change of a webhook that is now so.
pub(super) fn patch(members: Map<String, Value>, now: &SourceSettings) -> Result<Change, Error> {
    Change::of(read(members)?, now)
}

fn read(members: Map<String, Value>) -> Result<Sent, Error> {
    let text = Value::Object(members).to_string();
    Ok(parse::<Object<Sent>>(text.as_bytes(), "body")?.0)
}

impl Change {
    fn of(sent: Sent, now: &SourceSettings) -> Result<Self, Error> {
        let mut fields = Fields::default();
        let auth =
            fields.read_if(sent.auth_mode.as_deref(), AuthMode::from_str, || "body.authMode".to_owned());
        let (header, secret) = auth_config(sent.auth_config, auth.unwrap_or(now.auth), &mut fields);
        let provider = source_config(sent.source_config, &mut fields);
        only_log(sent.deliver_to, sent.deliver_extra, &mut fields);
        let agent = sent
            .agent_id
            .map(|id| fields.read_if(id.as_deref(), AgentId::from_str, || "body.agentId".to_owned()));
        let tools = sent.tool_policy.map(|lists| {
            let lists = lists?.0;
            let policy = ToolPolicy::new(lists.allow.unwrap_or_default(), lists.deny.unwrap_or_default());
            listed(policy, "body.toolPolicy", &mut fields)
        });
        let events = sent.event_filter.and_then(|sent| {
            let lists = sent.map_or_else(SentLists::default, |Object(lists)| lists);
            let filter = TypeFilter::new(lists.allow.unwrap_or_default(), lists.deny.unwrap_or_default());
            listed(filter, "body.eventFilter", &mut fields)
        });
        let change = Self {
            name: fields.read_if(sent.name.as_deref(), Name::parse, || "body.name".to_owned()),
            description: sent.description,
            enabled: sent.enabled,
            agent,
            model: sent.model,
            system_prompt_suffix: sent.system_prompt_suffix,
            tools,
            auth,
            header,
            profile: sent.source_profile,
            provider_url: provider.url,
            event_header: provider.event_header,
            events,
            session: session(sent.session_mode.as_deref(), sent.named_session_key, now, &mut fields),
            allowed_cidrs: sent.allowed_cidrs.map(Option::unwrap_or_default),
            max_body_bytes: sent.max_body_bytes.map(|bytes| bytes.unwrap_or(INGEST_BODY_BYTES_DEFAULT)),
            rate_limit_per_minute: sent
                .rate_limit_per_minute
                .map(|limit| limit.unwrap_or(SOURCE_RATE_PER_MINUTE_DEFAULT)),
            deliver_only: sent.deliver_only,
            prompt_template: sent.prompt_template,
            secret,
            provider_token: provider.token,
        };
        fields.finish()?;
        Ok(change)
    }

    /// Makes the change. What was not sent stays as it is in `settings`, which may be newer than what the change was
    /// read against.
    pub(super) fn apply(&self, settings: &mut SourceSettings) {
        let overrides = &mut settings.overrides;
        set(&mut overrides.model, self.model.as_ref());
        set(&mut overrides.system_prompt_suffix, self.system_prompt_suffix.as_ref());
        set(&mut overrides.tools, self.tools.as_ref());
        set(&mut settings.name, self.name.as_ref());
        if let Some(description) = &self.description {
            settings.description = description.clone().unwrap_or_default();
        }
        set(&mut settings.enabled, self.enabled.as_ref());
        set(&mut settings.agent, self.agent.as_ref());
        set(&mut settings.profile, self.profile.as_ref());
        set(&mut settings.auth, self.auth.as_ref());
        set(&mut settings.auth_header, self.header.as_ref());
        if settings.auth != AuthMode::StaticHeader {
            settings.auth_header = None;
        }
        set(&mut settings.provider_url, self.provider_url.as_ref());
        set(&mut settings.event_header, self.event_header.as_ref());
        set(&mut settings.events, self.events.as_ref());
        set(&mut settings.session, self.session.as_ref());
        set(&mut settings.allowed_cidrs, self.allowed_cidrs.as_ref());
        set(&mut settings.max_body_bytes, self.max_body_bytes.as_ref());
        set(&mut settings.rate_limit_per_minute, self.rate_limit_per_minute.as_ref());
        set(&mut settings.deliver_only, self.deliver_only.as_ref());
        set(&mut settings.prompt_template, self.prompt_template.as_ref());
    }
}

fn set<T: Clone>(member: &mut T, asked: Option<&T>) {
    if let Some(asked) = asked {
        member.clone_from(asked);
    }
}

fn listed<T>(
    lists: Result<T, (&'static str, posthouse_types::Invalid)>,
    member: &str,
    fields: &mut Fields,
) -> Option<T> {
    lists.map_err(|(list, invalid)| fields.refuse(format!("{member}.{list}"), invalid)).ok()
}

/// The mode, and the name that only one of them has; `None` when neither was sent.
fn session(
    mode: Option<&str>,
    key: Sometimes<String>,
    now: &SourceSettings,
    fields: &mut Fields,
) -> Option<SessionMode> {
    if mode.is_none() && key.is_none() {
        return None;
    }
    let mode = mode.unwrap_or(now.session.as_str());
    if mode == "named_session" {
        let before = match &now.session {
            SessionMode::NamedSession(name) => name.clone(),
            SessionMode::PerDelivery | SessionMode::PerEntity => None,
        };
        return Some(SessionMode::NamedSession(key.unwrap_or(before)));
    }
    if key.as_ref().is_some_and(Option::is_some) {
        fields.refuse("body.namedSessionKey", "only goes with the sessionMode named_session");
    }
    match mode {
        "per_delivery" => Some(SessionMode::PerDelivery),
        "per_entity" => Some(SessionMode::PerEntity),
        _ => {
            fields.refuse("body.sessionMode", "must be per_delivery, per_entity or named_session");
            None
        }
    }
}

/// The member of `authConfig` that holds what proves senders. Source: Moltis.
const fn secret_member(mode: AuthMode) -> Option<&'static str> {
    match mode {
        AuthMode::None => None,
        AuthMode::StaticHeader => Some("value"),
        AuthMode::Bearer | AuthMode::GitlabToken => Some("token"),
        AuthMode::GithubHmacSha256
        | AuthMode::StripeWebhookSignature
        | AuthMode::LinearWebhookSignature
        | AuthMode::PagerdutyV2Signature
        | AuthMode::SentryWebhookSignature
        | AuthMode::StandardWebhooks
        | AuthMode::SlackSignature
        | AuthMode::ShopifyHmacSha256 => Some("secret"),
    }
}

/// Header and secret; the configuration is replaced as a whole.
fn auth_config(
    config: Sometimes<Value>,
    mode: AuthMode,
    fields: &mut Fields,
) -> (Sometimes<String>, Option<SecretText>) {
    let Some(config) = config.filter(|config| is_news(config.as_ref())) else { return (None, None) };
    let member = secret_member(mode);
    let Some(mut config) = object(config.unwrap_or_default(), "body.authConfig", fields) else {
        return (None, None);
    };
    let header =
        (mode == AuthMode::StaticHeader).then(|| text(&mut config, "header", "body.authConfig.", fields));
    let secret = member.and_then(|member| text(&mut config, member, "body.authConfig.", fields));
    if let (Some(member), None) = (member, &secret) {
        fields.refuse(format!("body.authConfig.{member}"), format!("is required for {mode}"));
    }
    let known = match (mode, member) {
        (AuthMode::StaticHeader, _) => "header and value".to_owned(),
        (_, Some(member)) => member.to_owned(),
        (_, None) => "none".to_owned(),
    };
    for name in config.keys() {
        fields
            .refuse(format!("body.authConfig.{name}"), format!("unknown member; of {mode} known is {known}"));
    }
    (header, secret.map(SecretText::new))
}

/// What of `sourceConfig` means anything here.
#[derive(Default)]
struct Provider {
    token: Sometimes<SecretText>,
    url: Sometimes<EndpointUrl>,
    event_header: Sometimes<String>,
}

fn source_config(config: Sometimes<Value>, fields: &mut Fields) -> Provider {
    const AT: &str = "body.sourceConfig.";
    let Some(config) = config.filter(|config| is_news(config.as_ref())) else { return Provider::default() };
    let Some(config) = object(config.unwrap_or_default(), "body.sourceConfig", fields) else {
        return Provider::default();
    };
    let mut config = camel_case(config);
    // The texts are read whatever else is wrong, so that all of it is named.
    let token = text(&mut config, "apiToken", AT, fields).map(SecretText::new);
    let url = text(&mut config, "apiUrl", AT, fields);
    let url = fields.read_if(url.as_deref(), EndpointUrl::parse, || format!("{AT}api_url"));
    let event_header = text(&mut config, "eventHeader", AT, fields);
    for name in config.keys() {
        fields.refuse(format!("{AT}{name}"), "unknown member; known are api_token, api_url and event_header");
    }
    Provider { token: Some(token), url: Some(url), event_header: Some(event_header) }
}

/// False for what was shown in place of a secret: whoever sends it back means to change nothing.
fn is_news(config: Option<&Value>) -> bool {
    config.is_none_or(|config| config != REDACTED)
}

/// The members of an object; null has none.
fn object(value: Value, member: &str, fields: &mut Fields) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        Value::Null => Some(Map::new()),
        _ => {
            fields.refuse(member, "must be an object");
            None
        }
    }
}

/// Takes a text that may be absent, or null. What is no text is not repeated: it may be a secret.
fn text(members: &mut Map<String, Value>, name: &str, at: &str, fields: &mut Fields) -> Option<String> {
    match members.remove(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => {
            fields.refuse(format!("{at}{name}"), "must be text");
            None
        }
    }
}

/// Messages without an agent go to the session, which is what Moltis calls `log`.
fn only_log(to: Sometimes<String>, extra: Sometimes<Value>, fields: &mut Fields) {
    if to.flatten().is_some_and(|to| to != LOG) {
        fields.refuse("body.deliverTo", "must be `log`, or absent: there are no other channels here");
    }
    let nothing = |extra: &Value| extra.as_object().is_some_and(Map::is_empty);
    if extra.flatten().is_some_and(|extra| !nothing(&extra)) {
        fields.refuse("body.deliverExtra", "must be empty, or absent: no channel takes any");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> SourceSettings {
        SourceSettings::new(Name::parse("n").unwrap(), DEFAULT_PROFILE, AuthMode::None)
    }

    fn read_against(now: &SourceSettings, members: Value) -> Change {
        let Value::Object(members) = members else { panic!("a patch is an object") };
        patch(members, now).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_was_not_sent_keeps_what_others_changed_meanwhile() {
        let change = read_against(&now(), json!({ "description": "d" }));
        let mut settings = SourceSettings {
            auth: AuthMode::StaticHeader,
            auth_header: Some("x-secret".to_owned()),
            session: SessionMode::PerEntity,
            ..now()
        };
        let expected = SourceSettings { description: "d".to_owned(), ..settings.clone() };
        change.apply(&mut settings);
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_header_goes_with_the_mode_that_has_one() {
        let change = read_against(&now(), json!({ "authMode": "bearer", "authConfig": { "token": "t" } }));
        let mut settings = SourceSettings {
            auth: AuthMode::StaticHeader,
            auth_header: Some("x-secret".to_owned()),
            ..now()
        };
        change.apply(&mut settings);
        assert_eq!((settings.auth, settings.auth_header), (AuthMode::Bearer, None));
    }
}
