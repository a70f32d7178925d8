//! Pull requests: reviews, reviewers, merging, checks. Public sources: GitHub, REST API endpoints for pull requests,
//! pull request reviews, review requests, check runs.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::request::read;
use super::super::schema::{choice, list, number, object as members, optional, pattern, required, text};
use super::super::{Call, Context, Unable, marked};
use super::{BODY_CHARS_MAX, PATH_CHARS_MAX, Repository, SHA, TITLE_CHARS_MAX, object, pull_number};

/// Comments on lines in one review.
const COMMENTS_MAX: usize = 50;
/// People or teams in one call.
const REVIEWERS_MAX: usize = 15;
/// What the names of people and teams are made of.
const LOGIN: &str = "^[A-Za-z0-9_.-]{1,100}$";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    number: u64,
    event: String,
    body: String,
    #[serde(default)]
    comments: Vec<LineComment>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LineComment {
    path: String,
    line: u64,
    side: Option<String>,
    start_line: Option<u64>,
    body: String,
}

pub(super) fn create_review_parameters() -> Value {
    let comment = members([
        required("path", text("The file, from the root of the repository", PATH_CHARS_MAX)),
        required("line", number("The line of the diff; the last one of several")),
        optional(
            "side",
            choice("LEFT for lines that are removed, else RIGHT; RIGHT when left out", &["LEFT", "RIGHT"]),
        ),
        optional("start_line", number("The first line, of several")),
        required("body", text("The comment, in Markdown", BODY_CHARS_MAX)),
    ]);
    let events = ["APPROVE", "REQUEST_CHANGES", "COMMENT"];
    members([
        required("number", pull_number()),
        required("event", choice("What the review comes to", &events)),
        required("body", text("The review, in Markdown", BODY_CHARS_MAX)),
        optional("comments", list("Comments on lines of the diff", &comment, (0, COMMENTS_MAX))),
    ])
}

/// Each comment on a line has an event of its own, so each has the mark. Where the delivery says what the head was, an
/// approval is of that commit.
pub(super) fn create_review(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Review { number, event, body, mut comments } = read(arguments)?;
    for comment in &mut comments {
        comment.body = marked(&comment.body, context.action);
        comment.side.get_or_insert_with(|| "RIGHT".to_owned());
    }
    let body = json!({
        "commit_id": seen_head(context, number).filter(|_| event == "APPROVE"),
        "event": event,
        "body": marked(&body, context.action),
        "comments": comments,
    });
    Repository::of(context)?.change(Method::POST, &["pulls", &number.to_string(), "reviews"], body)
}

/// The head of a pull request at the time of the delivery, when that is about it.
fn seen_head<'a>(context: &Context<'a>, number: u64) -> Option<&'a str> {
    let pull = &context.payload["pull_request"];
    pull["head"]["sha"].as_str().filter(|_| pull["number"] == number)
}

pub(super) fn review(answer: &Value) -> Option<String> {
    object("review", answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    number: u64,
    method: String,
    title: Option<String>,
    sha: Option<String>,
}

pub(super) fn merge_parameters() -> Value {
    let head = "The commit that must be the head of the pull request; that of the delivery when left out and the \
                delivery is about it";
    members([
        required("number", pull_number()),
        required("method", choice("How to merge", &["merge", "squash", "rebase"])),
        optional("title", text("Title of the commit; GitHub's own when left out", TITLE_CHARS_MAX)),
        optional("sha", pattern(head, SHA)),
    ])
}

/// Where the delivery says what the head was, nothing else is merged: what was pushed since, the agent has not seen.
pub(super) fn merge(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Merge { number, method, title, sha } = read(arguments)?;
    let sha = sha.as_deref().or_else(|| seen_head(context, number));
    let body = json!({ "merge_method": method, "commit_title": title, "sha": sha });
    Repository::of(context)?.change(Method::PUT, &["pulls", &number.to_string(), "merge"], body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewRequest {
    number: u64,
    #[serde(default)]
    reviewers: Vec<String>,
    #[serde(default)]
    teams: Vec<String>,
}

pub(super) fn request_reviewers_parameters() -> Value {
    let names = |of, one| list(of, &pattern(one, LOGIN), (0, REVIEWERS_MAX));
    members([
        required("number", pull_number()),
        optional("reviewers", names("Logins of people", "A login, without @")),
        optional("teams", names("Slugs of teams", "A slug, without the organization")),
    ])
}

pub(super) fn request_reviewers(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let ReviewRequest { number, reviewers, teams } = read(arguments)?;
    if reviewers.is_empty() && teams.is_empty() {
        return Err(Unable::new("name at least one of reviewers or teams"));
    }
    let body = json!({ "reviewers": reviewers, "team_reviewers": teams });
    let path = ["pulls", &number.to_string(), "requested_reviewers"];
    Repository::of(context)?.change(Method::POST, &path, body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRun {
    name: String,
    head_sha: String,
    status: String,
    conclusion: Option<String>,
    title: String,
    summary: String,
}

pub(super) fn create_check_run_parameters() -> Value {
    let conclusions =
        ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"];
    members([
        required("name", text("Name of the check", TITLE_CHARS_MAX)),
        required("head_sha", pattern("The commit that was checked", SHA)),
        required("status", choice("How far it is", &["queued", "in_progress", "completed"])),
        optional("conclusion", choice("What it came to; exactly when completed", &conclusions)),
        required("title", text("The result, in one line", TITLE_CHARS_MAX)),
        required("summary", text("The result, in Markdown", BODY_CHARS_MAX)),
    ])
}

/// The run refers to the action in `external_id`, which is made for that; a mark in its text would be a second one.
pub(super) fn create_check_run(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let CheckRun { name, head_sha, status, conclusion, title, summary } = read(arguments)?;
    if (status == "completed") != conclusion.is_some() {
        return Err(Unable::new("conclusion must be given when status is completed, and only then"));
    }
    let body = json!({
        "name": name,
        "head_sha": head_sha,
        "status": status,
        "conclusion": conclusion,
        "external_id": context.action.to_string(),
        "output": { "title": title, "summary": summary },
    });
    Repository::of(context)?.change(Method::POST, &["check-runs"], body)
}

pub(super) fn check_run(answer: &Value) -> Option<String> {
    object("check_run", answer)
}
