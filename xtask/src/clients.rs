//! The `clients` step: published libraries, unmodified and pinned, against the running binary.
//!
//! Every `verify_*.py` and `verify_*.mjs` in xtask/clients is one check: it takes the binary from POSTHOUSE_BIN,
//! starts its own server on a temporary folder and fails by its exit code; 77 says that it can not run here, and its
//! output why. The libraries are installed under target/xtask/clients and installed again only when the pins change.

mod node;
mod python;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::shell;

/// The exit code of a script that can not run on this machine, as in Automake's test suites.
const CAN_NOT_RUN: i32 = 77;

/// What the scripts of one language need to run.
struct Runner {
    program: PathBuf,
    /// Where the scripts are: modules of Node are found only from beside the libraries.
    scripts: PathBuf,
}

/// How many checks did not pass.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    failed: usize,
    skipped: usize,
}

pub(crate) fn run() -> Result<Outcome> {
    shell::run(&mut shell::cargo(&["build", "-q", "-p", "posthouse"]))?;
    let target = shell::metadata()?.target_directory.into_std_path_buf();
    let binary = target.join("debug").join("posthouse");
    let sources = shell::root().join("xtask/clients");
    let scratch = target.join("xtask/clients");
    fs::create_dir_all(&scratch).map_err(Error::file(&scratch))?;

    let languages = [
        (python::prepare(&sources, &scratch.join("python"))?, ".py", "Python 3.10 or newer with venv"),
        (node::prepare(&sources, &scratch.join("node"))?, ".mjs", "Node 20 or newer with npm"),
    ];
    let mut tally = Tally::default();
    for (runner, ending, needs) in languages {
        let Some(runner) = runner else {
            println!("   skipped: verify_*{ending}, because there is no {needs}");
            tally.skipped += 1;
            continue;
        };
        verify(&runner, ending, &binary, &scratch, &mut tally)?;
    }
    match tally {
        Tally { failed: 0, skipped: 0 } => Ok(Outcome::Passed),
        Tally { failed: 0, .. } => Ok(Outcome::Skipped),
        Tally { failed, .. } => Err(Error::Problems { check: "clients", count: failed }),
    }
}

/// Runs the checks of one language and counts those that did not pass; each has said why.
fn verify(runner: &Runner, ending: &str, binary: &Path, scratch: &Path, tally: &mut Tally) -> Result<()> {
    for script in files(&runner.scripts)? {
        let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("verify_") || !name.ends_with(ending) {
            continue;
        }
        println!("   {name}");
        let result = shell::run(
            shell::command(&runner.program)
                .arg(&script)
                .current_dir(scratch)
                .env("POSTHOUSE_BIN", binary)
                .env("PYTHONDONTWRITEBYTECODE", "1"),
        );
        match result {
            Ok(()) => {}
            Err(Error::Failed { status, .. }) if status.code() == Some(CAN_NOT_RUN) => tally.skipped += 1,
            Err(error @ Error::Failed { .. }) => {
                println!("   {error}");
                tally.failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::file(folder))?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::file(folder))?;
    paths.sort();
    Ok(paths)
}

/// A note beside an installation of what it was made from, so that the same is not installed twice.
struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    fn new(folder: &Path, wanted: String) -> Self {
        Self { path: folder.join("installed-from"), wanted }
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.wanted).map_err(Error::file(&self.path))
    }
}

/// Makes a folder empty, so that a half-finished installation is not built upon.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::create_dir_all(folder).map_err(Error::file(folder))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Runner, Stamp, Tally, clear, verify};

    #[test]
    fn scripts_pass_fail_or_can_not_run() {
        let folder = std::env::temp_dir().join(format!("xtask-verify-{}", std::process::id()));
        clear(&folder).unwrap();
        let scripts = [
            ("verify_a.sh", "exit 0"),
            ("verify_b.sh", "exit 77"),
            ("verify_c.sh", "exit 1"),
            ("verify_d.sh", "test \"$POSTHOUSE_BIN\" = binary"),
            ("verify_e.other", "exit 1"),
            ("helper.sh", "exit 1"),
        ];
        for (name, text) in scripts {
            fs::write(folder.join(name), text).unwrap();
        }
        let runner = Runner { program: "sh".into(), scripts: folder.clone() };
        let mut tally = Tally::default();
        verify(&runner, ".sh", Path::new("binary"), &folder, &mut tally).unwrap();
        assert_eq!(tally, Tally { failed: 1, skipped: 1 });
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_installation_is_current_until_its_pins_change() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        clear(&folder).unwrap();
        let stamp = Stamp::new(&folder, "a==1".to_owned());
        assert!(!stamp.is_current());
        stamp.write().unwrap();
        assert!(stamp.is_current());
        assert!(!Stamp::new(&folder, "a==2".to_owned()).is_current());
        fs::remove_dir_all(&folder).unwrap();
    }
}
