//! Carries rig's requests through egress.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Request, Response, Uri};
use posthouse_egress::{SendReport, SendRequest, Sender};
use posthouse_types::Outcome;
use rig_core::http_client::{
    Error, HttpClientExt, LazyBody, MultipartForm, Result as HttpResult, StreamingResponse,
};

use crate::text::one_line;

/// Bytes of a model's answer.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// An HTTP client of rig's that is a [`Sender`].
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) sender: Arc<dyn Sender>,
    /// The header that holds the key. Rig is configured with an empty one, so that it can not tell it to anyone.
    pub(super) key: Option<(HeaderName, HeaderValue)>,
    /// Limit of one call.
    pub(super) timeout: Duration,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct NoAnswer {
    /// Trying again may help.
    pub(super) temporary: bool,
    /// For people.
    pub(super) text: String,
}

impl Transport {
    fn request<T: Into<Bytes>>(&self, request: Request<T>) -> SendRequest {
        let (head, body) = request.into_parts();
        let mut headers = head.headers;
        // Where rig puts its empty key.
        headers.remove(AUTHORIZATION);
        headers.remove(X_API_KEY);
        if let Some((name, value)) = &self.key {
            headers.insert(name, value.clone());
        }
        SendRequest {
            method: head.method,
            headers,
            timeout: self.timeout,
            response_kept_bytes_max: ANSWER_BYTES_MAX,
            ..SendRequest::post(without_empty_key(head.uri), body.into())
        }
    }
}

/// Rig writes Gemini's key into the query, where proxies and logs see it; ours goes into a header.
fn without_empty_key(uri: Uri) -> Uri {
    let text = uri.to_string();
    let shorter = text.strip_suffix("?key=").or_else(|| text.strip_suffix("&key="));
    shorter.and_then(|shorter| shorter.parse().ok()).unwrap_or(uri)
}

/// The status of a complete answer.
fn answered(report: &SendReport) -> Result<u16, NoAnswer> {
    let no_answer = |temporary, text: String| Err(NoAnswer { temporary, text });
    match report.outcome.status() {
        Some(_) if report.response_truncated => {
            no_answer(false, format!("it answered with more than {ANSWER_BYTES_MAX} bytes"))
        }
        Some(status) => Ok(status),
        None if report.outcome == Outcome::Blocked => {
            no_answer(false, "its address may not be called".to_owned())
        }
        None => {
            let reason = one_line(report.error.as_deref().unwrap_or_default(), 200);
            no_answer(true, format!("it could not be reached: {reason}"))
        }
    }
}

/// Nothing that is asked here needs what egress does not do.
fn not_done(what: &str) -> Error {
    Error::instance(NoAnswer { temporary: false, text: format!("{what} are not supported") })
}

impl HttpClientExt for Transport {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = HttpResult<Response<LazyBody<U>>>> + Send + 'static
    where
        T: Into<Bytes> + Send,
        U: From<Bytes> + Send + 'static,
    {
        let request = self.request(request);
        let sender = Arc::clone(&self.sender);
        async move {
            let report = sender.send(request).await;
            let status = answered(&report).map_err(Error::instance)?;
            let body: LazyBody<U> = Box::pin(std::future::ready(Ok(U::from(report.response_body))));
            let mut response = Response::builder().status(status).body(body)?;
            *response.headers_mut() = report.response_headers;
            Ok(response)
        }
    }

    fn send_multipart<U>(
        &self,
        _request: Request<MultipartForm>,
    ) -> impl Future<Output = HttpResult<Response<LazyBody<U>>>> + Send + 'static
    where
        U: From<Bytes> + Send + 'static,
    {
        std::future::ready(Err(not_done("uploads")))
    }

    fn send_streaming<T>(
        &self,
        _request: Request<T>,
    ) -> impl Future<Output = HttpResult<StreamingResponse>> + Send
    where
        T: Into<Bytes> + Send,
    {
        std::future::ready(Err(not_done("streams")))
    }
}

#[cfg(test)]
mod tests {
    use super::without_empty_key;

    #[test]
    fn the_empty_key_goes_and_nothing_else() {
        for (given, left) in [
            (
                "https://g.example/v1beta/models/m:generateContent?key=",
                "https://g.example/v1beta/models/m:generateContent",
            ),
            ("https://g.example/x?alt=sse&key=", "https://g.example/x?alt=sse"),
            ("https://g.example/x?monkey=", "https://g.example/x?monkey="),
            ("https://g.example/x", "https://g.example/x"),
        ] {
            assert_eq!(without_empty_key(given.parse().unwrap()).to_string(), left);
        }
    }
}
