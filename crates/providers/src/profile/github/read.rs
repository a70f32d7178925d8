//! What routing needs of a request of GitHub's.

use crate::incoming::{DeliveryKey, Incoming, Reading, event_type};
use crate::lenient::{Json, key_part};
use crate::tool::find_mark;

pub(super) fn read(incoming: &Incoming<'_>) -> Reading {
    let family = incoming.header("x-github-event").unwrap_or_default();
    let payload = incoming.payload().unwrap_or_default();
    let [action, repository, number, pull_request, issue, comment, review, check_run, sender] =
        Json::new(&payload).pick([
            "action",
            "repository.full_name",
            "number",
            "pull_request",
            "issue",
            "comment",
            "review",
            "check_run",
            "sender.login",
        ]);
    let action = action.line();

    // What was made, if the event tells of a making, and what it is called in the form of `Reading::object`.
    let (made, kind) = match (family, action.as_deref().unwrap_or_default()) {
        ("issue_comment" | "pull_request_review_comment" | "commit_comment", "created") => {
            (comment, Some("comment"))
        }
        ("pull_request_review", "submitted") => (review, Some("review")),
        ("issues", "opened") => (issue, Some("issue")),
        ("pull_request", "opened") => (pull_request, None),
        ("check_run", "created" | "completed") => (check_run, Some("check_run")),
        _ => (Json::default(), None),
    };
    let [id, body, review_id, external_id, made_number] =
        made.pick(["id", "body", "pull_request_review_id", "external_id", "number"]);
    let about = match family {
        family if family.starts_with("pull_request") => {
            // It is most of what was sent, and not walked over twice.
            let own = if made == pull_request { made_number } else { pull_request.at("number") };
            own.integer().or_else(|| number.integer()).map(|number| ("pr", number))
        }
        "issues" | "issue_comment" => issue_or_pull_request(issue),
        _ => None,
    };
    let entity_key = about.and_then(|(kind, number)| {
        let repository = key_part(&repository.text()?)?;
        Some(format!("github:{repository}:{kind}:{number}"))
    });
    // A comment on a line is part of a review, also when it is the only one, and our tool makes it as part of one.
    // Source: GitHub, Webhook events and payloads, `pull_request_review_comment`.
    let object = match (family, review_id.id()) {
        ("pull_request_review_comment", Some(review)) => Some(format!("review:{review}")),
        _ => kind.zip(id.id()).map(|(kind, id)| format!("{kind}:{id}")),
    };
    // Our tool leaves no mark in the texts of a check run, but the action's id in the member that GitHub has for that.
    let mark = match family {
        "check_run" => external_id.text().and_then(|id| id.parse().ok()),
        _ => body.text().and_then(|text| find_mark(&text)),
    };
    Reading {
        event_type: event_type(family, action.as_deref()),
        delivery_key: incoming.header("x-github-delivery").and_then(DeliveryKey::given),
        entity_key,
        mark,
        mark_is_proof: false,
        sender: sender.line(),
        object,
    }
}

/// A pull request is an issue to GitHub: a comment on one arrives as `issue_comment`, and only the member
/// `pull_request` of the issue tells. Source: GitHub, Webhook events and payloads, `issue_comment`.
fn issue_or_pull_request(issue: Json<'_>) -> Option<(&'static str, i64)> {
    let [number, pull_request] = issue.pick(["number", "pull_request"]);
    let kind = if pull_request.is_object() { "pr" } else { "issue" };
    Some((kind, number.integer()?))
}
