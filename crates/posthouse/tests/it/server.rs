//! A `posthouse` process, and how to call it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

pub(crate) fn posthouse() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posthouse"));
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("POSTHOUSE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str], data: &Path) -> Output {
    posthouse().args(arguments).arg("--data").arg(data).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Server {
    /// Starts a server that may deliver to loopback.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &["--allow-private-targets"])
    }

    pub(crate) fn start_with(data: &Path, more: &[&str]) -> Self {
        let mut child = posthouse()
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a ready line: {line:?}"));
        Self { child, url: format!("http://{}", ready["address"].as_str().unwrap()) }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server and a key for it.
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Client {
    /// Makes a key with everything allowed, beside the running server.
    pub(crate) fn new(server: &Server, data: &Path) -> Self {
        let made = run(&["keys", "create", "--tenant", "acme", "--output", "json"], data);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        Self { url: server.url.clone(), key: made["key"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let request =
            ureq::get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.key));
        request.call().unwrap().body_mut().read_json().unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let request =
            ureq::post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {}", self.key));
        request.send_json(body).unwrap().body_mut().read_json().unwrap()
    }

    pub(crate) fn publish(&self, event_type: &str, payload: &Value) -> String {
        let answer = self.post("/api/v1/events", &json!({ "type": event_type, "payload": payload }));
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Follows a delivery through the live API until it has at least one attempt. Reading is the only signal a
    /// customer has, so this reads again, without pausing, for a bounded number of times.
    pub(crate) fn first_attempt(&self, delivery: &str) -> Value {
        for _ in 0..20_000 {
            let attempts = self.get(&format!("/api/v1/deliveries/{delivery}/attempts"));
            if let Some(first) = attempts["data"].as_array().and_then(|attempts| attempts.first()) {
                return first.clone();
            }
        }
        panic!("{delivery} was never attempted");
    }
}
