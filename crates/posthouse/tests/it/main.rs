//! The binary, end to end: as an operator starts it and a platform calls it.

mod commands;
mod crash;
mod delivery;
mod server;
mod ssrf;
