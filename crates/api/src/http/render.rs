//! How errors leave. A refusal's response is empty and carries the error as an extension; the [`Shell`] of the
//! dialect, outside of time limit and panic guard, turns it into that dialect's body and logs what is ours to
//! worry about.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use futures_util::future::CatchUnwind;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pin_project_lite::pin_project;
use posthouse_engine::{Error, ErrorKind, FieldError};
use tokio::time::Timeout;
use tower::{Layer, Service};

use super::limits::REQUEST_ID_CHARS_MAX;
use super::place::Place;
use super::shorten::shorten;
use super::state::Api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What handlers and extractors answer.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// An engine error on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(Arc<Error>);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(Arc::new(shorten(error)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.extensions_mut().insert(self);
        response
    }
}

/// No call at this path.
pub(crate) async fn unknown_path() -> Refusal {
    Error::new(ErrorKind::UnknownPath, "there is no call at this path").into()
}

/// The path does not know this method.
pub(crate) async fn wrong_method() -> Refusal {
    Error::new(ErrorKind::WrongMethod, "this path does not take this method; see the Allow header").into()
}

/// A dialect's clothes for errors.
pub(crate) type Render = fn(&Error, &Place) -> Response;

/// The outermost layer of a dialect: request id, time limit, panic guard, errors.
#[derive(Clone)]
pub(crate) struct Shell {
    render: Render,
    timeout: Duration,
    public_url: Option<Arc<str>>,
}

impl Shell {
    /// Dresses errors so.
    pub(crate) fn new(api: &Api, render: Render) -> Self {
        Self { render, timeout: api.options.request_timeout, public_url: api.options.public_url.clone() }
    }
}

/// The headers that go with an error, whatever it looks like: how to authenticate, and when to come back.
pub(crate) fn error_headers(error: &Error, headers: &mut HeaderMap) {
    match &error.kind {
        ErrorKind::Unauthenticated => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ErrorKind::RateLimited { retry_after } => {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        ErrorKind::Unavailable => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
}

impl<S> Layer<S> for Shell {
    type Service = Shelled<S>;

    fn layer(&self, inner: S) -> Shelled<S> {
        Shelled { shell: self.clone(), inner }
    }
}

/// What [`Shell`] makes.
#[derive(Clone)]
pub(crate) struct Shelled<S> {
    shell: Shell,
    inner: S,
}

impl<S> Service<Request> for Shelled<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Dressed<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Shell { render, timeout, ref public_url } = self.shell;
        let public_url = public_url.clone();
        let place = Place::of(public_url, request.headers(), request.extensions(), request.uri());
        let id = request_id(request.headers());
        let inner = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Dressed { inner: tokio::time::timeout(timeout, inner), dress: Some(Dress { render, place, id }) }
    }
}

/// What an answer needs on its way out.
struct Dress {
    render: Render,
    place: Place,
    id: HeaderValue,
}

impl Dress {
    fn put_on(self, mut response: Response) -> Response {
        if let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() {
            log(&error, &self.id, self.place.path());
            response = (self.render)(&error, &self.place);
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
        response
    }
}

pin_project! {
    /// What [`Shelled`] answers. Written out, since an `async` block has room for a future twice that it is given.
    pub(crate) struct Dressed<F> {
        #[pin]
        inner: Timeout<CatchUnwind<AssertUnwindSafe<F>>>,
        dress: Option<Dress>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Dressed<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.inner.poll(context)) {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_)) => refuse(ErrorKind::Internal, "the request met a fault of the server"),
            Err(_) => refuse(ErrorKind::TimedOut, "the request took too long"),
        };
        let dress = this.dress.take().expect("a future is not polled after its end");
        Poll::Ready(Ok(dress.put_on(response)))
    }
}

/// All that is wrong in one text, each fault under the name by which the caller knows the member.
pub(crate) fn fault_text(error: &Error) -> String {
    match &error.kind {
        ErrorKind::Invalid(fields) => fields.iter().map(sentence).collect::<Vec<_>>().join("; "),
        _ => error.detail.to_string(),
    }
}

fn sentence(field: &FieldError) -> String {
    let FieldError { location, message, .. } = field;
    let name = match location.as_str() {
        "header.idempotency-key" => "Idempotency-Key",
        "body" => "the body",
        location => location.strip_prefix("body.").unwrap_or(location),
    };
    format!("{name}: {message}")
}

/// Where in the request the fault lies, for the kinds that have one place.
pub(crate) fn fault_location(kind: &ErrorKind) -> Option<&str> {
    match kind {
        ErrorKind::Malformed { location } => Some(location),
        ErrorKind::Conflict { location } => location.as_deref(),
        ErrorKind::Unauthenticated => Some("header.authorization"),
        ErrorKind::IdempotencyKeyReused => Some("header.idempotency-key"),
        ErrorKind::UnsupportedMediaType => Some("header.content-type"),
        ErrorKind::TooLarge { .. } => Some("body"),
        ErrorKind::Forbidden { .. }
        | ErrorKind::NotFound
        | ErrorKind::Invalid(_)
        | ErrorKind::RateLimited { .. }
        | ErrorKind::UnknownPath
        | ErrorKind::WrongMethod
        | ErrorKind::TimedOut
        | ErrorKind::Unavailable
        | ErrorKind::Internal => None,
    }
}

fn refuse(kind: ErrorKind, detail: &'static str) -> Response {
    Refusal::from(Error::new(kind, detail)).into_response()
}

/// The caller's own id for the request when it has one, else one of ours.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let usable = |id: &&HeaderValue| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    headers
        .get(REQUEST_ID)
        .filter(usable)
        .cloned()
        .unwrap_or_else(|| HeaderValue::try_from(fresh_id("req")).expect("hex digits are a header"))
}

/// An id of ours that no other of this process has, nor likely one of another: for logs.
pub(crate) fn fresh_id(prefix: &str) -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u8));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:016x}{count:08x}", *PROCESS)
}

/// The one place where failures of ours are logged. Refusals are the caller's business.
fn log(error: &Error, id: &HeaderValue, path: &str) {
    let id = id.to_str().unwrap_or_default();
    let cause = error.cause.as_ref().map(tracing::field::debug);
    match error.kind {
        ErrorKind::Internal => {
            tracing::error!(request.id = id, path, cause, "request {id} failed: {error}");
        }
        ErrorKind::Unavailable => {
            tracing::warn!(request.id = id, path, cause, "request {id} could not be served: {error}");
        }
        _ => tracing::debug!(request.id = id, path, cause, "request {id} refused: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    fn plain(error: &Error, place: &Place) -> Response {
        format!("{:?} at {}", error.kind, place.path()).into_response()
    }

    async fn ask(path: &str) -> String {
        async fn broken() -> Refusal {
            panic!("on purpose")
        }
        let router = Router::new()
            .route("/broken", get(broken))
            .route("/endless", get(std::future::pending::<Refusal>))
            .fallback(unknown_path)
            .layer(Shell { render: plain, timeout: Duration::from_millis(20), public_url: None });
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert!(response.headers().contains_key(REQUEST_ID));
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn panics_and_timeouts_leave_like_any_error() {
        assert_eq!(ask("/broken").await, "Internal at /broken");
        assert_eq!(ask("/endless").await, "TimedOut at /endless");
        assert_eq!(ask("/elsewhere").await, "UnknownPath at /elsewhere");
    }
}
