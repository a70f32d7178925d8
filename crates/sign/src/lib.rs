//! Signature schemes, making and checking, in constant time. No I/O, no clock.
//!
//! # Motivation
//!
//! Every dialect signs what it sends, and every source checks what it gets. The schemes look alike and are not:
//! a secret that starts with `whsec_` is read in three different ways (base64 of the key, the text after the
//! prefix, the whole text), some sign seconds and some milliseconds, some base64 and some hex. A helper with
//! options would sooner or later be called with the wrong ones.
//!
//! # How it works
//!
//! One module per scheme, with types of its own; nothing that knows a protocol is shared between two schemes.
//! What they do share, in `encode`, knows only bytes and text: base64, decimal numbers, comparison.
//!
//! The caller brings the time and the randomness, so that signing is a pure function of its arguments. Keys are
//! parsed once and kept: a parsed key holds its HMAC key schedule, and signing a message only clones it. Keys are
//! wiped from memory when dropped and do not show their content in `Debug`.
//!
//! | module | scheme |
//! |---|---|
//! | [`standard`] | Standard Webhooks: `v1` HMAC-SHA256 and `v1a` ed25519 |

mod encode;
pub mod standard;
