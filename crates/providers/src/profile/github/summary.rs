//! What an agent is told of a request of GitHub's. Members: GitHub, Webhook events and payloads.

use crate::incoming::{Incoming, Summary};
use crate::lenient::Json;
use crate::lines::{Lines, excerpt, first_line, grouped, headline, quoted};

/// Bytes shown of a description.
const DESCRIPTION_BYTES_MAX: usize = 500;
/// Bytes shown of a comment, a review or the notes of a release.
const COMMENT_BYTES_MAX: usize = 1000;
/// Commits of a push that are listed.
const COMMITS_MAX: usize = 5;
/// Labels, events or numbers that are listed.
const LISTED_MAX: usize = 20;

pub(super) fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let event = event_type.or_else(|| incoming.header("x-github-event")).unwrap_or("unknown");
    let (family, action) = event.split_once('.').unwrap_or((event, ""));
    let mut lines = Lines::new(&format!("GitHub event: {event}"));
    lines.gap();
    let payload = incoming.payload().unwrap_or_default();
    let payload = Json::new(&payload);
    if !payload.is_valid() {
        lines.line("The payload is not JSON.");
        return lines.finish(event);
    }

    let [repository, organization, sender] =
        payload.pick(["repository.full_name", "organization.login", "sender.login"]).map(Json::line);
    lines.fact("Repository", repository.as_deref());
    if repository.is_none() {
        lines.fact("Organization", organization.as_deref());
    }
    let sender = sender.map(|login| format!("@{login}"));
    let who = sender.as_deref();
    let what = match family {
        "pull_request" => Some(pull_request(&mut lines, payload, action, who)),
        "issues" => Some(issue(&mut lines, payload, who)),
        "issue_comment" => Some(issue_comment(&mut lines, payload)),
        "pull_request_review" => Some(review(&mut lines, payload)),
        "pull_request_review_comment" => Some(review_comment(&mut lines, payload)),
        "pull_request_review_thread" => Some(review_thread(&mut lines, payload)),
        "push" => Some(push(&mut lines, payload)),
        "release" => release(&mut lines, payload, who),
        "workflow_run" => Some(workflow_run(&mut lines, payload)),
        "check_suite" => Some(check_suite(&mut lines, payload)),
        "ping" => ping(&mut lines, payload),
        _ => anything(&mut lines, payload, family, who),
    };
    let place = repository.or(organization);
    lines.finish(&headline(event, place.as_deref(), what.as_deref(), who))
}

fn pull_request(lines: &mut Lines, payload: Json<'_>, action: &str, sender: Option<&str>) -> String {
    let member = payload.at("pull_request");
    let what = heading(lines, "PR", member);
    let [author, head, base, url, draft, merged, body, labels] =
        member.pick(["user.login", "head.ref", "base.ref", "html_url", "draft", "merged", "body", "labels"]);
    author_and_sender(lines, author, sender);
    let branches = head.line().zip(base.line()).map(|(head, base)| format!("{head} → {base}"));
    lines.detail("Branch", branches);
    lines.detail("URL", url.line());
    lines.detail("Draft", draft.boolean());
    if action == "closed" {
        lines.detail("Merged", merged.boolean());
    }
    lines.detail("Label", payload.at("label.name").line());
    lines.block("Description", body.text().as_deref(), DESCRIPTION_BYTES_MAX);
    lines.gap();
    let [files, additions, deletions] =
        member.pick(["changed_files", "additions", "deletions"]).map(|count| count.integer().map(grouped));
    let changed = additions.zip(deletions).map(|(added, deleted)| format!(" (+{added} / -{deleted})"));
    lines.fact("Changed files", files.map(|files| files + &changed.unwrap_or_default()));
    lines.fact("Labels", listed(labels, "name"));
    what
}

fn issue(lines: &mut Lines, payload: Json<'_>, sender: Option<&str>) -> String {
    let member = payload.at("issue");
    let what = issue_heading(lines, member);
    let [author, url, state, body, labels] =
        member.pick(["user.login", "html_url", "state", "body", "labels"]);
    author_and_sender(lines, author, sender);
    lines.detail("URL", url.line());
    lines.detail("State", state.line());
    lines.detail("Label", payload.at("label.name").line());
    lines.block("Description", body.text().as_deref(), DESCRIPTION_BYTES_MAX);
    lines.gap();
    lines.fact("Labels", listed(labels, "name"));
    what
}

fn issue_comment(lines: &mut Lines, payload: Json<'_>) -> String {
    let member = payload.at("issue");
    let what = issue_heading(lines, member);
    let [author, url] = member.pick(["user.login", "html_url"]);
    author_and_sender(lines, author, None);
    lines.detail("URL", url.line());
    comment(lines, payload.at("comment"));
    format!("comment on {what}")
}

fn review(lines: &mut Lines, payload: Json<'_>) -> String {
    let what = pull_request_in_short(lines, payload);
    let member = payload.at("review");
    let [state, author, url, body] = member.pick(["state", "user.login", "html_url", "body"]);
    let state = state.line();
    lines.fact("Review", Some(state.as_deref().unwrap_or("(unknown state)")));
    lines.detail("Author", author.line().as_deref().map(login));
    lines.detail("URL", url.line());
    lines.block("Text", body.text().as_deref(), COMMENT_BYTES_MAX);
    state.map_or_else(|| format!("review of {what}"), |state| format!("{state} review of {what}"))
}

fn review_comment(lines: &mut Lines, payload: Json<'_>) -> String {
    let what = pull_request_in_short(lines, payload);
    comment_on_line(lines, payload.at("comment"));
    format!("comment on {what}")
}

/// A thread is told by the comment that began it.
fn review_thread(lines: &mut Lines, payload: Json<'_>) -> String {
    let what = pull_request_in_short(lines, payload);
    let (first, count) = payload.at("thread.comments").elements(1);
    lines.fact("Comments", Some(count));
    for member in first {
        comment_on_line(lines, member);
    }
    format!("thread on {what}")
}

fn push(lines: &mut Lines, payload: Json<'_>) -> String {
    let [reference, pusher, forced, created, deleted, compare, commits] =
        payload.pick(["ref", "pusher.name", "forced", "created", "deleted", "compare", "commits"]);
    let reference = reference.line();
    lines.fact("Ref", reference.as_deref());
    lines.fact("Pusher", pusher.line().as_deref().map(login));
    for (name, flag) in [("Forced", forced), ("Created", created), ("Deleted", deleted)] {
        lines.fact(name, flag.boolean().filter(|&flag| flag));
    }
    let (first, count) = commits.elements(COMMITS_MAX);
    let more = if count > first.len() { format!(" (the first {})", first.len()) } else { String::new() };
    lines.fact("Commits", Some(format!("{count}{more}")));
    for commit in first {
        let [id, message, author] = commit.pick(["id", "message", "author.name"]);
        let id: String = id.line().unwrap_or_default().chars().take(7).collect();
        let message = message.text().unwrap_or_default();
        let message = excerpt(first_line(&message).unwrap_or("(no message)"), 256);
        let author = author.line().map(|name| format!(" ({})", excerpt(&name, 64))).unwrap_or_default();
        lines.item(&format!("{id} {message}{author}"));
    }
    lines.fact("Compare", compare.line());
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} commit{plural} to {}", reference.as_deref().unwrap_or("(unknown ref)"))
}

fn release(lines: &mut Lines, payload: Json<'_>, sender: Option<&str>) -> Option<String> {
    let member = payload.at("release");
    let [name, tag, author, url, draft, prerelease, body] =
        member.pick(["name", "tag_name", "author.login", "html_url", "draft", "prerelease", "body"]);
    let tag = tag.line();
    let name = name.line().or_else(|| tag.clone());
    lines.fact("Release", Some(name.as_deref().unwrap_or("(untitled)")));
    lines.detail("Tag", tag.as_deref());
    author_and_sender(lines, author, sender);
    lines.detail("URL", url.line());
    lines.detail("Draft", draft.boolean().filter(|&flag| flag));
    lines.detail("Prerelease", prerelease.boolean().filter(|&flag| flag));
    lines.block("Notes", body.text().as_deref(), COMMENT_BYTES_MAX);
    tag.or(name)
}

fn workflow_run(lines: &mut Lines, payload: Json<'_>) -> String {
    let member = payload.at("workflow_run");
    let [number, title, event, actor, url] =
        member.pick(["run_number", "display_title", "event", "actor.login", "html_url"]);
    let name = member.first(["name", "path"]).line().unwrap_or_else(|| "(unnamed)".to_owned());
    let number = number.integer().map(|number| format!(" #{number}")).unwrap_or_default();
    lines.fact("Workflow run", Some(format!("{name}{number}")));
    lines.detail("Title", title.line());
    ran(lines, member);
    lines.detail("Trigger", event.line());
    lines.detail("Actor", actor.line().as_deref().map(login));
    lines.detail("URL", url.line());
    with_conclusion(&name, member)
}

fn check_suite(lines: &mut Lines, payload: Json<'_>) -> String {
    let member = payload.at("check_suite");
    let [app, count] = member.pick(["app.name", "latest_check_runs_count"]);
    let app = app.line().unwrap_or_else(|| "(unknown app)".to_owned());
    lines.fact("Check suite", Some(&app));
    ran(lines, member);
    lines.detail("Check runs", count.integer());
    with_conclusion(&app, member)
}

fn ping(lines: &mut Lines, payload: Json<'_>) -> Option<String> {
    let [id, events, zen] = payload.pick(["hook_id", "hook.events", "zen"]);
    lines.fact("Hook", id.id());
    let (events, _) = events.elements(LISTED_MAX);
    let events: Vec<String> = events.into_iter().filter_map(Json::line).collect();
    lines.fact("Events", (!events.is_empty()).then(|| events.join(", ")));
    let zen = zen.line();
    lines.fact("Zen", zen.as_deref());
    zen
}

/// Of events without a block of their own: who, and the object that is called like the event.
fn anything(lines: &mut Lines, payload: Json<'_>, family: &str, sender: Option<&str>) -> Option<String> {
    lines.fact("Sender", sender);
    let member = payload.at(family);
    if !member.is_object() {
        return None;
    }
    let title = member.first(["title", "name"]).line();
    let [number, url, state, conclusion] = member.pick(["number", "html_url", "state", "conclusion"]);
    let number = number.integer().map(|number| format!("#{number}"));
    let title = title.map(|title| format!("\"{}\"", excerpt(&title, 256)));
    let what = match (number, title) {
        (Some(number), Some(title)) => Some(format!("{number}: {title}")),
        (number, title) => number.or(title),
    };
    lines.fact(family, what.as_deref());
    lines.detail("State", state.line());
    lines.detail("Conclusion", conclusion.line());
    lines.detail("URL", url.line());
    what
}

/// `PR #567: "Add webhook support"`; returns what it is called in a headline.
fn heading(lines: &mut Lines, kind: &str, member: Json<'_>) -> String {
    let [number, title] = member.pick(["number", "title"]);
    let number = number.integer().map(|number| format!(" #{number}")).unwrap_or_default();
    let title = quoted(title);
    lines.line(&format!("{kind}{number}: {title}"));
    format!("{kind}{number} {title}")
}

/// A pull request is an issue to GitHub, and only its member `pull_request` tells.
fn issue_heading(lines: &mut Lines, member: Json<'_>) -> String {
    let kind = if member.at("pull_request").is_object() { "PR" } else { "Issue" };
    heading(lines, kind, member)
}

/// A pull request that something else is about.
fn pull_request_in_short(lines: &mut Lines, payload: Json<'_>) -> String {
    let member = payload.at("pull_request");
    let what = heading(lines, "PR", member);
    let [author, url] = member.pick(["user.login", "html_url"]);
    author_and_sender(lines, author, None);
    lines.detail("URL", url.line());
    what
}

/// The sender only when it is someone else.
fn author_and_sender(lines: &mut Lines, author: Json<'_>, sender: Option<&str>) {
    let author = author.line().as_deref().map(login);
    lines.detail("Author", author.as_deref());
    lines.detail("Sender", sender.filter(|&sender| Some(sender) != author.as_deref()));
}

fn comment_on_line(lines: &mut Lines, member: Json<'_>) {
    let [path, line] = member.pick(["path", "line"]);
    let place = path.line().map(|path| match line.integer() {
        Some(line) => format!("{path}:{line}"),
        None => path,
    });
    lines.fact("File", place);
    comment(lines, member);
}

fn comment(lines: &mut Lines, member: Json<'_>) {
    let [author, url, body] = member.pick(["user.login", "html_url", "body"]);
    lines.fact("Comment URL", url.line());
    let author = author.line().as_deref().map_or_else(|| "(unknown)".to_owned(), login);
    lines.block(&format!("Comment by {author}"), body.text().as_deref(), COMMENT_BYTES_MAX);
}

/// What runs of workflows and suites of checks have in common.
fn ran(lines: &mut Lines, member: Json<'_>) {
    let [branch, commit, status, conclusion, pull_requests] =
        member.pick(["head_branch", "head_sha", "status", "conclusion", "pull_requests"]);
    lines.detail("Branch", branch.line());
    lines.detail("Commit", commit.line());
    lines.detail("Status", status.line());
    lines.detail("Conclusion", conclusion.line());
    let (pull_requests, _) = pull_requests.elements(LISTED_MAX);
    let numbers: Vec<String> = pull_requests
        .into_iter()
        .filter_map(|pull_request| pull_request.at("number").integer())
        .map(|number| format!("#{number}"))
        .collect();
    lines.detail("Pull requests", (!numbers.is_empty()).then(|| numbers.join(", ")));
}

fn with_conclusion(name: &str, member: Json<'_>) -> String {
    match member.first(["conclusion", "status"]).line() {
        Some(conclusion) => format!("{name} {conclusion}"),
        None => name.to_owned(),
    }
}

fn listed(list: Json<'_>, member: &str) -> Option<String> {
    let (first, count) = list.elements(LISTED_MAX);
    let more = count.saturating_sub(first.len());
    let mut names: Vec<String> = first.into_iter().filter_map(|entry| entry.at(member).line()).collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

fn login(name: &str) -> String {
    format!("@{name}")
}
