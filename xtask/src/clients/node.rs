//! A folder with the pinned Node libraries and a copy of our scripts beside them.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Runner, Stamp, clear, files};
use crate::error::{Error, Result};
use crate::shell::{self, command, on_path};

/// The oldest Node with `fetch` and all that the scripts use.
const OLDEST: u32 = 20;

/// Installs the libraries when they are not there, or says that this machine cannot have them.
pub(super) fn prepare(sources: &Path, folder: &Path) -> Result<Option<Runner>> {
    let mut found = node();
    if found.is_none() && shell::apt_install(&["nodejs", "npm"]) {
        found = node();
    }
    let Some((node, npm)) = found else { return Ok(None) };

    let lock = sources.join("package-lock.json");
    let pins = fs::read_to_string(&lock).map_err(Error::file(&lock))?;
    let stamp = Stamp::new(folder, pins);
    if !stamp.is_current() {
        clear(folder)?;
        copy(&sources.join("package.json"), folder)?;
        copy(&lock, folder)?;
        let options = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        shell::run(command(npm).args(options).current_dir(folder))?;
        stamp.write()?;
    }
    for script in files(sources)?.iter().filter(|file| file.extension().is_some_and(|ending| ending == "mjs"))
    {
        copy(script, folder)?;
    }
    Ok(Some(Runner { program: node, scripts: folder.to_owned() }))
}

/// Node and npm, when both are there and Node is new enough.
fn node() -> Option<(PathBuf, PathBuf)> {
    let (node, npm) = (on_path("node")?, on_path("npm")?);
    let version = shell::probe(command(&node).arg("--version"))?;
    (major(&version)? >= OLDEST).then_some((node, npm))
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let target = folder.join(file.file_name().unwrap_or_default());
    fs::copy(file, target).map(|_| ()).map_err(Error::file(file))
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
