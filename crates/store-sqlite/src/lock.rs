//! One server per data directory, held by an advisory lock that dies with the process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use posthouse_store::{Result, StoreError};

use crate::fault::io_error;

const LOCK_FILE: &str = "posthouse.lock";

/// Makes the data directory, readable by its owner only.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| io_error(&format!("{} can not be made", dir.display()), &error))
}

/// Takes the lock of a server, or says who has it.
pub(crate) fn take(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK_FILE);
    let failed = |error: &io::Error| io_error(&format!("{} can not be locked", path.display()), error);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Unavailable(format!("another posthouse server uses {}", dir.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}
