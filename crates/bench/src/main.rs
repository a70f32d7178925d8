//! Load generator, receiver, scenarios, results as data.
fn main() {}
