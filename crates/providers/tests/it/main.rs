//! Tests of the profiles from the outside: vectors, refusals, properties.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod auth;
mod auth_profiles;
mod hostile_auth;
mod hostile_profiles;
mod profiles;
mod samples;
mod tools;
mod tools_properties;
mod vectors;
