//! The binary, end to end: as an operator starts it and a platform calls it.

#![expect(clippy::unwrap_used, reason = "a test that can not go on should say where it stopped")]

mod commands;
mod crash;
mod delivery;
mod dev;
mod loop_end_to_end;
mod loop_killed;
mod loop_world;
mod peer;
mod server;
mod ssrf;
mod trigger;
