//! Sentry, webhooks of its integration platform. Source: Sentry, Integration platform, “Webhooks”.

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::Json;
use crate::lines::{Lines, headline, quoted};

/// Bytes shown of a comment or a description.
const TEXT_BYTES_MAX: usize = 1000;

/// Where the thing that happened stands, by the kind of resource: an issue, an event that an alert is about, an error.
const SUBJECTS: [&str; 3] = ["data.issue", "data.event", "data.error"];

/// Where the id of the issue stands that all of it is about.
const ISSUE_IDS: [&str; 4] = ["data.issue.id", "data.event.issue_id", "data.error.issue_id", "data.issue_id"];

pub(super) static PROFILE: Profile = Profile {
    name: "sentry",
    display_name: "Sentry",
    auth: AuthMode::SentryWebhookSignature,
    catalogue: &[
        CatalogueEntry::new("issue.created", "New issue").used_for("Analyse the error, propose a fix"),
        CatalogueEntry::new("issue.resolved", "Issue resolved").used_for("Release notes"),
        CatalogueEntry::new("issue.assigned", "Issue assigned").used_for("Brief the assignee"),
        CatalogueEntry::new("event_alert.triggered", "Issue alert fired").used_for("Investigate"),
        CatalogueEntry::new("metric_alert.critical", "Metric alert is critical").used_for("Investigate"),
    ],
    setup_guide: "\
1. In Sentry, go to **Settings → Developer Settings → Create New Integration → Internal Integration**.
2. Set the **Webhook URL** to the URL of this source; turn **Alert Rule Action** on if alerts are to come here.
3. Give it read permission for issues and events, and choose the webhooks that you want.
4. Save, and copy the **Client Secret** into this source.
",
    tools: &[],
    read,
    summarise,
    challenge: None,
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let action = json.at("action").text();
    let resource = incoming.header("sentry-hook-resource");
    let issue = json.first(ISSUE_IDS).id().map(|id| format!("sentry:issue:{id}"));
    let alert = || json.at("data.metric_alert.id").id().map(|id| format!("sentry:metric_alert:{id}"));
    Reading {
        event_type: resource.and_then(|resource| event_type(resource, action.as_deref())),
        delivery_key: incoming.header("request-id").and_then(DeliveryKey::given),
        entity_key: issue.or_else(alert),
        ..Reading::default()
    }
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let event_type = event_type.unwrap_or("unknown");
    let [actor, rule, data] = json.pick(["actor.name", "data.triggered_rule", "data"]);
    let [alert_title, alert_text, alert_url] =
        data.pick(["description_title", "description_text", "web_url"]);
    let [comment, comment_project] = data.pick(["comment", "project_slug"]);
    let subject = json.first(SUBJECTS);
    let [id, title, culprit, level, status, count] =
        subject.pick(["shortId", "title", "culprit", "level", "status", "count"]);
    let (actor, id) = (actor.line(), id.line());
    let project = subject.first(["project.slug", "project.name"]).line().or_else(|| comment_project.line());
    let what = match (title.line(), alert_title.line()) {
        (Some(_), _) => {
            Some(format!("{}{}", id.map(|id| format!("{id} ")).unwrap_or_default(), quoted(title)))
        }
        (None, alert) => alert,
    };

    let mut lines = Lines::new(&format!("Sentry event: {event_type}"));
    lines.gap();
    lines.fact("Project", project.as_ref());
    if let Some(what) = &what {
        lines.line(what);
    }
    lines.detail("Rule", rule.line());
    lines.detail("Culprit", culprit.line());
    lines.detail("Level", level.line());
    lines.detail("Status", status.line());
    lines.detail("Seen", count.id());
    lines.detail("By", actor.as_ref());
    lines.detail("URL", subject.first(["web_url", "permalink"]).line().or_else(|| alert_url.line()));
    lines.block("Description", alert_text.text().as_deref(), TEXT_BYTES_MAX);
    lines.block("Comment", comment.text().as_deref(), TEXT_BYTES_MAX);
    let event = format!("Sentry {event_type}");
    lines.finish(&headline(&event, project.as_deref(), what.as_deref(), actor.as_deref()))
}
