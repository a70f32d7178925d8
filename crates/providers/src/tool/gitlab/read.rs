//! Looking only. Public sources: GitLab, Merge requests API, Repository files API.

use serde::Deserialize;
use serde_json::Value;

use super::super::request::{file_parts, read};
use super::super::schema::{object as members, optional, required, text};
use super::super::{Call, Context, Unable};
use super::{PATH_CHARS_MAX, Project, TITLE_CHARS_MAX, merge_request_iid};

/// GitLab, REST API: pagination. No page can be longer.
const DIFFS_PER_PAGE: &str = "100";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Diff {
    iid: u64,
}

pub(super) fn diff_parameters() -> Value {
    members([required("iid", merge_request_iid())])
}

pub(super) fn diff(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Diff { iid } = read(arguments)?;
    let query = [("per_page", DIFFS_PER_PAGE)];
    Project::of(context)?.look(&["merge_requests", &iid.to_string(), "diffs"], &query)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    r#ref: Option<String>,
}

pub(super) fn file_parameters() -> Value {
    members([
        required("path", text("The file, from the root of the repository: src/main.rs", PATH_CHARS_MAX)),
        optional("ref", text("Branch, tag or commit; the default branch when left out", TITLE_CHARS_MAX)),
    ])
}

/// The path is one segment to GitLab, its slashes encoded. The raw form spares the agent the Base64.
pub(super) fn file(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let File { path, r#ref } = read(arguments)?;
    file_parts(&path)?;
    let query = [("ref", r#ref.as_deref().unwrap_or("HEAD"))];
    Project::of(context)?.look(&["repository", "files", &path, "raw"], &query)
}
