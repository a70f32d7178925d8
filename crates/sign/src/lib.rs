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
//! One module per scheme, with a key type of its own, and each reads its secret itself; a key of one scheme is not
//! accepted by another. Three things are shared. `encode` knows only bytes and text: base64, hex, decimal numbers,
//! comparison. `timestamped` knows the `t=…,v1=…` header, which several providers took over from Stripe letter by
//! letter, and is given the bytes of a key, never its text. [`mac`] is HMAC-SHA256 and nothing more; it serves the
//! many providers that sign the body alone, whose headers are rows of a table where the providers are.
//!
//! The caller brings the time and the randomness, so that signing is a pure function of its arguments. Keys are
//! parsed once and kept: a parsed key holds its HMAC key schedule, and signing a message only clones it. Keys are
//! wiped from memory when dropped and do not show their content in `Debug`.
//!
//! | module | scheme |
//! |---|---|
//! | [`standard`] | Standard Webhooks: `v1` HMAC-SHA256 and `v1a` ed25519; the secret is base64 of the key |
//! | [`molroo`] | Molroo: `t=…,v1=…`, HMAC-SHA256 over time and body; the key is the whole text of the secret |
//! | [`sonzai`] | Sonzai: `t=…,v1=…`, HMAC-SHA256 over time and body; the key is the text after `whsec_` |
//! | [`stripe`] | Stripe: `t=…,v1=…`, HMAC-SHA256 over time and body; the key is the whole text of the secret |
//! | [`whatsapp`] | WhatsApp Gateway: HMAC-SHA512 over the body alone; the key is the whole text of the secret |
//! | [`mac`] | HMAC-SHA256 over parts, for schemes that are a header's name and a spelling |
//! | [`token`] | a token sent as it stands, compared by digest |

mod encode;
pub mod mac;
pub mod molroo;
pub mod sonzai;
pub mod standard;
pub mod stripe;
mod timestamped;
pub mod token;
pub mod whatsapp;
