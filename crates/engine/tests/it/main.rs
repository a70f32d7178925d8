//! The engine on the embedded store, with a clock moved by hand and a scripted sender: no sleeping, no network.

mod deliver;
mod health;
mod housekeeping;
mod keys;
mod matching;
mod order;
mod world;
