//! The runners against peers on loopback that say exactly what a test tells them to.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod budget;
mod command;
mod failures;
mod hostile;
mod http_service;
mod peer;
mod places;
mod protocols;
mod support;
mod tools;
