//! Problems (RFC 9457).

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What went wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The kind of problem, stable: the address of a page about it.
    #[serde(rename = "type")]
    #[schema(example = "/errors/invalid")]
    pub(crate) kind: String,
    /// The kind in a few words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong this time.
    pub(crate) detail: String,
    /// The path that was asked for.
    pub(crate) instance: String,
    /// The members of the request that are wrong, when it is about members.
    pub(crate) errors: Vec<ProblemMember>,
}

/// A member of the request that is wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemMember {
    /// Where: `body.url`, `query.limit`, `header.idempotency-key`, `body.events[3].type`; `body[2].type` for the
    /// third line of a body of lines.
    pub(crate) location: String,
    /// What is wanted.
    pub(crate) message: String,
    /// What was given, when it is short and no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
}
