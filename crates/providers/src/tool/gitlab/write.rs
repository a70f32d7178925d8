//! Tools that change something. Public sources: GitLab, Notes API, Discussions API, Merge requests API, Merge request
//! approvals API, Issues API.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::request::read;
use super::super::schema::{
    choice, flag, list, number, object as members, optional, pattern, required, text,
};
use super::super::{Call, Context, Unable, marked};
use super::{BODY_CHARS_MAX, PATH_CHARS_MAX, Project, SHA, TITLE_CHARS_MAX, merge_request_iid};

/// Labels in one call.
const LABELS_MAX: usize = 20;

/// A text for others to read, with our mark. A line that begins with a slash would be a command to GitLab (GitLab,
/// Quick actions): `/merge`, say, in the comment of an agent that may comment and not merge. Behind a backslash it
/// is text, and rendered without it.
fn harmless(text: &str, context: &Context<'_>) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        if at_start && c == '/' {
            escaped.push('\\');
        }
        // GitLab drops carriage returns before it looks for lines.
        at_start = matches!(c, '\n' | '\r') || (at_start && c.is_whitespace());
        escaped.push(c);
    }
    marked(&escaped, context.action)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    target: Target,
    iid: u64,
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    Mr,
    Issue,
}

pub(super) fn post_comment_parameters() -> Value {
    members([
        required("target", choice("What is commented on: a merge request or an issue", &["mr", "issue"])),
        required("iid", number("Number of the merge request or issue in the project (iid)")),
        required("body", text("The comment, in Markdown", BODY_CHARS_MAX)),
    ])
}

pub(super) fn post_comment(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Comment { target, iid, body } = read(arguments)?;
    let kind = match target {
        Target::Mr => "merge_requests",
        Target::Issue => "issues",
    };
    let body = json!({ "body": harmless(&body, context) });
    Project::of(context)?.change(Method::POST, &[kind, &iid.to_string(), "notes"], body)
}

pub(super) fn note(answer: &Value) -> Option<String> {
    Some(format!("note:{}", answer["id"].as_u64()?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    iid: u64,
    body: String,
    position: Option<Position>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Position {
    base_sha: String,
    start_sha: String,
    head_sha: String,
    new_path: String,
    old_path: Option<String>,
    new_line: Option<u64>,
    old_line: Option<u64>,
}

pub(super) fn create_review_parameters() -> Value {
    let position = members([
        required("base_sha", pattern("diff_refs.base_sha of the merge request", SHA)),
        required("start_sha", pattern("diff_refs.start_sha of the merge request", SHA)),
        required("head_sha", pattern("diff_refs.head_sha of the merge request", SHA)),
        required("new_path", text("The file, as it is named after the change", PATH_CHARS_MAX)),
        optional("old_path", text("Its name before the change, when it differs", PATH_CHARS_MAX)),
        optional("new_line", number("The line after the change; for added and unchanged lines")),
        optional("old_line", number("The line before the change; for removed and unchanged lines")),
    ]);
    members([
        required("iid", merge_request_iid()),
        required("body", text("The comment, in Markdown", BODY_CHARS_MAX)),
        optional("position", position),
    ])
}

pub(super) fn create_review(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Review { iid, body, position } = read(arguments)?;
    let mut body = json!({ "body": harmless(&body, context) });
    if let Some(mut position) = position {
        if position.new_line.is_none() && position.old_line.is_none() {
            return Err(Unable::new("position needs new_line, old_line or both"));
        }
        position.old_path.get_or_insert_with(|| position.new_path.clone());
        body["position"] = json!(position);
        body["position"]["position_type"] = "text".into();
    }
    Project::of(context)?.change(Method::POST, &["merge_requests", &iid.to_string(), "discussions"], body)
}

/// What GitLab tells of when a discussion begins is its first note.
pub(super) fn first_note(answer: &Value) -> Option<String> {
    note(&answer["notes"][0])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    iid: u64,
    labels: Vec<String>,
}

pub(super) fn add_labels_parameters() -> Value {
    let mut label = text("Name of a label, without commas", TITLE_CHARS_MAX);
    label["pattern"] = "^[^,]+$".into();
    members([
        required("iid", merge_request_iid()),
        required("labels", list("Names of labels", &label, (1, LABELS_MAX))),
    ])
}

pub(super) fn add_labels(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Labels { iid, labels } = read(arguments)?;
    let body = json!({ "add_labels": labels.join(",") });
    Project::of(context)?.change(Method::PUT, &["merge_requests", &iid.to_string()], body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    iid: u64,
    sha: Option<String>,
}

pub(super) fn approve_parameters() -> Value {
    let head = "The commit that must be the head of the merge request; that of the delivery when left out and the \
                delivery is about it";
    members([required("iid", merge_request_iid()), optional("sha", pattern(head, SHA))])
}

pub(super) fn approve(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Approval { iid, sha } = read(arguments)?;
    let body = json!({ "sha": sha.as_deref().or_else(|| seen_head(context, iid)) });
    Project::of(context)?.change(Method::POST, &["merge_requests", &iid.to_string(), "approve"], body)
}

/// The head of a merge request at the time of the delivery, when that is about it: what was pushed since, the agent
/// has not seen.
fn seen_head<'a>(context: &Context<'a>, iid: u64) -> Option<&'a str> {
    let payload = context.payload;
    let is_about_one = payload["object_kind"] == "merge_request";
    let about = if is_about_one { &payload["object_attributes"] } else { &payload["merge_request"] };
    about["last_commit"]["id"].as_str().filter(|_| about["iid"] == iid)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    iid: u64,
    squash: Option<bool>,
}

pub(super) fn merge_parameters() -> Value {
    let squash = flag("Whether its commits become one; as the merge request says when left out");
    members([required("iid", merge_request_iid()), optional("squash", squash)])
}

pub(super) fn merge(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Merge { iid, squash } = read(arguments)?;
    let body = json!({ "squash": squash, "sha": seen_head(context, iid) });
    Project::of(context)?.change(Method::PUT, &["merge_requests", &iid.to_string(), "merge"], body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIssue {
    title: String,
    description: String,
}

pub(super) fn create_issue_parameters() -> Value {
    members([
        required("title", text("What it is about, in one line", TITLE_CHARS_MAX)),
        required("description", text("The text, in Markdown", BODY_CHARS_MAX)),
    ])
}

pub(super) fn create_issue(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let NewIssue { title, description } = read(arguments)?;
    let body = json!({ "title": title, "description": harmless(&description, context) });
    Project::of(context)?.change(Method::POST, &["issues"], body)
}

pub(super) fn issue(answer: &Value) -> Option<String> {
    Some(format!("issue:{}", answer["id"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use posthouse_types::{ActionId, SecretText};

    use super::*;

    #[test]
    fn a_text_holds_no_commands() {
        let context = Context {
            payload: &Value::Null,
            base_url: None,
            token: &SecretText::new(String::new()),
            action: ActionId::from_u128(1),
            made: &[],
        };
        for (text, wanted) in [
            ("/merge", "\\/merge"),
            ("Fine.\n/merge\n/close now", "Fine.\n\\/merge\n\\/close now"),
            ("Fine.\r\n\r/merge", "Fine.\r\n\r\\/merge"),
            (" \n \t/merge", " \n \t\\/merge"),
            ("a / b and/or c", "a / b and/or c"),
        ] {
            assert!(harmless(text, &context).starts_with(&format!("{wanted}\n\n<!-- ")), "{text:?}");
        }
    }
}
