//! Between what is on the wire and what the engine speaks. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use posthouse_engine::{
    Caller, EndpointAttempt, EndpointDetail, EndpointQuery, Error, ErrorKind, PutEndpoint,
};
use posthouse_types::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use posthouse_types::{
    Capability, DeliveryId, EndpointUrl, EventPattern, EventType, Headers, Page, PageRequest, ProjectId, Wire,
};

use super::wire;
use crate::http::{Fields, cursor_text, page_request};

/// The header that `auth_header` is sent in.
const AUTHORIZATION: &str = "authorization";
/// What keys without `manage` see of it.
const REDACTED: &str = "[redacted]";
/// The largest offset: the published API says `int64`.
const OFFSET_MAX: usize = usize::MAX >> 1;

/// A page's key: a delivery, and the number of one of its attempts.
pub(super) type AttemptKey = (DeliveryId, u16);

/// The project that a path names.
pub(super) fn project(text: &str) -> Result<ProjectId, Error> {
    let mut fields = Fields::default();
    let project = fields.read(text, str::parse, || "path.projectId".to_owned());
    fields.finish_with(project)
}

/// The webhooks of a project, or of the tenant.
pub(super) fn webhooks(project: Option<ProjectId>) -> EndpointQuery {
    EndpointQuery {
        project: Some(project),
        session: Some(None),
        one_type: true,
        ..EndpointQuery::of(Wire::Sonzai)
    }
}

/// The webhook for an event type. What can not be one names nothing.
pub(super) fn webhook(project: Option<ProjectId>, event_type: &str) -> Result<EndpointQuery, Error> {
    let event_type = EventType::parse(event_type).map_err(|_| no_webhook(event_type))?;
    Ok(EndpointQuery { event_type: Some(event_type), ..webhooks(project) })
}

/// There is no such webhook.
pub(super) fn no_webhook(event_type: &str) -> Error {
    Error::not_found("webhook for events of type", event_type)
}

/// The endpoint that a PUT asks for.
pub(super) fn put(
    project: Option<ProjectId>,
    event_type: &str,
    body: wire::UpsertWebhookInputBody,
) -> Result<PutEndpoint, Error> {
    let mut fields = Fields::default();
    let event_type = fields.read(event_type, EventType::parse, || "path.eventType".to_owned());
    let url = fields.read(&body.webhook_url, EndpointUrl::parse, || "body.webhook_url".to_owned());
    // An empty text is how some clients write that there is none.
    let given = body.auth_header.filter(|value| !value.is_empty());
    let headers: BTreeMap<_, _> = given.into_iter().map(|value| (AUTHORIZATION.to_owned(), value)).collect();
    let headers = Headers::new(headers).map_err(|(_, invalid)| invalid);
    let headers = fields.take(headers, || "body.auth_header".to_owned());
    let put = event_type.zip(url).zip(headers).map(|((event_type, url), headers)| PutEndpoint {
        wire: Wire::Sonzai,
        project,
        event_type,
        url,
        headers,
    });
    fields.finish_with(put)
}

/// The engine's refusal of what [`put`] made, with members as callers know them.
pub(super) fn put_refused(mut error: Error) -> Error {
    if let ErrorKind::Invalid(fields) = &mut error.kind {
        for field in fields.iter_mut().filter(|field| field.location == "body.url") {
            "body.webhook_url".clone_into(&mut field.location);
        }
    }
    error
}

/// An endpoint as a webhook; `None` for one that is not for exactly one event type.
pub(super) fn webhook_out(caller: &Caller, found: EndpointDetail) -> Option<wire::Webhook> {
    let EndpointDetail { endpoint, headers } = found;
    let [EventPattern::Exact(event_type)] = endpoint.settings.events.patterns() else { return None };
    let shows = caller.capabilities.has(Capability::Manage);
    let auth_header = headers.get(AUTHORIZATION).map(|value| if shows { value } else { REDACTED }.to_owned());
    Some(wire::Webhook {
        auth_header,
        created_at: endpoint.created_at.to_string(),
        event_type: event_type.to_string(),
        is_active: endpoint.settings.enabled,
        project_id: project_out(caller, endpoint.project),
        updated_at: endpoint.updated_at.to_string(),
        webhook_url: endpoint.settings.url.as_str().to_owned(),
    })
}

/// Sonzai's tenant is a project too: what belongs to none of ours carries the tenant's own id.
fn project_out(caller: &Caller, project: Option<ProjectId>) -> String {
    project.map_or_else(|| caller.space.tenant.as_uuid().to_string(), |project| project.to_string())
}

/// Which attempts: a page, and how many to pass over before it.
pub(super) fn attempts_query(query: &wire::AttemptsQuery) -> Result<(PageRequest<AttemptKey>, usize), Error> {
    let wire::AttemptsQuery { limit, offset, page_size, cursor } = query;
    let mut fields = Fields::default();
    if limit.is_some() || offset.is_some() {
        for (name, given) in [("page_size", page_size), ("cursor", cursor)] {
            if given.is_some() {
                fields.refuse(format!("query.{name}"), "must not stand beside limit or offset");
            }
        }
    }
    let mut number = |name: &str, text: &Option<String>, min, max| {
        let parse = |text: &str| whole_number(text, min, max);
        fields.read_if(text.as_deref(), parse, || format!("query.{name}"))
    };
    let limit = number("limit", limit, 1, PAGE_ITEMS_MAX);
    let offset = number("offset", offset, 0, OFFSET_MAX);
    let page_size = number("page_size", page_size, 1, PAGE_ITEMS_MAX);
    fields.finish()?;
    let mut page = page_request(None, cursor.as_deref())?;
    page.limit = limit.or(page_size).unwrap_or(PAGE_ITEMS_DEFAULT);
    Ok((page, offset.unwrap_or_default()))
}

fn whole_number(text: &str, min: usize, max: usize) -> Result<usize, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}

/// A page of attempts.
pub(super) fn attempts_out(
    caller: &Caller,
    project: Option<ProjectId>,
    page: Page<EndpointAttempt, AttemptKey>,
    schema: String,
) -> wire::ListDeliveryAttemptsOutputBody {
    let project = project_out(caller, project);
    wire::ListDeliveryAttemptsOutputBody {
        schema,
        has_more: page.next.is_some(),
        next_cursor: page.next.as_ref().map(cursor_text),
        attempts: page.items.into_iter().map(|found| attempt_out(found, project.clone())).collect(),
    }
}

fn attempt_out(found: EndpointAttempt, project_id: String) -> wire::WebhookDeliveryAttempt {
    let EndpointAttempt { delivery, attempt, request_body } = found;
    let status = attempt.outcome.status();
    let response_body = status.map(|_| String::from_utf8_lossy(&attempt.response_body).into_owned());
    wire::WebhookDeliveryAttempt {
        attempt_id: attempt.id.to_string(),
        attempt_number: attempt.number,
        created_at: attempt.started_at.to_string(),
        duration_ms: attempt.duration_ms,
        error_message: attempt.error,
        event_type: delivery.event_type.to_string(),
        project_id,
        request_body: request_body.map(|body| STANDARD.encode(body)),
        response_body,
        response_code: status.unwrap_or_default(),
        status: if attempt.outcome.is_delivered() { "success" } else { "failed" },
        webhook_url: attempt.url.as_ref().to_owned(),
    }
}
