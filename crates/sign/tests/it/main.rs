//! Tests of the signature schemes from the outside: vectors, refusals, properties, and other implementations.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod keys;
mod mac;
mod peers;
mod properties;
mod secrets;
mod stripe;
mod support;
mod timestamped;
mod token;
mod vectors;
mod verify;
mod whatsapp;
