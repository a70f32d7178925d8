//! Errors.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// The error.
    pub(crate) error: ErrorMembers,
}

/// An error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorMembers {
    /// The kind, stable.
    #[schema(value_type = String, example = "validation_error")]
    pub(crate) code: &'static str,
    /// What is wrong with which member of the request; empty when it is about none.
    #[schema(example = json!({"url": "must be an absolute URL such as https://example.com/webhooks"}))]
    pub(crate) details: BTreeMap<String, String>,
    /// What is wrong, for people.
    pub(crate) message: String,
}
