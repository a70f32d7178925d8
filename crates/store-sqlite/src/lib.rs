//! The embedded store: one writer thread with group commit, a reader pool, forward-only migrations.
