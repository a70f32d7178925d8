//! PagerDuty, webhooks of version 3. Source: PagerDuty Developer, “Webhooks”, “Overview” and “Event types”.

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::Json;
use crate::lines::{Lines, headline, quoted};

/// Bytes shown of a note or a status update.
const NOTE_BYTES_MAX: usize = 1000;
/// Assignees shown.
const ASSIGNEES_MAX: usize = 5;

pub(super) static PROFILE: Profile = Profile {
    name: "pagerduty",
    display_name: "PagerDuty",
    auth: AuthMode::PagerdutyV2Signature,
    catalogue: &[
        CatalogueEntry::new("incident.triggered", "New incident").used_for("Investigate, gather context"),
        CatalogueEntry::new("incident.acknowledged", "Somebody took it on").used_for("Tell others"),
        CatalogueEntry::new("incident.resolved", "Incident resolved").used_for("Draft a review"),
        CatalogueEntry::new("incident.escalated", "Passed on to the next level")
            .used_for("Sum up what is known"),
    ],
    setup_guide: "\
1. In PagerDuty, go to **Integrations → Generic Webhooks (v3)** and choose **New Webhook**.
2. Set the **Webhook URL** to the URL of this source.
3. Choose the scope (a service, a team or the account) and the events that you want.
4. Choose **Add Webhook** and copy the signing secret, which is shown once, into this source.

PagerDuty sends a `pagey.ping` when you choose **Send Test Event**.
",
    tools: &[],
    read,
    summarise,
    challenge: None,
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let event = Json::new(&payload).at("event");
    let [id, kind, resource, data_id, incident_id] =
        event.pick(["id", "event_type", "data.type", "data.id", "data.incident.id"]);
    let id = id.text();
    // What belongs to an incident (a note, a responder) names it; the incident itself is the data.
    let incident = incident_id.id().or_else(|| match resource.text().as_deref() {
        Some("incident") => data_id.id(),
        _ => None,
    });
    Reading {
        event_type: kind.text().and_then(|kind| event_type(&kind, None)),
        delivery_key: id.as_deref().or_else(|| incoming.header("x-webhook-id")).and_then(DeliveryKey::given),
        entity_key: incident.map(|incident| format!("pagerduty:{incident}")),
        ..Reading::default()
    }
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let event_type = event_type.unwrap_or("unknown");
    let [agent, at, data] =
        Json::new(&payload).pick(["event.agent.summary", "event.occurred_at", "event.data"]);
    let [number, title, status, urgency, priority, service] =
        data.pick(["number", "title", "status", "urgency", "priority.summary", "service.summary"]);
    let [policy, assignees, url, note, message] =
        data.pick(["escalation_policy.summary", "assignees", "html_url", "content", "message"]);
    let (agent, service) = (agent.line(), service.line());
    let incident = data.at("incident");
    let what = match (title.line(), incident.first(["title", "summary"]).line()) {
        (Some(_), _) => {
            let number = number.integer().map(|number| format!(" #{number}")).unwrap_or_default();
            Some(format!("Incident{number}: {}", quoted(title)))
        }
        (None, Some(incident)) => Some(format!("Incident: {incident}")),
        (None, None) => None,
    };

    let mut lines = Lines::new(&format!("PagerDuty event: {event_type}"));
    lines.gap();
    lines.fact("Service", service.as_ref());
    if let Some(what) = &what {
        lines.line(what);
    }
    lines.detail("Status", status.line());
    lines.detail("Urgency", urgency.line());
    lines.detail("Priority", priority.line());
    lines.detail("Escalation policy", policy.line());
    lines.detail("Assignees", names(assignees));
    lines.detail("By", agent.as_ref());
    lines.detail("At", at.line());
    lines.detail("URL", url.line().or_else(|| incident.at("html_url").line()));
    lines.block("Note", note.text().as_deref(), NOTE_BYTES_MAX);
    lines.block("Message", message.text().as_deref(), NOTE_BYTES_MAX);
    let event = format!("PagerDuty {event_type}");
    lines.finish(&headline(&event, service.as_deref(), what.as_deref(), agent.as_deref()))
}

fn names(assignees: Json<'_>) -> Option<String> {
    let (first, count) = assignees.elements(ASSIGNEES_MAX);
    let mut names: Vec<String> =
        first.into_iter().filter_map(|assignee| assignee.at("summary").line()).collect();
    if count > ASSIGNEES_MAX {
        names.push(format!("{} more", count - ASSIGNEES_MAX));
    }
    (!names.is_empty()).then(|| names.join(", "))
}
