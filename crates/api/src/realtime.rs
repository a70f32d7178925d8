//! Live events over server-sent events and WebSocket. What a frame looks like is the dialect's to say; both
//! transports read the same resumable stream, which reads the store.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use posthouse_engine::{Error, EventStream};
use posthouse_types::{Event, EventPattern};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::http::{STREAM_KEEP_ALIVE, STREAM_SEND_TIMEOUT, STREAM_SILENCE_MAX};

/// How long the end of a WebSocket may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

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
}

impl Follow {
    /// Frames of the events that any of the patterns matches; without patterns, of all.
    pub(crate) fn new(stream: EventStream, patterns: Vec<EventPattern>, frame: fn(&Event) -> Frame) -> Self {
        Self { stream, patterns, frame }
    }

    /// The next frames, at least one. May be dropped and called again: nothing is lost by it.
    async fn next(&mut self) -> Result<VecDeque<Frame>, Error> {
        loop {
            let events = self.stream.next().await?;
            let wanted = events.iter().filter(|event| self.wants(event));
            let frames: VecDeque<Frame> = wanted.map(self.frame).collect();
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(&event.event_type))
    }
}

/// Server-sent events, with a comment now and then so that proxies keep the connection.
pub(crate) fn server_sent(follow: Follow) -> Response {
    let frames = stream::unfold((follow, VecDeque::new()), |(mut follow, mut waiting)| async move {
        if waiting.is_empty() {
            match follow.next().await {
                Ok(frames) => waiting = frames,
                // The client comes back with the last id it saw.
                Err(error) => {
                    broke_off(&error);
                    return None;
                }
            }
        }
        let frame = waiting.pop_front()?;
        let event = sse::Event::default().id(&frame.id).event(&frame.event_type).data(one_line(frame.json));
        Some((Ok::<_, Infallible>(event), (follow, waiting)))
    });
    let alive = KeepAlive::new().interval(STREAM_KEEP_ALIVE).text("still here");
    let mut response = Sse::new(frames).keep_alive(alive).into_response();
    // Reverse proxies that buffer would hold events back.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

/// JSON on one line: in JSON a line break can only stand between tokens, where a space says the same.
fn one_line(json: String) -> String {
    if json.contains(['\r', '\n']) { json.replace(['\r', '\n'], " ") } else { json }
}

/// Text frames over a WebSocket, until either side closes.
pub(crate) async fn web_socket(mut socket: WebSocket, mut follow: Follow) {
    let mut pings = interval(STREAM_KEEP_ALIVE);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            frames = follow.next() => match frames {
                Ok(frames) => send_all(&mut socket, frames).await,
                Err(error) => {
                    broke_off(&error);
                    return close(&mut socket, close_code::AGAIN, "reconnect and resume").await;
                }
            },
            message = socket.recv() => match message {
                None | Some(Err(_)) => return,
                // The library answers a close by itself when it is read once more.
                Some(Ok(Message::Close(_))) => {
                    drop(timeout(CLOSE_TIMEOUT, socket.recv()).await);
                    return;
                }
                // What a client says on this stream has no meaning, but shows that it is there.
                Some(Ok(_)) => {
                    heard = Instant::now();
                    true
                }
            },
            _ = pings.tick() => {
                heard.elapsed() < STREAM_SILENCE_MAX && send(&mut socket, Message::Ping(Bytes::new())).await
            }
        };
        if !sent {
            return close(&mut socket, close_code::POLICY, "too slow").await;
        }
    }
}

async fn send_all(socket: &mut WebSocket, frames: VecDeque<Frame>) -> bool {
    for frame in frames {
        if !send(socket, Message::Text(frame.json.into())).await {
            return false;
        }
    }
    true
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(STREAM_SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // Whether it arrives or not, the connection ends here.
    drop(timeout(CLOSE_TIMEOUT, socket.send(Message::Close(Some(frame)))).await);
}

fn broke_off(error: &Error) {
    let cause = error.cause.as_ref().map(tracing::field::debug);
    tracing::warn!(cause, "a live stream broke off: {error}");
}
