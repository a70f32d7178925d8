//! Looking only. Public sources: GitHub, REST API endpoints for pull requests, repository contents.

use serde::Deserialize;
use serde_json::Value;

use super::super::request::{file_parts, read};
use super::super::schema::{number, object as members, optional, required, text};
use super::super::{Call, Context, Unable};
use super::{DIFF, JSON, PATH_CHARS_MAX, RAW, Repository, TITLE_CHARS_MAX, pull_number};

/// Files on a page, so that most pages fit into what an agent is given of an answer.
const FILES_PER_PAGE: &str = "30";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Diff {
    number: u64,
}

pub(super) fn diff_parameters() -> Value {
    members([required("number", pull_number())])
}

pub(super) fn diff(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Diff { number } = read(arguments)?;
    Repository::of(context)?.look(DIFF, &["pulls", &number.to_string()], &[])
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

pub(super) fn file(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let File { path, r#ref } = read(arguments)?;
    let path = [vec!["contents"], file_parts(&path)?].concat();
    let query: Vec<(&str, &str)> = r#ref.iter().map(|name| ("ref", name.as_str())).collect();
    Repository::of(context)?.look(RAW, &path, &query)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    number: u64,
    page: Option<u64>,
}

pub(super) fn files_parameters() -> Value {
    members([
        required("number", pull_number()),
        optional("page", number("Which page; the first when left out")),
    ])
}

pub(super) fn files(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Files { number, page } = read(arguments)?;
    let page = page.unwrap_or(1).to_string();
    let query = [("per_page", FILES_PER_PAGE), ("page", &page)];
    Repository::of(context)?.look(JSON, &["pulls", &number.to_string(), "files"], &query)
}
