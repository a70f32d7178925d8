//! Inbound profiles, one file per provider: how it signs, what it sends, what can be done to it. No I/O.
//!
//! # Motivation
//! Providers differ in everything that matters at the door: which header proves the sender, where the type of an
//! event stands, what tells a repeat, what an event is about, what a reader wants to know of it. All of that is
//! knowledge about someone else's product, so it stands together, one file per provider, as plain values and pure
//! functions over headers and bytes.
//!
//! # How it works
//! [`find`] gives a [`Profile`]. [`auth::Verifier`] checks a request, whatever the profile: the mode is the source's
//! choice. `Profile::read` takes from an [`Incoming`] what routing needs (type, keys), without building a tree of
//! the whole payload; `Profile::summarise` writes what an agent is told. [`tool::Tool`] turns arguments into
//! requests of the provider's REST API, which someone else carries out. [`sample`] holds realistic requests, for
//! trying a source out.
//!
//! Nothing here panics, whatever the bytes: `tests/` proves it over millions of them.

pub mod auth;
pub mod incoming;
mod lenient;
mod lines;
mod pretty;
mod profile;
pub mod sample;
pub mod tool;

pub use incoming::{DeliveryKey, Incoming, Reading, Summary};
pub use profile::{CatalogueEntry, Profile, all, find};
