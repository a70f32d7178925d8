//! What an agent is told of a request of GitLab's. Members: GitLab, Webhook events.

use crate::incoming::{Incoming, Summary};
use crate::lenient::Json;
use crate::lines::{Lines, excerpt, first_line, headline, quoted};

/// Bytes shown of a description.
const DESCRIPTION_BYTES_MAX: usize = 500;
/// Bytes shown of a comment or the notes of a release.
const COMMENT_BYTES_MAX: usize = 1000;
/// Commits of a push that are listed.
const COMMITS_MAX: usize = 5;
/// Labels or failed jobs that are listed.
const LISTED_MAX: usize = 20;
/// Jobs of a pipeline that are looked at.
const JOBS_MAX: usize = 1000;

pub(super) fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let event = event_type.unwrap_or("unknown");
    let (family, action) = event.split_once('.').unwrap_or((event, ""));
    let mut lines = Lines::new(&format!("GitLab event: {event}"));
    lines.gap();
    let payload = incoming.payload().unwrap_or_default();
    let payload = Json::new(&payload);
    if !payload.is_valid() {
        lines.line("The payload is not JSON.");
        return lines.finish(event);
    }

    let project = payload.first(["project.path_with_namespace", "project_name", "group.full_path"]).line();
    lines.fact("Project", project.as_deref());
    let who = payload.first(["user.username", "user_username"]).line().map(|name| format!("@{name}"));
    let who = who.as_deref();
    let what = match family {
        "merge_request" => Some(merge_request(&mut lines, payload, action, who)),
        "issue" => Some(issue(&mut lines, payload, action, who)),
        "note" => Some(note(&mut lines, payload, who)),
        "push" | "tag_push" => Some(push(&mut lines, payload, who)),
        "pipeline" => Some(pipeline(&mut lines, payload, who)),
        "job" => Some(job(&mut lines, payload, who)),
        "release" => release(&mut lines, payload),
        _ => anything(&mut lines, payload, family, who),
    };
    lines.finish(&headline(event, project.as_deref(), what.as_deref(), who))
}

fn merge_request(lines: &mut Lines, payload: Json<'_>, action: &str, user: Option<&str>) -> String {
    let member = payload.at("object_attributes");
    let what = heading(lines, "MR", '!', member);
    let [source, target, url, state, draft, description] =
        member.pick(["source_branch", "target_branch", "url", "state", "draft", "description"]);
    author_or_sender(lines, payload, action, user);
    lines.detail(
        "Branch",
        source.line().zip(target.line()).map(|(source, target)| format!("{source} → {target}")),
    );
    lines.detail("URL", url.line());
    lines.detail("State", state.line());
    lines.detail("Draft", draft.boolean().or_else(|| member.at("work_in_progress").boolean()));
    lines.block("Description", description.text().as_deref(), DESCRIPTION_BYTES_MAX);
    lines.gap();
    lines.fact("Labels", labels(payload));
    what
}

fn issue(lines: &mut Lines, payload: Json<'_>, action: &str, user: Option<&str>) -> String {
    let member = payload.at("object_attributes");
    let what = heading(lines, "Issue", '#', member);
    let [url, state, confidential, description] =
        member.pick(["url", "state", "confidential", "description"]);
    author_or_sender(lines, payload, action, user);
    lines.detail("URL", url.line());
    lines.detail("State", state.line());
    lines.detail("Confidential", confidential.boolean().filter(|&flag| flag));
    lines.block("Description", description.text().as_deref(), DESCRIPTION_BYTES_MAX);
    lines.gap();
    lines.fact("Labels", labels(payload));
    what
}

/// A note is about a merge request, an issue, a commit or a snippet: which, is the member that is there.
fn note(lines: &mut Lines, payload: Json<'_>, author: Option<&str>) -> String {
    let [merge_request, issue, commit, snippet] =
        payload.pick(["merge_request", "issue", "commit", "snippet"]);
    let what = if merge_request.is_object() {
        Some(heading(lines, "MR", '!', merge_request))
    } else if issue.is_object() {
        Some(heading(lines, "Issue", '#', issue))
    } else if commit.is_object() {
        let commit = one_commit(commit);
        lines.fact("Commit", Some(&commit));
        Some(format!("commit {commit}"))
    } else if snippet.is_object() {
        let title = quoted(snippet.at("title"));
        lines.fact("Snippet", Some(&title));
        Some(format!("snippet {title}"))
    } else {
        None
    };
    let [text, url, system] =
        payload.pick(["object_attributes.note", "object_attributes.url", "object_attributes.system"]);
    lines.fact("URL", url.line());
    lines.fact("System note", system.boolean().filter(|&flag| flag));
    let author = author.unwrap_or("(unknown)");
    lines.block(&format!("Comment by {author}"), text.text().as_deref(), COMMENT_BYTES_MAX);
    what.map_or_else(|| "comment".to_owned(), |what| format!("comment on {what}"))
}

fn push(lines: &mut Lines, payload: Json<'_>, pusher: Option<&str>) -> String {
    let [reference, message, total, commits, after] =
        payload.pick(["ref", "message", "total_commits_count", "commits", "after"]);
    let reference = reference.line();
    lines.fact("Ref", reference.as_deref());
    lines.fact("Pusher", pusher);
    lines.fact("Message", message.line());
    // GitLab, Webhook events, "Push events": what is deleted has no commit afterwards.
    let deleted = after.line().is_some_and(|commit| commit.bytes().all(|digit| digit == b'0'));
    lines.fact("Deleted", Some(true).filter(|_| deleted));
    let (first, listed) = commits.elements(COMMITS_MAX);
    let count =
        total.integer().filter(|&count| count >= 0).unwrap_or_else(|| i64::try_from(listed).unwrap_or(0));
    let more = i64::try_from(first.len()).is_ok_and(|shown| shown < count);
    let more = if more { format!(" (the first {})", first.len()) } else { String::new() };
    lines.fact("Commits", Some(format!("{count}{more}")));
    for commit in first {
        let author = commit.at("author.name").line();
        let author = author.map(|name| format!(" ({})", excerpt(&name, 64))).unwrap_or_default();
        lines.item(&format!("{}{author}", one_commit(commit)));
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} commit{plural} to {}", reference.as_deref().unwrap_or("(unknown ref)"))
}

fn pipeline(lines: &mut Lines, payload: Json<'_>, user: Option<&str>) -> String {
    let member = payload.at("object_attributes");
    let [id, status, reference, sha, source, duration, url] =
        member.pick(["id", "status", "ref", "sha", "source", "duration", "url"]);
    let what = format!("pipeline #{}", id.id().as_deref().unwrap_or("(unknown)"));
    let status = status.line();
    lines.fact("Pipeline", id.id().map(|id| format!("#{id}")));
    lines.detail("Status", status.as_deref());
    lines.detail("Ref", reference.line());
    lines.detail("Commit", sha.line());
    lines.detail("Source", source.line());
    lines.detail("Duration", duration.integer().map(|seconds| format!("{seconds} s")));
    lines.detail("User", user);
    lines.detail("URL", url.line());
    let merge_request = payload.at("merge_request");
    if merge_request.is_object() {
        heading(lines, "MR", '!', merge_request);
    }
    lines.fact("Failed jobs", failed_jobs(payload.at("builds")));
    status.map_or_else(|| what.clone(), |status| format!("{what} {status}"))
}

fn failed_jobs(builds: Json<'_>) -> Option<String> {
    let (builds, _) = builds.elements(JOBS_MAX);
    let failed = |build: Json<'_>| {
        let [name, status] = build.pick(["name", "status"]).map(Json::line);
        name.filter(|_| status.as_deref() == Some("failed"))
    };
    let names: Vec<String> = builds.into_iter().filter_map(failed).take(LISTED_MAX).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Jobs are called builds in their own event.
fn job(lines: &mut Lines, payload: Json<'_>, user: Option<&str>) -> String {
    let [name, stage, status, reason, reference, sha, pipeline] = payload.pick([
        "build_name",
        "build_stage",
        "build_status",
        "build_failure_reason",
        "ref",
        "sha",
        "pipeline_id",
    ]);
    let name = name.line().unwrap_or_else(|| "(unnamed)".to_owned());
    let status = status.line();
    lines.fact("Job", Some(&name));
    lines.detail("Stage", stage.line());
    lines.detail("Status", status.as_deref());
    lines.detail("Failure reason", reason.line().filter(|_| status.as_deref() == Some("failed")));
    lines.detail("Ref", reference.line());
    lines.detail("Commit", sha.line());
    lines.detail("Pipeline", pipeline.id().map(|id| format!("#{id}")));
    lines.detail("User", user);
    status.map_or_else(|| format!("job {name}"), |status| format!("job {name} {status}"))
}

fn release(lines: &mut Lines, payload: Json<'_>) -> Option<String> {
    let [name, tag, url, description] = payload.pick(["name", "tag", "url", "description"]);
    let tag = tag.line();
    let name = name.line().or_else(|| tag.clone());
    lines.fact("Release", Some(name.as_deref().unwrap_or("(untitled)")));
    lines.detail("Tag", tag.as_deref());
    lines.detail("URL", url.line());
    lines.block("Notes", description.text().as_deref(), COMMENT_BYTES_MAX);
    tag.or(name)
}

/// Of events without a block of their own: who, and what `object_attributes` has of usual members.
fn anything(lines: &mut Lines, payload: Json<'_>, family: &str, sender: Option<&str>) -> Option<String> {
    lines.fact("Sender", sender);
    let member = payload.at("object_attributes");
    let number = member.at("iid").integer().map(|iid| format!("#{iid}"));
    let title = member.first(["title", "name"]).line().map(|title| format!("\"{}\"", excerpt(&title, 256)));
    let what = match (number, title) {
        (Some(number), Some(title)) => Some(format!("{number}: {title}")),
        (number, title) => number.or(title),
    };
    lines.fact(family, what.as_deref());
    let [state, url] = member.pick(["state", "url"]);
    lines.fact("Event", payload.at("event_name").line());
    lines.fact("Status", state.line().or_else(|| payload.at("status").line()));
    lines.fact("URL", url.line());
    what
}

/// `MR !7: "Title"`; returns what it is called in a headline. GitLab writes `!` before merge requests and `#` before
/// issues.
fn heading(lines: &mut Lines, kind: &str, sigil: char, member: Json<'_>) -> String {
    let [iid, title] = member.pick(["iid", "title"]);
    let iid = iid.integer().map(|iid| format!(" {sigil}{iid}")).unwrap_or_default();
    let title = quoted(title);
    lines.line(&format!("{kind}{iid}: {title}"));
    format!("{kind}{iid} {title}")
}

/// An event names the user who caused it; of the author it has only the number, unless that is the same person.
fn author_or_sender(lines: &mut Lines, payload: Json<'_>, action: &str, user: Option<&str>) {
    let [user_id, author_id] = payload.pick(["user.id", "object_attributes.author_id"]).map(Json::integer);
    let same = user_id.is_some() && user_id == author_id;
    lines.detail(if action == "open" || same { "Author" } else { "Sender" }, user);
}

fn one_commit(commit: Json<'_>) -> String {
    let [id, message] = commit.pick(["id", "message"]);
    let id: String = id.line().unwrap_or_default().chars().take(8).collect();
    let message = message.text().unwrap_or_default();
    let message = excerpt(first_line(&message).unwrap_or("(no message)"), 256);
    format!("{id} {message}")
}

fn labels(payload: Json<'_>) -> Option<String> {
    let (first, count) = payload.at("labels").elements(LISTED_MAX);
    let more = count.saturating_sub(first.len());
    let mut names: Vec<String> = first.into_iter().filter_map(|label| label.at("title").line()).collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
}
