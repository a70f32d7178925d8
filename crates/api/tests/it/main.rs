//! The API through its real router, on a real embedded store and a scripted sender.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod bad_input;
mod coverage;
mod happy;
mod isolation;
mod limits;
mod publishing;
mod stream;
mod world;
