//! The suite that every store must pass, on files in temporary directories.

use std::sync::Arc;

use posthouse_store::Store;
use posthouse_store_sqlite::{Options, Role, SqliteStore};

#[expect(clippy::unused_async, reason = "a store over a network is made with waiting, and the suite is one")]
async fn make_store() -> (Arc<dyn Store>, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    let store = SqliteStore::open(Options::new(dir.path(), Role::Server)).expect("a new store opens");
    (Arc::new(store), dir)
}

posthouse_store::conformance_suite!(make_store);
