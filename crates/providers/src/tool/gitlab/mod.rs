//! GitLab's REST API, version 4. Public source: GitLab, REST API resources.

mod read;
mod write;

use http::{HeaderMap, Method};
use serde_json::Value;

use super::request::{self, Root};
use super::{Call, Context, Tool, Unable, no_object, schema};

/// GitLab, REST API: authentication and paths. A self-hosted instance has the API at the same path.
const ROOT: &str = "https://gitlab.com/api/v4";
const API: &str = "/api/v4";

/// Characters of a text. GitLab takes 1,048,576; nobody reads that.
const BODY_CHARS_MAX: usize = 65_000;
/// Characters of a title or a name.
const TITLE_CHARS_MAX: usize = 255;
/// Characters of the path of a file.
const PATH_CHARS_MAX: usize = 1_024;
/// A commit's hash, SHA-1 or SHA-256.
const SHA: &str = "^[0-9a-f]{40}([0-9a-f]{24})?$";

/// What can be done at GitLab, in the project that the delivery is about.
pub static TOOLS: [Tool; 8] = [
    Tool {
        name: "gitlab_post_comment",
        description: "Posts a comment on a merge request or an issue of the project.",
        parameters: write::post_comment_parameters,
        writes: true,
        prepare: write::post_comment,
        object: write::note,
    },
    Tool {
        name: "gitlab_create_review",
        description: "Begins a discussion in a merge request, on a line of its diff when a position is given.",
        parameters: write::create_review_parameters,
        writes: true,
        prepare: write::create_review,
        object: write::first_note,
    },
    Tool {
        name: "gitlab_add_labels",
        description: "Adds labels to a merge request. Labels that it has already stay.",
        parameters: write::add_labels_parameters,
        writes: true,
        prepare: write::add_labels,
        object: no_object,
    },
    Tool {
        name: "gitlab_approve_mr",
        description: "Approves a merge request. Fails when commits were pushed after the one that is approved.",
        parameters: write::approve_parameters,
        writes: true,
        prepare: write::approve,
        object: no_object,
    },
    Tool {
        name: "gitlab_merge_mr",
        description: "Merges a merge request. Fails when commits were pushed since the delivery, where the delivery \
                      is about it.",
        parameters: write::merge_parameters,
        writes: true,
        prepare: write::merge,
        object: no_object,
    },
    Tool {
        name: "gitlab_create_issue",
        description: "Opens an issue in the project.",
        parameters: write::create_issue_parameters,
        writes: true,
        prepare: write::create_issue,
        object: write::issue,
    },
    Tool {
        name: "gitlab_get_diff",
        description: "Reads the diffs of a merge request, up to 100 files.",
        parameters: read::diff_parameters,
        writes: false,
        prepare: read::diff,
        object: no_object,
    },
    Tool {
        name: "gitlab_get_file",
        description: "Reads a file of the project's repository.",
        parameters: read::file_parameters,
        writes: false,
        prepare: read::file,
        object: no_object,
    },
];

/// The project that a delivery is about.
struct Project<'a> {
    context: &'a Context<'a>,
    root: Root,
    /// Its number, or its path with its groups, which GitLab takes as one segment.
    id: String,
}

impl<'a> Project<'a> {
    fn of(context: &'a Context<'a>) -> Result<Self, Unable> {
        let payload = context.payload;
        let number = payload["project"]["id"].as_u64().or_else(|| payload["project_id"].as_u64());
        let path = payload["project"]["path_with_namespace"].as_str().filter(|path| is_project_path(path));
        let id = match (number, path) {
            (Some(number), _) => number.to_string(),
            (None, Some(path)) => path.to_owned(),
            (None, None) => return Err(Unable::new("the delivery's payload names no project to act in")),
        };
        Ok(Self { context, root: Root::new(context.base_url, ROOT)?.ending_in(API), id })
    }

    fn headers(&self) -> Result<HeaderMap, Unable> {
        let mut headers = request::common_headers();
        headers.insert("private-token", request::credential("", self.context.token)?);
        Ok(headers)
    }

    /// The segments of a path in the project.
    fn path<'s>(&'s self, rest: &[&'s str]) -> Vec<&'s str> {
        [&["projects", self.id.as_str()], rest].concat()
    }

    fn change(&self, method: Method, path: &[&str], body: Value) -> Result<Vec<Call>, Unable> {
        let uri = self.root.at(&self.path(path), &[])?;
        Ok(vec![request::json(method, uri, self.headers()?, body)])
    }

    fn look(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Call>, Unable> {
        let uri = self.root.at(&self.path(path), query)?;
        Ok(vec![request::bare(Method::GET, uri, self.headers()?)])
    }
}

/// True of a path with at least one group, whose parts are what GitLab lets groups and projects be named.
fn is_project_path(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && !matches!(part, "." | "..")
    };
    path.contains('/') && path.split('/').all(plain)
}

/// The number of a merge request, for a schema.
fn merge_request_iid() -> Value {
    schema::number("Number of the merge request in the project (iid)")
}
