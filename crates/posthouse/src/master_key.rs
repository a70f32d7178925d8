//! The master key: from the configuration, a file of its own, or made beside an embedded store.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::configuration::Config;

const FILE_NAME: &str = "master.key";

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterKeyError {
    #[error("the master key must be 32 bytes as 64 hexadecimal digits or as base64")]
    Form,
    #[error("the master key in {0} can not be used: it must be 32 bytes as hexadecimal digits or base64")]
    FileForm(PathBuf),
    #[error("{0} can not be read or written")]
    File(PathBuf, #[source] io::Error),
}

/// The key that secrets are sealed with.
pub(crate) fn load(config: &Config) -> Result<Zeroizing<[u8; 32]>, MasterKeyError> {
    if let Some(text) = &config.master_key {
        return parse(text.expose()).ok_or(MasterKeyError::Form);
    }
    if let Some(path) = &config.master_key_file {
        return read(path);
    }
    let path = config.data.join(FILE_NAME);
    match make(&path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(MasterKeyError::File(path, error)),
    }
}

fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, MasterKeyError> {
    let text = fs::read_to_string(path).map_err(|error| MasterKeyError::File(path.to_owned(), error))?;
    parse(Zeroizing::new(text).trim()).ok_or_else(|| MasterKeyError::FileForm(path.to_owned()))
}

/// Makes a key file, readable by its owner only; never replaces one.
fn make(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let key = Zeroizing::new(rand::random::<[u8; 32]>());
    // Written aside and then linked, so that no one ever reads half a key.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    let written = writeln!(file, "{}", hex::encode(key.as_slice())).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    linked.map(|()| key)
}

fn parse(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data: dir.path().to_owned(), ..Config::default() };
        let first = load(&config).unwrap();
        assert_eq!(load(&config).unwrap(), first);
        let mode = fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn keys_are_read_in_either_spelling() {
        assert!(parse(&"ab".repeat(32)).is_some());
        assert!(parse(&STANDARD.encode([1; 32])).is_some());
        assert!(parse("short").is_none());
    }
}
