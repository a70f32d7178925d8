//! The API through its real router, on a real embedded store and a scripted sender.

#![expect(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod attempts;
mod bad_input;
mod casey;
mod coverage;
mod happy;
mod ingest;
mod isolation;
mod limits;
mod logins;
mod messages;
mod metrics;
mod molroo;
mod moltis;
mod native_inbound;
mod probes;
mod project_keys;
mod publishing;
mod serving;
mod sonzai;
mod stream;
mod stream_bounds;
mod walls;
mod whatsapp;
mod wire_log;
mod world;
