//! GitHub's REST API, version 2022-11-28. Public source: GitHub, REST API documentation.

mod discuss;
mod pull;
mod read;

use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::Value;

use super::request::{self, Root};
use super::{Call, Context, Tool, Unable, no_object, schema};

/// GitHub, Getting started with the REST API.
const ROOT: &str = "https://api.github.com";
/// GitHub, API versions.
const VERSION: HeaderValue = HeaderValue::from_static("2022-11-28");
/// GitHub, Getting started with the REST API: media types.
const JSON: HeaderValue = HeaderValue::from_static("application/vnd.github+json");
const DIFF: HeaderValue = HeaderValue::from_static("application/vnd.github.diff");
const RAW: HeaderValue = HeaderValue::from_static("application/vnd.github.raw+json");

/// Characters of a text. GitHub takes 65,536; the rest is for our mark.
const BODY_CHARS_MAX: usize = 65_000;
/// Characters of a title or a name.
const TITLE_CHARS_MAX: usize = 256;
/// Characters of the path of a file.
const PATH_CHARS_MAX: usize = 1_024;
/// A commit's hash, SHA-1 or SHA-256.
const SHA: &str = "^[0-9a-f]{40}([0-9a-f]{24})?$";

/// What can be done at GitHub, in the repository that the delivery is about.
pub static TOOLS: [Tool; 12] = [
    Tool {
        name: "github_post_comment",
        description: "Posts a comment on an issue or pull request of the repository.",
        parameters: discuss::post_comment_parameters,
        writes: true,
        prepare: discuss::post_comment,
        object: discuss::comment,
    },
    Tool {
        name: "github_create_review",
        description: "Posts a review of a pull request: approves it, requests changes or comments, and may comment \
                      on single lines of the diff.",
        parameters: pull::create_review_parameters,
        writes: true,
        prepare: pull::create_review,
        object: pull::review,
    },
    Tool {
        name: "github_add_labels",
        description: "Adds labels to an issue or pull request. Labels that it has already stay.",
        parameters: discuss::labels_parameters,
        writes: true,
        prepare: discuss::add_labels,
        object: no_object,
    },
    Tool {
        name: "github_remove_labels",
        description: "Removes labels from an issue or pull request. Fails at a label that it does not have.",
        parameters: discuss::labels_parameters,
        writes: true,
        prepare: discuss::remove_labels,
        object: no_object,
    },
    Tool {
        name: "github_create_issue",
        description: "Opens an issue in the repository.",
        parameters: discuss::create_issue_parameters,
        writes: true,
        prepare: discuss::create_issue,
        object: discuss::issue,
    },
    Tool {
        name: "github_close_issue",
        description: "Closes an issue.",
        parameters: discuss::close_issue_parameters,
        writes: true,
        prepare: discuss::close_issue,
        object: no_object,
    },
    Tool {
        name: "github_merge_pr",
        description: "Merges a pull request. Fails when commits were pushed after the one that is to be merged.",
        parameters: pull::merge_parameters,
        writes: true,
        prepare: pull::merge,
        object: no_object,
    },
    Tool {
        name: "github_request_reviewers",
        description: "Asks people or teams to review a pull request.",
        parameters: pull::request_reviewers_parameters,
        writes: true,
        prepare: pull::request_reviewers,
        object: no_object,
    },
    Tool {
        name: "github_create_check_run",
        description: "Puts a check run on a commit: its state and, when completed, its conclusion. Needs the \
                      credential of a GitHub App.",
        parameters: pull::create_check_run_parameters,
        writes: true,
        prepare: pull::create_check_run,
        object: pull::check_run,
    },
    Tool {
        name: "github_get_diff",
        description: "Reads the diff of a pull request.",
        parameters: read::diff_parameters,
        writes: false,
        prepare: read::diff,
        object: no_object,
    },
    Tool {
        name: "github_get_file",
        description: "Reads a file of the repository.",
        parameters: read::file_parameters,
        writes: false,
        prepare: read::file,
        object: no_object,
    },
    Tool {
        name: "github_list_files",
        description: "Lists the files that a pull request changes, 30 a page, each with its part of the diff.",
        parameters: read::files_parameters,
        writes: false,
        prepare: read::files,
        object: no_object,
    },
];

/// The repository that a delivery is about.
struct Repository<'a> {
    context: &'a Context<'a>,
    root: Root,
    owner: &'a str,
    name: &'a str,
}

impl<'a> Repository<'a> {
    fn of(context: &'a Context<'a>) -> Result<Self, Unable> {
        let full_name = context.payload["repository"]["full_name"].as_str().unwrap_or_default();
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(is_name_byte) && !matches!(part, "." | "..");
        let (owner, name) = full_name
            .split_once('/')
            .filter(|(owner, name)| plain(owner) && plain(name))
            .ok_or_else(|| Unable::new("the delivery's payload names no repository to act in"))?;
        Ok(Self { context, root: Root::new(context.base_url, ROOT)?, owner, name })
    }

    fn headers(&self, accept: HeaderValue) -> Result<HeaderMap, Unable> {
        let mut headers = request::common_headers();
        headers.insert(ACCEPT, accept);
        headers.insert("x-github-api-version", VERSION);
        headers.insert(AUTHORIZATION, request::credential("Bearer ", self.context.token)?);
        Ok(headers)
    }

    /// The segments of a path in the repository.
    fn path<'s>(&'s self, rest: &[&'s str]) -> Vec<&'s str> {
        [&["repos", self.owner, self.name], rest].concat()
    }

    fn change(&self, method: Method, path: &[&str], body: Value) -> Result<Vec<Call>, Unable> {
        let uri = self.root.at(&self.path(path), &[])?;
        Ok(vec![request::json(method, uri, self.headers(JSON)?, body)])
    }

    fn look(&self, accept: HeaderValue, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Call>, Unable> {
        let uri = self.root.at(&self.path(path), query)?;
        Ok(vec![request::bare(Method::GET, uri, self.headers(accept)?)])
    }
}

/// What the names of owners and repositories are made of.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The number of an issue or pull request, for a schema.
fn issue_number() -> Value {
    schema::number("Number of the issue or pull request")
}

/// The number of a pull request, for a schema.
fn pull_number() -> Value {
    schema::number("Number of the pull request")
}

/// The object that GitHub's answer is, `comment:17`.
fn object(kind: &str, answer: &Value) -> Option<String> {
    Some(format!("{kind}:{}", answer["id"].as_u64()?))
}
