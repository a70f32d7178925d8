//! A virtual environment with the pinned Python libraries.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Runner, Stamp, clear, files};
use crate::error::{Error, Result};
use crate::shell::{self, command};

/// Some of the published clients need a Python newer than the system's, so the newest found is used.
const NAMES: &[&str] = &["python3.14", "python3.13", "python3.12", "python3"];

/// The oldest Python the pinned libraries run on.
const OLDEST: Version = (3, 10);

type Version = (u32, u32);

/// Makes the environment when it is not there, or says that this machine cannot have one.
pub(super) fn prepare(sources: &Path, folder: &Path) -> Result<Option<Runner>> {
    let mut found = newest();
    if found.is_none() && shell::apt_install(&["python3", "python3-venv"]) {
        found = newest();
    }
    let Some((python, version)) = found else { return Ok(None) };

    let requirements = sources.join("requirements.txt");
    let pins = fs::read_to_string(&requirements).map_err(Error::file(&requirements))?;
    let stamp = Stamp::new(folder, format!("Python {}.{}\n{pins}", version.0, version.1));
    let program = folder.join("bin/python");
    if !stamp.is_current() {
        clear(folder)?;
        shell::run(command(&python).args(["-m", "venv"]).arg(folder))?;
        shell::run(
            command(&program)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(&requirements),
        )?;
        stamp.write()?;
    }
    Ok(Some(Runner { program, scripts: sources.to_owned() }))
}

/// The newest Python on the PATH or under pyenv that can make a virtual environment.
fn newest() -> Option<(PathBuf, Version)> {
    let on_path = NAMES.iter().filter_map(|name| shell::on_path(name));
    let candidates =
        on_path.chain(pyenv()).filter_map(|python| version(&python).map(|version| (python, version)));
    // The first of equals wins: what is on the PATH before what is not.
    candidates
        .filter(|(_, version)| *version >= OLDEST)
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn pyenv() -> Vec<PathBuf> {
    let Some(home) = std::env::home_dir() else { return Vec::new() };
    let versions = files(&home.join(".pyenv/versions")).unwrap_or_default();
    versions
        .into_iter()
        .map(|version| version.join("bin/python3"))
        .filter(|python| python.is_file())
        .collect()
}

/// Its version, when it runs at all (a pyenv shim may not) and can make environments (Debian's may not).
fn version(python: &Path) -> Option<Version> {
    let question = "import ensurepip, venv, sys; print(sys.version_info[0], sys.version_info[1])";
    parse_version(&shell::probe(command(python).args(["-c", question]))?)
}

fn parse_version(answer: &str) -> Option<Version> {
    let (major, minor) = answer.split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse_version("3 9"), Some((3, 9)));
        assert!(parse_version("3 12") > parse_version("3 9"));
        assert_eq!(parse_version("nonsense"), None);
    }
}
