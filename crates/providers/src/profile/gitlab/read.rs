//! What routing needs of a request of GitLab's.

use crate::incoming::{DeliveryKey, Incoming, Reading, event_type};
use crate::lenient::{Json, key_part};
use crate::tool::find_mark;

pub(super) fn read(incoming: &Incoming<'_>) -> Reading {
    let family = incoming.header("x-gitlab-event").map(family).unwrap_or_default();
    let payload = incoming.payload().unwrap_or_default();
    let [project, own_action, attributes, merge_request_iid, issue_iid, user, pusher] = Json::new(&payload)
        .pick([
            "project.path_with_namespace",
            "action",
            "object_attributes",
            "merge_request.iid",
            "issue.iid",
            "user.username",
            "user_username",
        ]);
    let [action, id, iid, note, description] =
        attributes.pick(["action", "id", "iid", "note", "description"]);
    // Releases and milestones are not within `object_attributes`: their action stands at the top.
    let action = action.line().or_else(|| own_action.line());

    let about = match family.as_str() {
        "merge_request" => iid.integer().map(|iid| ("mr", iid)),
        "issue" => iid.integer().map(|iid| ("issue", iid)),
        "note" => {
            let merge_request = merge_request_iid.integer().map(|iid| ("mr", iid));
            merge_request.or_else(|| issue_iid.integer().map(|iid| ("issue", iid)))
        }
        _ => None,
    };
    let entity_key = about.and_then(|(kind, iid)| {
        let project = key_part(&project.text()?)?;
        Some(format!("gitlab:{project}:{kind}:{iid}"))
    });

    // The text of what was made, if the event tells of a making, and what it is called in the form of
    // `Reading::object`. Older versions of GitLab send notes without an action.
    let (text, kind) = match (family.as_str(), action.as_deref().unwrap_or_default()) {
        ("note", "" | "create") => (note, Some("note")),
        ("issue", "open") => (description, Some("issue")),
        ("merge_request", "open") => (description, None),
        _ => (Json::default(), None),
    };
    let key = incoming.header("idempotency-key").and_then(DeliveryKey::given);
    Reading {
        event_type: event_type(&family, action.as_deref()),
        delivery_key: key.or_else(|| Some(DeliveryKey::of_body(incoming.body))),
        entity_key,
        mark_is_proof: false,
        sender: user.line().or_else(|| pusher.line()),
        mark: text.text().and_then(|text| find_mark(&text)),
        object: kind.zip(id.id()).map(|(kind, id)| format!("{kind}:{id}")),
    }
}

/// `Merge Request Hook` is `merge_request`. Confidential issues and notes have names of their own, but are issues and
/// notes. Source: GitLab, Webhook events.
fn family(header: &str) -> String {
    let name = header.strip_suffix(" Hook").unwrap_or(header);
    let name = name.strip_prefix("Confidential ").unwrap_or(name);
    let words: Vec<String> = name.split_whitespace().map(str::to_ascii_lowercase).collect();
    words.join("_")
}
