//! Load generator, receiver, scenarios and crash harness. Drives the `posthouse` binary from outside, over HTTP,
//! as a user would: nothing of the product is linked here, so nothing of it can be bypassed.
//!
//! How it works: [`child`] and [`server`] start and kill the binary, [`load`] publishes, [`sink`] receives and
//! [`recorder`] keeps what arrived, [`raw`] measures what the machine could do at most. For the inbound half, [`hook`]
//! sends what a provider sends, [`source`] asks what became of it, and [`plain`] is what it is compared with.
//! [`scenario`] puts these together into measurements and [`kill`] into crash trials, [`report`] prints and stores
//! the figures.

pub mod child;
pub mod error;
pub mod faults;
pub mod hook;
pub mod kill;
mod listen;
pub mod load;
pub mod machine;
pub mod payload;
pub mod plain;
pub mod process;
pub mod raw;
pub mod recorder;
pub mod report;
pub mod scenario;
pub mod server;
pub mod signature;
pub mod sink;
pub mod source;
pub mod stats;
pub mod wire;
