//! An HTTP server that the test answers for, request by request: so a test can look at a question before it is
//! answered, let it wait, or never answer it.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

/// A request that arrived and waits for its answer.
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    answer: oneshot::Sender<(StatusCode, Value)>,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Answers, if whoever asked is still there.
    pub(crate) fn answer(self, status: u16, body: Value) {
        self.answer.send((StatusCode::from_u16(status).unwrap(), body)).ok();
    }
}

/// Listens on a free port of loopback for as long as it lives.
pub(crate) struct Peer {
    url: String,
    asked: Mutex<mpsc::UnboundedReceiver<Asked>>,
    server: tokio::task::JoinHandle<()>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (arrived, asked) = mpsc::unbounded_channel();
        let router = Router::new().fallback(take).with_state(arrived);
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, asked: Mutex::new(asked), server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits for the next request.
    pub(crate) async fn next(&self) -> Asked {
        self.asked.lock().await.recv().await.unwrap()
    }

    /// True when no request has come that nobody has looked at.
    pub(crate) async fn is_idle(&self) -> bool {
        self.asked.lock().await.is_empty()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(arrived): State<mpsc::UnboundedSender<Asked>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = head.uri.path_and_query().unwrap().to_string();
    let (answer, answered) = oneshot::channel();
    arrived.send(Asked { method: head.method, path, headers: head.headers, body, answer }).unwrap();
    match answered.await {
        Ok((status, body)) => (status, axum::Json(body)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
