//! The vocabulary of Posthouse: ids, scopes, events, endpoints, deliveries, outcomes, retry policies, limits.
//!
//! Values are valid by construction: the only way to an `EndpointUrl`, an `EventType` or a `RetryPolicy` is
//! a constructor that checks it, so nothing further in ever checks again. No I/O, no clock, no wire format.

pub mod outcome;

pub use outcome::{Outcome, Stage};
