//! Use cases and services. Knows no HTTP server, no SQL, no dialect.
