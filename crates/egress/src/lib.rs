//! The only code that calls user-given URLs: address policy at connect, limits, TLS, proxies.
//!
//! # Motivation
//! A webhook URL is written by a stranger and called from inside our network. Checking the URL's text
//! does not help: a name may resolve to anything, differently each time, and an address has dozens of
//! spellings. So the check stands where it cannot be passed by: between resolving and connecting.
//!
//! # How it works
//! [`Egress`] is a pooled HTTP/1.1 client. Its connector turns the URI's host into an address or a name
//! (the WHATWG rules of the `url` crate, so `0x7f.1` is `127.0.0.1`), resolves the name once, asks
//! [`AddressPolicy`] about **every** address, and connects to one of exactly those. One refused address
//! refuses the attempt, so an answer that mixes good and bad ones gains nothing. What cannot be turned
//! into a checked address is [`Blocked`](posthouse_types::outcome::Outcome::Blocked) as well. Through a
//! [`Proxy`] the same happens first, and the proxy is asked for the checked address, not for the name.
//!
//! - Redirects are not followed, bodies not decompressed, no header is added but `Host` and
//!   `Content-Length`. User information in a URL (`user:pass@`) is ignored and never sent.
//! - Time and size are bounded while reading: see [`limits`].
//! - One [`SendRequest`] is at most one request on the wire: only a request of which nothing was written,
//!   because its pooled connection had been closed, moves to another connection.
//! - The result is data, a [`SendReport`]; there is no error to handle.

mod answer;
mod client;
mod config;
mod connect;
mod dial;
pub mod limits;
mod policy;
mod proxy;
mod sender;
mod target;
mod tls;

pub use client::Egress;
pub use config::{EgressConfig, EgressError};
pub use policy::{AddressPolicy, BlockReason, Blocked};
pub use proxy::{Proxy, ProxyError, ProxyServer};
pub use sender::{SendReport, SendRequest, Sender};
