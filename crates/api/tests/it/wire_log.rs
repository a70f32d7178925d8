//! What goes over the wire, byte for byte, for golden examples: requests and answers of a call, and deliveries as
//! their receivers get them.

use std::fmt::Write as _;

use axum::http::{HeaderMap, header};

use crate::world::{Answer, World};

/// Headers that say something about an answer; the others are the server's own business.
const TELLING: [&str; 6] =
    ["content-type", "retry-after", "www-authenticate", "allow", "cache-control", "x-ratelimit-remaining"];

/// Calls and deliveries, as text.
#[derive(Default)]
pub(crate) struct WireLog(String);

impl WireLog {
    /// Makes a call and notes both sides of it.
    pub(crate) async fn call(&mut self, world: &World, method: &str, path: &str, body: &str) -> Answer {
        let answer = world.call(method, path, body).await;
        writeln!(self.0, "> {method} {path}").unwrap();
        if !body.is_empty() {
            writeln!(self.0, "> {body}").unwrap();
        }
        writeln!(self.0, "< {}", answer.status).unwrap();
        self.headers(&answer.headers, |name| TELLING.contains(&name));
        let text = answer.text();
        writeln!(self.0, "{}\n", if text.is_empty() { "(no body)" } else { &text }).unwrap();
        answer
    }

    /// Notes what was delivered since the last look.
    pub(crate) fn deliveries(&mut self, world: &World) {
        for sent in world.sender.take_sent() {
            writeln!(self.0, "* {} {}", sent.method, sent.uri).unwrap();
            self.headers(&sent.headers, |_| true);
            writeln!(self.0, "{}\n", String::from_utf8(sent.body.to_vec()).unwrap()).unwrap();
        }
    }

    /// The log, with `name` in place of a secret that differs from run to run.
    pub(crate) fn without(mut self, secret: &str, name: &str) -> Self {
        assert!(self.0.contains(secret), "nothing to hide");
        self.0 = self.0.replace(secret, name);
        self
    }

    /// The log.
    pub(crate) fn text(self) -> String {
        self.0
    }

    fn headers(&mut self, headers: &HeaderMap, shown: impl Fn(&str) -> bool) {
        let mut lines: Vec<String> = headers
            .iter()
            .filter(|(name, _)| shown(name.as_str()) && *name != header::USER_AGENT)
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        for line in lines {
            writeln!(self.0, "{line}").unwrap();
        }
    }
}
