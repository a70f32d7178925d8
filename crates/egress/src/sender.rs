//! The seam: what is asked of a sender and what it reports. Real in [`Egress`](crate::Egress), scripted in
//! tests of other crates.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use posthouse_types::outcome::Outcome;

use crate::limits::{ATTEMPT_TIMEOUT_DEFAULT, RESPONSE_KEPT_BYTES_MAX};

/// Sends one request and says what came of it.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Makes one attempt. Never fails: whatever happens is an [`Outcome`]. Dropping the future abandons
    /// the attempt.
    async fn send(&self, request: SendRequest) -> SendReport;
}

/// One attempt to make.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// The method; [`SendRequest::post`] sets POST, [`SendRequest::get`] GET.
    pub method: Method,
    /// The absolute target, `http` or `https`. User information in it is ignored.
    pub uri: Uri,
    /// The headers to send. `Host`, `Content-Length` and the hop-by-hop headers (RFC 9110, section 7.6.1)
    /// are ours: when present they are replaced or dropped.
    pub headers: HeaderMap,
    /// The exact bytes of the body; shared, not copied.
    pub body: Bytes,
    /// Limit of the whole attempt, reading the answer included.
    pub timeout: Duration,
    /// How much of the answer's body is read and kept, bytes. Of a stranger's answer
    /// [`RESPONSE_KEPT_BYTES_MAX`](crate::limits::RESPONSE_KEPT_BYTES_MAX), which is what the constructors set;
    /// more is for documents that are of no use in part.
    pub response_kept_bytes_max: usize,
}

impl SendRequest {
    /// A POST of `body` without further headers, within
    /// [`ATTEMPT_TIMEOUT_DEFAULT`](crate::limits::ATTEMPT_TIMEOUT_DEFAULT).
    pub fn post(uri: Uri, body: Bytes) -> Self {
        Self::new(Method::POST, uri, body)
    }

    /// A GET without body or further headers, within the same time.
    pub fn get(uri: Uri) -> Self {
        Self::new(Method::GET, uri, Bytes::new())
    }

    fn new(method: Method, uri: Uri, body: Bytes) -> Self {
        Self {
            method,
            uri,
            headers: HeaderMap::new(),
            body,
            timeout: ATTEMPT_TIMEOUT_DEFAULT,
            response_kept_bytes_max: RESPONSE_KEPT_BYTES_MAX,
        }
    }
}

/// What one attempt came to.
#[derive(Debug, Clone)]
pub struct SendReport {
    /// The result.
    pub outcome: Outcome,
    /// The answer's headers, bounded by [`RESPONSE_HEADERS_KEPT_MAX`](crate::limits::RESPONSE_HEADERS_KEPT_MAX)
    /// and [`RESPONSE_HEADERS_KEPT_BYTES_MAX`](crate::limits::RESPONSE_HEADERS_KEPT_BYTES_MAX). Empty without
    /// an answer.
    pub response_headers: HeaderMap,
    /// The start of the answer's body as it came over the wire, at most
    /// [`SendRequest::response_kept_bytes_max`] bytes.
    pub response_body: Bytes,
    /// True when reading stopped at the limit before the body's end.
    pub response_truncated: bool,
    /// Why there was no answer, for people; `None` when there was one. Names no address of ours, no secret.
    pub error: Option<String>,
    /// False when it is certain that nothing of the request was sent. True says nothing of whether it was taken.
    pub may_have_arrived: bool,
    /// From the call to the end of the attempt.
    pub duration: Duration,
}
