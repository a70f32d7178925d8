//! Moltis: frames over real sockets.

mod deliveries;
mod handshake;
mod patching;
mod talking;
mod webhooks;

use std::net::Ipv4Addr;

use futures_util::{SinkExt as _, StreamExt as _};
use posthouse_api::ServeOptions;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::stream::{PATIENCE, Socket};
use crate::world::World;

/// One end of a connection.
struct Client {
    socket: Socket,
    count: u64,
}

impl Client {
    /// Connects, and says nothing.
    async fn dial(world: &World, path: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = world.stop.subscribe();
        tokio::spawn(posthouse_api::serve(listener, world.router.clone(), stop, ServeOptions::default()));
        let (socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}{path}")).await.unwrap();
        Self { socket, count: 0 }
    }

    /// Connects and proves itself with this key.
    async fn hello(world: &World, key: &str) -> Self {
        let mut client = Self::dial(world, "/ws").await;
        let greeted = client.ask("connect", connect_params(key)).await;
        assert_eq!(greeted["ok"], true, "{greeted}");
        assert_eq!(client.frame().await["type"], "hello-ok");
        client
    }

    async fn new(world: &World) -> Self {
        Self::hello(world, &world.key).await
    }

    async fn say(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// The next message that is no ping or pong.
    async fn message(&mut self) -> Message {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next frame.
    async fn frame(&mut self) -> Value {
        match timeout(PATIENCE, self.message()).await.unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// How the server closes.
    async fn closed(&mut self) -> CloseCode {
        match timeout(PATIENCE, self.message()).await.unwrap() {
            Message::Close(frame) => frame.unwrap().code,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a request; its whole answer.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.count += 1;
        let id = format!("r{}", self.count);
        self.say(json!({ "type": "req", "id": id, "method": method, "params": params }).to_string()).await;
        let answer = self.frame().await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("res"), &json!(id)), "{answer}");
        answer
    }

    /// What a request that succeeds answers.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        assert!(answer.get("error").is_none());
        answer["payload"].take()
    }

    /// Code and message of a request that fails.
    async fn fail(&mut self, method: &str, params: Value) -> (String, String) {
        let answer = self.ask(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        assert!(answer.get("payload").is_none());
        let text = |name: &str| answer["error"][name].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }
}

/// What the published control program sends.
fn connect_params(key: &str) -> Value {
    json!({
        "protocol": { "min": 4, "max": 4 },
        "client": { "id": "moltis-ctl", "version": "0.1.0", "platform": "cli", "mode": "operator" },
        "auth": { "api_key": key },
    })
}
