//! Issues, their comments and labels. To GitHub a pull request is an issue, too. Public sources: GitHub, REST API
//! endpoints for issues, issue comments, labels.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::request::{self, read};
use super::super::schema::{choice, list, object as members, optional, required, text};
use super::super::{Call, Context, Unable, marked};
use super::{BODY_CHARS_MAX, JSON, Repository, TITLE_CHARS_MAX, issue_number, object};

/// Characters of a label's name. GitHub makes none longer than 50, but had longer ones.
const LABEL_CHARS_MAX: usize = 100;
/// Labels in one call.
const LABELS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    number: u64,
    body: String,
}

pub(super) fn post_comment_parameters() -> Value {
    members([
        required("number", issue_number()),
        required("body", text("The comment, in Markdown", BODY_CHARS_MAX)),
    ])
}

pub(super) fn post_comment(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Comment { number, body } = read(arguments)?;
    let body = json!({ "body": marked(&body, context.action) });
    Repository::of(context)?.change(Method::POST, &["issues", &number.to_string(), "comments"], body)
}

pub(super) fn comment(answer: &Value) -> Option<String> {
    object("comment", answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    number: u64,
    labels: Vec<String>,
}

fn label_list(min: usize) -> Value {
    list("Names of labels", &text("Name of a label", LABEL_CHARS_MAX), (min, LABELS_MAX))
}

pub(super) fn labels_parameters() -> Value {
    members([required("number", issue_number()), required("labels", label_list(1))])
}

pub(super) fn add_labels(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Labels { number, labels } = read(arguments)?;
    let path = ["issues", &number.to_string(), "labels"];
    Repository::of(context)?.change(Method::POST, &path, json!({ "labels": labels }))
}

pub(super) fn remove_labels(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Labels { number, labels } = read(arguments)?;
    let repository = Repository::of(context)?;
    let number = number.to_string();
    labels
        .iter()
        .map(|label| {
            let path = repository.path(&["issues", &number, "labels", label]);
            let uri = repository.root.at(&path, &[])?;
            Ok(request::bare(Method::DELETE, uri, repository.headers(JSON)?))
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIssue {
    title: String,
    body: String,
    #[serde(default)]
    labels: Vec<String>,
}

pub(super) fn create_issue_parameters() -> Value {
    members([
        required("title", text("What it is about, in one line", TITLE_CHARS_MAX)),
        required("body", text("The text, in Markdown", BODY_CHARS_MAX)),
        optional("labels", label_list(0)),
    ])
}

pub(super) fn create_issue(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let NewIssue { title, body, labels } = read(arguments)?;
    let body = json!({ "title": title, "body": marked(&body, context.action), "labels": labels });
    Repository::of(context)?.change(Method::POST, &["issues"], body)
}

pub(super) fn issue(answer: &Value) -> Option<String> {
    object("issue", answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    number: u64,
    reason: Option<String>,
}

pub(super) fn close_issue_parameters() -> Value {
    let why = "Whether it was done, or will not be; completed when left out";
    members([
        required("number", issue_number()),
        optional("reason", choice(why, &["completed", "not_planned"])),
    ])
}

/// GitHub would close a pull request the same way; who may close issues need not be meant to do that.
pub(super) fn close_issue(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Closing { number, reason } = read(arguments)?;
    let payload = context.payload;
    let is_pull = payload["pull_request"]["number"] == number
        || (payload["issue"]["number"] == number && payload["issue"]["pull_request"].is_object());
    if is_pull {
        return Err(Unable::new(format!("{number} is a pull request, not an issue: it can not be closed")));
    }
    let reason = reason.unwrap_or_else(|| "completed".to_owned());
    let body = json!({ "state": "closed", "state_reason": reason });
    Repository::of(context)?.change(Method::PATCH, &["issues", &number.to_string()], body)
}
