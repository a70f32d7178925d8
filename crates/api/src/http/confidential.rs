//! Answers that no one may keep.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;

/// JSON with a secret or key in it.
pub(crate) struct Confidential<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Confidential<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
