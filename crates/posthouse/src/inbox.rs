//! `/dev/inbox`: a built-in receiver for the first five minutes. Checks signatures as a customer's receiver
//! would, with the verifying half of our own library, and shows what arrived.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use parking_lot::Mutex;
use posthouse_engine::{Caller, Clock as _, Engine, SystemClock};
use posthouse_sign::standard::{STANDARD_TOLERANCE_S, StandardRequest, StandardVerifier, verify};
use posthouse_types::{EndpointId, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

/// Arrivals kept, newest first.
const KEPT_MAX: usize = 100;

/// What arrived, and the secret to check it with.
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    /// How many arrived so far.
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    /// Whose secret to check with; asked for at each arrival, since it may be rotated.
    endpoint: Option<(Arc<Engine>, Caller, EndpointId)>,
    arrivals: VecDeque<Arrival>,
}

/// A request that arrived.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
    /// What is wrong with the signature, if anything.
    pub(crate) wrong: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
}

impl Inbox {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), count: watch::Sender::new(0) })
    }

    /// Takes in what this endpoint's deliveries bring, from now on.
    pub(crate) fn open(&self, engine: &Arc<Engine>, caller: &Caller, endpoint: EndpointId) {
        self.inner.lock().endpoint = Some((Arc::clone(engine), caller.clone(), endpoint));
    }

    /// The secret that signs now; `None` until the inbox is open.
    async fn verifier(&self) -> Option<StandardVerifier> {
        let (engine, caller, endpoint) = self.inner.lock().endpoint.clone()?;
        let secret = engine.endpoint_secret(&caller, endpoint).await.ok()?;
        StandardVerifier::parse(secret.expose()).ok()
    }

    /// Waits for the arrival of this event.
    pub(crate) async fn arrival(&self, id: &str) -> Arrival {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            if let Some(arrival) = self.inner.lock().arrivals.iter().find(|arrival| arrival.id == id) {
                return arrival.clone();
            }
            if count.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The routes of the inbox. What arrived is shown to anyone who can reach the server, so only one that this
    /// machine alone can reach shows it.
    pub(crate) fn router(self: &Arc<Self>, shown: bool) -> Router {
        let methods = if shown { get(show).post(receive) } else { get(hide).post(receive) };
        Router::new().route("/dev/inbox", methods).with_state(Arc::clone(self))
    }
}

async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = SystemClock.now();
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // What comes before the start is over is tried again.
    let Some(verifier) = inbox.verifier().await else { return StatusCode::SERVICE_UNAVAILABLE };
    let request = StandardRequest {
        message_id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &body,
    };
    let checked = verify(&[&verifier], &request, now.as_seconds(), STANDARD_TOLERANCE_S);
    let wrong = checked.err().map(|error| error.to_string());
    let arrival = Arrival {
        at: now,
        id: header("webhook-id").to_owned(),
        wrong,
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let status = if arrival.wrong.is_none() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    {
        let mut inner = inbox.inner.lock();
        inner.arrivals.push_front(arrival);
        inner.arrivals.truncate(KEPT_MAX);
    }
    inbox.count.send_modify(|count| *count += 1);
    status
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: light-dark(#d8dee4, #30363d); --soft: light-dark(#57606a, #9aa4af);
  --good: light-dark(#116329, #56d364); --bad: light-dark(#a40e26, #ff7b72); --panel: light-dark(#f6f8fa, #161b22); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 56rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } p, th { color: var(--soft); }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; display: flex; gap: 1rem; flex-wrap: wrap; align-items: baseline; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } .good { color: var(--good); } .bad { color: var(--bad); }
pre { background: var(--panel); border-radius: 6px; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 500; padding-right: 1rem; }
td { overflow-wrap: anywhere; } time { margin-left: auto; color: var(--soft); }";

async fn show(State(inbox): State<Arc<Inbox>>) -> Markup {
    let arrivals: Vec<Arrival> = inbox.inner.lock().arrivals.iter().cloned().collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="5";
                title { "Inbox · Posthouse" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Inbox" }
                p { "What this server delivered to itself, newest first. Signatures are checked as a receiver would." }
                @if arrivals.is_empty() { p { "Nothing has arrived yet." } }
                @for (index, arrival) in arrivals.iter().enumerate() { (card(arrival, index == 0)) }
            }
        }
    }
}

async fn hide() -> (StatusCode, &'static str) {
    (StatusCode::FORBIDDEN, "The inbox is shown only by a server that listens on a loopback address.\n")
}

/// What a body says itself that it is, if it does: it is whatever the publisher wrote.
fn own_type(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body.get("type")?.as_str()?.to_owned())
}

fn card(arrival: &Arrival, open: bool) -> Markup {
    html! {
        details open[open] {
            summary {
                code { (arrival.id) }
                @if let Some(event_type) = own_type(&arrival.body) { span { (event_type) } }
                @match &arrival.wrong {
                    None => span.good { "✓ signature is valid" },
                    Some(wrong) => span.bad { "✗ " (wrong) },
                }
                time { (arrival.at) }
            }
            pre { (arrival.body) }
            table { @for (name, value) in &arrival.headers { tr { th { (name) } td { code { (value) } } } } }
        }
    }
}
