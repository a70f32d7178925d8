//! Crashes while sources receive, deliveries wait and agents work.
//!
//! Six sources: each way in which deliveries become sessions, once with the built-in agent and once with one that is
//! an HTTP service of ours, which is slow, and now and then unavailable or unwilling. Senders do as providers do: what
//! was not answered they send again, with the same key.

mod account;
mod runner;
mod sender;
mod trial;

pub(super) use trial::Gateway;

/// Agents at work at a time: so many runs can be in flight when the gateway dies.
const AGENTS: usize = 8;
