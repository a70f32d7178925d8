//! Project tasks: test, tidy, graph, openapi, bench.
fn main() {}
