//! The Store trait, its records and errors, and the conformance suite every store must pass. No SQL.
