//! Live events over server-sent events and WebSocket. What a frame looks like is the dialect's to say; both
//! transports read the same resumable stream, which reads the store.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use posthouse_engine::{Caller, Error, ErrorKind, EventStream};
use posthouse_types::{Event, EventPattern, EventRef};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::http::{Api, Fields, STREAM_FRAMES_MAX, STREAM_MESSAGE_BYTES_MAX, STREAM_SILENCE_MAX, Slot};
use crate::serve::stopped;

/// How long the end of a WebSocket may take.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

const LAST_EVENT_ID: &str = "last-event-id";

/// One event as it goes out.
pub(crate) struct Frame {
    /// The event's id: where to resume.
    pub(crate) id: String,
    /// The event's type.
    pub(crate) event_type: String,
    /// The event.
    pub(crate) json: String,
}

/// The events of a stream that were asked for, as frames.
pub(crate) struct Follow {
    stream: EventStream,
    patterns: Vec<EventPattern>,
    frame: fn(&Event) -> Frame,
    stop: watch::Receiver<bool>,
    checks: Interval,
    keep_alive: Duration,
    send_timeout: Duration,
    _slot: Slot,
}

/// Why a stream ends.
enum End {
    /// The server stops.
    Stopping,
    /// The key is gone.
    NotAllowed,
    /// The store can not be read.
    BrokeOff,
    /// The reader takes nothing, or is silent.
    TooSlow,
    /// The client said something that it should not.
    NotWanted,
    /// The client has gone.
    Gone,
}

impl Follow {
    /// Frames of the caller's events from after `last`, or from now on, that any of the patterns matches; without
    /// patterns, of all. Counts among the streams of the caller's key while it lasts.
    pub(crate) async fn open(
        api: &Api,
        caller: &Caller,
        last: Option<EventRef>,
        patterns: Vec<EventPattern>,
        frame: fn(&Event) -> Frame,
    ) -> Result<Self, Error> {
        let slot = api.streams.take(caller.key, api.options.streams_per_key_max)?;
        let stream = api.engine.stream(caller, last).await?;
        let keep_alive = api.options.stream_keep_alive;
        Ok(Self {
            stream,
            patterns,
            frame,
            stop: api.stop.clone(),
            checks: every(keep_alive),
            keep_alive,
            send_timeout: api.options.stream_send_timeout,
            _slot: slot,
        })
    }

    /// The next events that are wanted, at least one. They become frames one by one, so that they are in memory
    /// once only.
    async fn next(&mut self) -> Result<Vec<Event>, End> {
        loop {
            let mut events = tokio::select! {
                () = stopped(&mut self.stop) => return Err(End::Stopping),
                events = self.stream.next() => events?,
                _ = self.checks.tick() => {
                    self.stream.still_allowed().await?;
                    continue;
                }
            };
            let patterns = &self.patterns;
            events.retain(|event| {
                patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&event.event_type))
            });
            if !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        if error.kind == ErrorKind::Unauthenticated {
            return Self::NotAllowed;
        }
        let cause = error.cause.as_ref().map(tracing::field::debug);
        tracing::warn!(cause, "a live stream broke off: {error}");
        Self::BrokeOff
    }
}

/// Ticks from one period from now on.
pub(crate) fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

/// The event patterns of a parameter, separated by commas; without the parameter there are none.
pub(crate) fn patterns(texts: Option<&str>, location: &str) -> Result<Vec<EventPattern>, Error> {
    let mut fields = Fields::default();
    let texts = texts.into_iter().flat_map(|texts| texts.split(','));
    let patterns = texts
        .filter_map(|text| fields.read(text.trim(), EventPattern::parse, || location.to_owned()))
        .collect();
    fields.finish()?;
    Ok(patterns)
}

/// The last event that the client has seen: from the header, else from a parameter.
pub(crate) fn last_event(
    headers: &HeaderMap,
    parameter: Option<&str>,
    location: &'static str,
) -> Result<Option<EventRef>, Error> {
    let (text, location) = match headers.get(LAST_EVENT_ID) {
        Some(header) => (header.to_str().ok().or(Some("")), "header.last-event-id"),
        None => (parameter, location),
    };
    let parsed = text.map(str::parse::<EventRef>).transpose();
    parsed.map_err(|_| Error::field(location, "is not an event id"))
}

/// Refuses what asks for a WebSocket in a way that can not lead to one.
pub(crate) fn handshake(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, Error> {
    upgrade.map_err(|rejection| {
        let kind = ErrorKind::Malformed { location: "header.upgrade".into() };
        Error::new(kind, format!("this is no WebSocket handshake: {rejection}"))
    })
}

/// The stream over a WebSocket, on which the client may say little.
pub(crate) fn upgraded(upgrade: WebSocketUpgrade, follow: Follow) -> Response {
    let bounded = upgrade.max_message_size(STREAM_MESSAGE_BYTES_MAX).max_frame_size(STREAM_MESSAGE_BYTES_MAX);
    bounded.on_upgrade(|socket| web_socket(socket, follow))
}

/// Server-sent events, with a comment now and then so that proxies keep the connection.
pub(crate) fn server_sent(follow: Follow) -> Response {
    let (sender, receiver) = mpsc::channel(STREAM_FRAMES_MAX);
    let alive = KeepAlive::new().interval(follow.keep_alive).text("still here");
    tokio::spawn(feed(follow, sender));
    let events = stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // Reverse proxies that buffer would hold events back.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

/// Reads on until either side ends. The client comes back with the last id it saw.
async fn feed(mut follow: Follow, sender: mpsc::Sender<sse::Event>) {
    loop {
        let events = tokio::select! {
            () = sender.closed() => return,
            events = follow.next() => events,
        };
        let Ok(events) = events else { return };
        for event in events {
            let Frame { id, event_type, json } = (follow.frame)(&event);
            let event = sse::Event::default().id(id).event(event_type).data(one_line(json));
            if sender.send_timeout(event, follow.send_timeout).await.is_err() {
                return;
            }
        }
    }
}

/// JSON on one line: in JSON a line break can only stand between tokens, where a space says the same.
fn one_line(json: String) -> String {
    if json.contains(['\r', '\n']) { json.replace(['\r', '\n'], " ") } else { json }
}

/// Text frames over a WebSocket, until either side closes.
async fn web_socket(mut socket: WebSocket, mut follow: Follow) {
    let (code, reason) = match talk(&mut socket, &mut follow).await {
        End::Stopping => (close_code::AWAY, "the server stops; reconnect and resume"),
        End::BrokeOff => (close_code::AGAIN, "reconnect and resume"),
        End::NotAllowed => (close_code::POLICY, "the API key is not valid any more"),
        End::TooSlow => (close_code::POLICY, "too slow"),
        End::NotWanted => (close_code::POLICY, "this stream takes no messages"),
        End::Gone => return,
    };
    close(&mut socket, code, reason).await;
}

/// Closes a WebSocket. Whether it arrives or not, the connection ends here. What the client has said is read: a socket
/// closed with unread bytes takes back what was sent.
pub(crate) async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let close = CloseFrame { code, reason: reason.into() };
    drop(
        timeout(CLOSE_TIMEOUT, async {
            socket.send(Message::Close(Some(close))).await?;
            while let Some(Ok(_)) = socket.recv().await {}
            Ok::<_, axum::Error>(())
        })
        .await,
    );
}

async fn talk(socket: &mut WebSocket, follow: &mut Follow) -> End {
    let (frame, send_timeout) = (follow.frame, follow.send_timeout);
    let mut pings = every(follow.keep_alive);
    let mut heard = Instant::now();
    loop {
        let events = {
            // Stays while messages come and go: they cost no reading of the store.
            let mut next = pin!(follow.next());
            loop {
                tokio::select! {
                    events = &mut next => break events,
                    message = socket.recv() => match message {
                        None => return End::Gone,
                        // The library answers a close by itself when it is read once more.
                        Some(Ok(Message::Close(_))) => {
                            drop(timeout(CLOSE_TIMEOUT, socket.recv()).await);
                            return End::Gone;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => heard = Instant::now(),
                        // An error may be a message that is too long.
                        Some(Ok(Message::Text(_) | Message::Binary(_)) | Err(_)) => return End::NotWanted,
                    },
                    _ = pings.tick() => {
                        if heard.elapsed() >= STREAM_SILENCE_MAX {
                            return End::TooSlow;
                        }
                        if !send(socket, Message::Ping(Bytes::new()), send_timeout).await {
                            return End::TooSlow;
                        }
                    }
                }
            }
        };
        let events = match events {
            Ok(events) => events,
            Err(end) => return end,
        };
        for event in events {
            if !send(socket, Message::Text(frame(&event).json.into()), send_timeout).await {
                return End::TooSlow;
            }
        }
    }
}

/// Sends a message; false when the client is gone, or takes nothing for so long.
pub(crate) async fn send(socket: &mut WebSocket, message: Message, limit: Duration) -> bool {
    matches!(timeout(limit, socket.send(message)).await, Ok(Ok(())))
}
