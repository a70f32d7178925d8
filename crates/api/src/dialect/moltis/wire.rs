//! What is shown of webhooks and deliveries. Source: Moltis, `crates/webhooks`, `types`: members that have no value
//! are left out.

use posthouse_engine::{Profile, SourceDetail};
use posthouse_types::limits::ACTIONS_PER_DELIVERY_MAX;
use posthouse_types::{Action, InboundDelivery, SecretText, SessionMode, Source, ToolPolicy, TypeFilter};
use serde::Serialize;
use serde_json::{Map, Value};

/// What stands in place of what is secret.
pub(super) const REDACTED: &str = "[REDACTED]";

/// The one channel that messages can be delivered to: the session.
pub(super) const LOG: &str = "log";

#[derive(Serialize)]
pub(super) struct Lists {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Lists {
    fn of_types(filter: &TypeFilter) -> Self {
        Self { allow: filter.allow().to_vec(), deny: filter.deny().to_vec() }
    }

    fn of_tools(policy: &ToolPolicy) -> Self {
        Self { allow: policy.allow().to_vec(), deny: policy.deny().to_vec() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    id: u64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    enabled: bool,
    public_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_prompt_suffix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_policy: Option<Lists>,
    auth_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_config: Option<&'static str>,
    source_profile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_config: Option<&'static str>,
    event_filter: Lists,
    session_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    named_session_key: Option<String>,
    allowed_cidrs: Vec<String>,
    max_body_bytes: u32,
    rate_limit_per_minute: u32,
    deliver_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_to: Option<&'static str>,
    delivery_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_delivery_at: Option<String>,
    created_at: String,
    updated_at: String,
    /// A secret that was made here, told once. Not of Moltis, where whoever makes a webhook brings it along.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated_secret: Option<String>,
}

impl Webhook {
    pub(super) fn of(detail: SourceDetail, made: Option<&SecretText>) -> Self {
        let SourceDetail { source, has_secret, has_provider_token } = detail;
        let Source { settings, .. } = source;
        let configured =
            has_provider_token || settings.provider_url.is_some() || settings.event_header.is_some();
        Self {
            id: source.number,
            name: settings.name.to_string(),
            description: Some(settings.description).filter(|text| !text.is_empty()),
            enabled: settings.enabled,
            public_id: source.public_id.to_string(),
            agent_id: settings.agent.map(|id| id.to_string()),
            model: settings.overrides.model,
            system_prompt_suffix: settings.overrides.system_prompt_suffix,
            tool_policy: settings.overrides.tools.as_ref().map(Lists::of_tools),
            auth_mode: settings.auth.as_str(),
            auth_config: has_secret.then_some(REDACTED),
            source_profile: settings.profile,
            source_config: configured.then_some(REDACTED),
            event_filter: Lists::of_types(&settings.events),
            session_mode: settings.session.as_str(),
            named_session_key: match settings.session {
                SessionMode::NamedSession(name) => name,
                SessionMode::PerDelivery | SessionMode::PerEntity => None,
            },
            allowed_cidrs: settings.allowed_cidrs,
            max_body_bytes: settings.max_body_bytes,
            rate_limit_per_minute: settings.rate_limit_per_minute,
            deliver_only: settings.deliver_only,
            prompt_template: settings.prompt_template,
            deliver_to: settings.deliver_only.then_some(LOG),
            delivery_count: source.deliveries,
            last_delivery_at: source.last_delivery_at.map(|at| at.to_string()),
            created_at: source.created_at.to_string(),
            updated_at: source.updated_at.to_string(),
            generated_secret: made.map(|secret| secret.expose().to_owned()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    id: u64,
    webhook_id: u64,
    received_at: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_key: Option<String>,
    #[serde(rename = "deliveryKey", skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    http_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_ip: Option<String>,
    headers_json: String,
    body_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
}

impl Delivery {
    /// A delivery to the webhook of this number.
    pub(super) fn of(delivery: InboundDelivery, webhook: u64) -> Self {
        let content_type = delivery.headers.iter().find(|(name, _)| name == "content-type");
        Self {
            id: delivery.number,
            webhook_id: webhook,
            received_at: delivery.received_at.to_string(),
            status: delivery.status.as_str(),
            content_type: content_type.map(|(_, value)| value.clone()),
            headers_json: headers_json(&delivery.headers),
            duration_ms: delivery.duration_ms(),
            event_type: delivery.event_type,
            entity_key: delivery.entity_key,
            key: delivery.dedup_key,
            http_method: "POST",
            remote_ip: delivery.remote_ip.map(|address| address.to_string()),
            body_size: delivery.body_bytes,
            session_key: delivery.session.map(|session| session.to_string()),
            rejection_reason: delivery.reason,
            run_error: delivery.error,
            started_at: delivery.started_at.map(|at| at.to_string()),
            finished_at: delivery.finished_at.map(|at| at.to_string()),
            input_tokens: delivery.tokens.map(|tokens| tokens.input),
            output_tokens: delivery.tokens.map(|tokens| tokens.output),
        }
    }
}

/// An object as JSON text; the values of a header that is there twice are one, as HTTP joins them.
fn headers_json(headers: &[(String, String)]) -> String {
    let mut object: Map<String, Value> = Map::new();
    for (name, value) in headers {
        match object.get_mut(name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(value);
            }
            _ => drop(object.insert(name.clone(), value.clone().into())),
        }
    }
    Value::Object(object).to_string()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResponseAction {
    id: u64,
    delivery_id: u64,
    tool_name: String,
    input_json: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_json: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    created_at: String,
}

impl ResponseAction {
    /// The action at this place among those of the delivery of this number. Actions have no numbers; the delivery's
    /// and the place, which stays, make one.
    pub(super) fn of(action: Action, delivery: u64, place: usize) -> Self {
        let most = ACTIONS_PER_DELIVERY_MAX as u64 + 1;
        Self {
            id: delivery.saturating_mul(most).saturating_add(place as u64 + 1),
            delivery_id: delivery,
            tool_name: action.tool,
            input_json: action.input,
            output_json: action.output,
            status: action.status.as_str(),
            error_message: action.error,
            created_at: action.created_at.to_string(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CatalogueEntry {
    event_type: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    common_use_case: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileSummary {
    id: &'static str,
    display_name: &'static str,
    default_auth_mode: &'static str,
    event_catalog: Vec<CatalogueEntry>,
    has_response_tools: bool,
    setup_guide: &'static str,
}

impl From<&'static Profile> for ProfileSummary {
    fn from(profile: &'static Profile) -> Self {
        let entries = profile.catalogue.iter().map(|entry| CatalogueEntry {
            event_type: entry.event_type,
            description: entry.description,
            common_use_case: entry.use_case,
        });
        Self {
            id: profile.name,
            display_name: profile.display_name,
            default_auth_mode: profile.auth.as_str(),
            event_catalog: entries.collect(),
            has_response_tools: !profile.tools.is_empty(),
            setup_guide: profile.setup_guide,
        }
    }
}
