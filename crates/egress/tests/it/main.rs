//! Egress against real listeners on loopback: one binary, no network beyond this machine.

#![expect(
    clippy::unwrap_used,
    reason = "a failed set-up ends the test, and helpers are not #[test] functions"
)]

mod answers;
mod connections;
mod proxies;
mod ssrf;
mod support;
mod tls;
