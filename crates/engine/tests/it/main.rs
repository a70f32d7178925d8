//! The engine on the embedded store, with a clock moved by hand and a scripted sender: no sleeping, no network.

#![expect(clippy::unwrap_used, reason = "a test that can not go on should say where it stopped")]

mod actions;
mod deliver;
mod health;
mod housekeeping;
mod inbox;
mod keys;
mod matching;
mod order;
mod receiving;
mod repeats;
mod turns;
mod wires;
mod world;
