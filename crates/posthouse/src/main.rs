//! The posthouse binary: configuration, wiring, commands.
fn main() {}
