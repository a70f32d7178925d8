//! Linear. Source: Linear Developers, “Webhooks” (<https://linear.app/developers/webhooks>).

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::{Json, key_part};
use crate::lines::{Lines, headline, quoted};

/// Bytes shown of a description.
const DESCRIPTION_BYTES_MAX: usize = 500;
/// Bytes shown of a comment.
const COMMENT_BYTES_MAX: usize = 1000;
/// Names shown of members that an update changed.
const CHANGES_MAX: usize = 10;

/// Where an issue's identifier stands: in the issue itself, in what belongs to one, in what tells of its deadline, in
/// what notifies of it.
const IDENTIFIERS: [&str; 4] =
    ["data.identifier", "data.issue.identifier", "issueData.identifier", "notification.issue.identifier"];

pub(super) static PROFILE: Profile = Profile {
    name: "linear",
    display_name: "Linear",
    auth: AuthMode::LinearWebhookSignature,
    catalogue: &[
        CatalogueEntry::new("Issue.create", "New issue").used_for("Triage, labelling, finding duplicates"),
        CatalogueEntry::new("Issue.update", "Issue changed").used_for("Following state and priority"),
        CatalogueEntry::new("Comment.create", "Comment on an issue").used_for("Answering questions"),
        CatalogueEntry::new("Project.update", "Project changed").used_for("Status reports"),
        CatalogueEntry::new("Cycle.update", "Cycle changed").used_for("Summing up a cycle"),
    ],
    setup_guide: "\
1. In Linear, go to **Settings → API → Webhooks** and choose **New webhook**. You have to be an admin.
2. Set the **URL** to the URL of this source.
3. Choose the teams and the data change events that you want.
4. Copy the **signing secret** that Linear shows into this source.

Linear sends a type and an action, `Issue.create`. A request that is more than a minute old is refused.
",
    tools: &[],
    read,
    summarise,
    challenge: None,
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let [kind, action, webhook, time] = json.pick(["type", "action", "webhookId", "webhookTimestamp"]);
    Reading {
        event_type: kind.text().and_then(|kind| event_type(&kind, action.text().as_deref())),
        delivery_key: delivery_key(incoming, webhook, time),
        entity_key: json.first(IDENTIFIERS).id().map(|identifier| format!("linear:{identifier}")),
        ..Reading::default()
    }
}

/// The delivery's own id stays the same over retries, while `webhookTimestamp` is that of the attempt.
fn delivery_key(incoming: &Incoming<'_>, webhook: Json<'_>, time: Json<'_>) -> Option<DeliveryKey> {
    if let Some(key) = incoming.header("linear-delivery") {
        return DeliveryKey::given(key);
    }
    let (webhook, time) = (webhook.text().and_then(|id| key_part(&id))?, time.integer()?);
    DeliveryKey::given(&format!("{webhook}:{time}"))
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let event_type = event_type.unwrap_or("unknown");
    let [kind, actor, url, data, before] = json.pick(["type", "actor.name", "url", "data", "updatedFrom"]);
    let [state, priority, team, assignee] =
        data.pick(["state.name", "priorityLabel", "team.name", "assignee.name"]);
    let [description, comment] = data.pick(["description", "body"]);
    let (team, actor) = (team.line(), actor.line());
    let identifier = json.first(IDENTIFIERS).line();
    let title = Some(data.first(["title", "name", "issue.title"])).filter(|title| title.line().is_some());
    let subject: Vec<String> = [kind.line(), identifier, title.map(quoted)].into_iter().flatten().collect();
    let subject = Some(subject.join(" ")).filter(|subject| !subject.is_empty());

    let mut lines = Lines::new(&format!("Linear event: {event_type}"));
    lines.gap();
    lines.line(subject.as_deref().unwrap_or_default());
    lines.detail("By", actor.as_ref());
    lines.detail("Team", team.as_ref());
    lines.detail("State", state.line());
    lines.detail("Priority", priority.line());
    lines.detail("Assignee", assignee.line());
    lines.detail("URL", url.line());
    lines.detail("Changed", changes(before));
    lines.block("Description", description.text().as_deref(), DESCRIPTION_BYTES_MAX);
    lines.block("Comment", comment.text().as_deref(), COMMENT_BYTES_MAX);
    let event = format!("Linear {event_type}");
    lines.finish(&headline(&event, team.as_deref(), subject.as_deref(), actor.as_deref()))
}

/// The names of the members that an update changed: of each, `updatedFrom` has the value that it had.
fn changes(before: Json<'_>) -> Option<String> {
    let (members, count) = before.members(CHANGES_MAX);
    let names: Vec<String> =
        members.into_iter().map(|(name, _)| name).filter(|name| name != "updatedAt").collect();
    let more = if count > CHANGES_MAX { ", …" } else { "" };
    (!names.is_empty()).then(|| format!("{}{more}", names.join(", ")))
}
