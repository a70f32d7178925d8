//! The engine on the embedded store, with a clock moved by hand and a scripted sender: no sleeping, no network.

#![expect(clippy::unwrap_used, reason = "a test that can not go on should say where it stopped")]

mod deliver;
mod health;
mod housekeeping;
mod keys;
mod matching;
mod order;
mod repeats;
mod wires;
mod world;
