//! A connection from its first frame to its last. Requests are done one after the other: while one is being done,
//! no further one is read.

use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use posthouse_engine::{Caller, Error, ErrorKind};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::connect::{Connected, Hello, TICK_MS, connect};
use super::error::{Failure, INVALID_REQUEST, PAYLOAD_TOO_LARGE, UNAUTHORIZED};
use super::frame::{self, FRAME_BYTES_MAX, Incoming, Request};
use super::methods::{self, Answered};
use crate::http::{Api, STREAM_SILENCE_MAX, Slot, fresh_id};
use crate::realtime::{CLOSE_TIMEOUT, close, every, send};
use crate::serve::stopped;

/// Time for the first request and its answer. Source: Moltis.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection ends.
enum End {
    /// The server stops.
    Stopping,
    /// No one proved who they are, or not any more.
    NotAllowed,
    /// The first request did not come, or was none that leads on.
    NotConnected,
    /// The client takes nothing, or is silent.
    TooSlow,
    /// A message was too long, or none of WebSocket's.
    Broken,
    /// The client has gone.
    Gone,
}

struct Connection {
    socket: WebSocket,
    api: Api,
    /// Events sent.
    seq: u64,
}

/// Serves one connection to its end.
pub(super) async fn serve(socket: WebSocket, api: Api) {
    let mut connection = Connection { socket, api, seq: 0 };
    let end = connection.live().await;
    let (code, reason) = match end {
        End::Stopping => (close_code::AWAY, "the server stops; connect again"),
        End::NotAllowed => (close_code::POLICY, "authentication failed"),
        End::NotConnected => (close_code::POLICY, "handshake failed"),
        End::TooSlow => (close_code::POLICY, "too slow"),
        End::Broken => (close_code::SIZE, "a message was too long, or can not be read"),
        End::Gone => {
            // The library answers a close by itself when it is read once more.
            drop(timeout(CLOSE_TIMEOUT, connection.socket.recv()).await);
            return;
        }
    };
    close(&mut connection.socket, code, reason).await;
}

impl Connection {
    async fn live(&mut self) -> End {
        let mut stop = self.api.stop.clone();
        let connected = tokio::select! {
            () = stopped(&mut stop) => return End::Stopping,
            connected = timeout(CONNECT_TIMEOUT, self.connected()) => connected,
        };
        match connected {
            Ok(Ok((connected, _slot))) => match self.talk(&connected).await {
                Ok(never) => match never {},
                Err(end) => end,
            },
            Ok(Err(end)) => end,
            Err(_) => End::NotConnected,
        }
    }

    /// Waits for the first request, and answers it. The right to the connection goes with it.
    async fn connected(&mut self) -> Result<(Connected, Slot), End> {
        let text = loop {
            if let Some(text) = heard(self.socket.recv().await)? {
                break text;
            }
        };
        let Some(Incoming::Request(mut request)) = frame::read(&text) else {
            self.complain(INVALID_REQUEST, "invalid frame").await?;
            return Err(End::NotConnected);
        };
        let connected = match connect(&self.api.engine, &mut request).await {
            Ok(connected) => self.admitted(connected),
            Err(failure) => Err(failure),
        };
        match connected {
            Ok((connected, slot)) => {
                self.greet(&request.id, &connected.caller).await?;
                Ok((connected, slot))
            }
            Err(failure) => {
                let unknown = failure.code == UNAUTHORIZED;
                self.answer(&request.id, &Err(failure)).await?;
                Err(if unknown { End::NotAllowed } else { End::NotConnected })
            }
        }
    }

    fn admitted(&self, connected: Connected) -> Result<(Connected, Slot), Failure> {
        let slot = self.api.streams.take(connected.caller.key, self.api.options.streams_per_key_max)?;
        Ok((connected, slot))
    }

    /// The pages of Moltis wait for an answer, its control program for the bare frame; each passes over the other.
    async fn greet(&mut self, id: &str, caller: &Caller) -> Result<(), End> {
        let hello = frame::payload(&Hello::new(&self.api.engine, caller, fresh_id("conn")));
        let bare = hello.get().to_owned();
        self.answer(id, &Ok(hello)).await?;
        self.send(bare).await
    }

    async fn talk(&mut self, connected: &Connected) -> Result<std::convert::Infallible, End> {
        let mut stop = self.api.stop.clone();
        let mut pings = every(self.api.options.stream_keep_alive);
        let mut ticks = every(Duration::from_millis(TICK_MS));
        let mut last_heard = Instant::now();
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return Err(End::Stopping),
                message = self.socket.recv() => {
                    last_heard = Instant::now();
                    if let Some(text) = heard(message)? {
                        self.respond(connected, &text).await?;
                    }
                }
                _ = pings.tick() => {
                    if last_heard.elapsed() >= STREAM_SILENCE_MAX {
                        return Err(End::TooSlow);
                    }
                    still_allowed(&self.api, connected).await?;
                    self.message(Message::Ping(Bytes::new())).await?;
                }
                _ = ticks.tick() => {
                    let now = self.api.engine.now().as_millis();
                    self.event("tick", &json!({ "ts": now })).await?;
                }
            }
        }
    }

    async fn respond(&mut self, connected: &Connected, text: &str) -> Result<(), End> {
        if text.len() > FRAME_BYTES_MAX {
            let payload = json!({ "code": PAYLOAD_TOO_LARGE, "message": "payload too large", "maxBytes": FRAME_BYTES_MAX });
            return self.event("error", &payload).await;
        }
        match frame::read(text) {
            Some(Incoming::Request(request)) => {
                let id = request.id.clone();
                let answered = perform(&self.api, connected, request).await;
                let gone = matches!(&answered, Err(failure) if failure.code == UNAUTHORIZED);
                self.answer(&id, &answered).await?;
                if gone { Err(End::NotAllowed) } else { Ok(()) }
            }
            Some(Incoming::Other) => Ok(()),
            None => self.complain(INVALID_REQUEST, "invalid frame").await,
        }
    }

    async fn answer(&mut self, id: &str, answered: &Answered) -> Result<(), End> {
        self.send(frame::response(id, answered)).await
    }

    async fn complain(&mut self, code: &str, message: &str) -> Result<(), End> {
        self.event("error", &json!({ "code": code, "message": message })).await
    }

    async fn event<T: Serialize>(&mut self, event: &'static str, payload: &T) -> Result<(), End> {
        self.seq += 1;
        self.send(frame::event(event, payload, self.seq)).await
    }

    async fn send(&mut self, text: String) -> Result<(), End> {
        self.message(Message::Text(text.into())).await
    }

    async fn message(&mut self, message: Message) -> Result<(), End> {
        let sent = send(&mut self.socket, message, self.api.options.stream_send_timeout).await;
        if sent { Ok(()) } else { Err(End::TooSlow) }
    }
}

/// Ends the connection once the key that it came with is gone.
async fn still_allowed(api: &Api, connected: &Connected) -> Result<(), End> {
    match api.engine.authenticate(connected.key.expose()).await {
        Err(Error { kind: ErrorKind::Unauthenticated, .. }) => Err(End::NotAllowed),
        // A store that does not answer just now ends nothing.
        _ => Ok(()),
    }
}

/// Does what is asked. Every request counts like one of HTTP, and ends with its key.
async fn perform(api: &Api, connected: &Connected, request: Request) -> Answered {
    if request.method == "connect" {
        return Err(Failure::new(INVALID_REQUEST, "this connection is connected already"));
    }
    let caller = api.engine.authenticate(connected.key.expose()).await?;
    let work = methods::call(api, &caller, &request.method, request.params);
    match timeout(api.options.request_timeout, work).await {
        Ok(answered) => answered,
        Err(_) => Err(Error::new(ErrorKind::TimedOut, "the request took too long").into()),
    }
}

/// The text of a message, when it has one to read.
fn heard(message: Option<Result<Message, axum::Error>>) -> Result<Option<Utf8Bytes>, End> {
    match message {
        None | Some(Ok(Message::Close(_))) => Err(End::Gone),
        Some(Err(_)) => Err(End::Broken),
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        // Like Moltis: what is no text says nothing.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => Ok(None),
    }
}
