//! `cargo xtask openapi`: the checked-in API description is what the server serves, nothing else.

use std::fs;

use crate::error::{Error, Result};
use crate::shell;

const FILE: &str = "openapi/native.json";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail when the file is out of date
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let printed =
        shell::capture(&mut shell::cargo(&["run", "-q", "-p", "posthouse", "--", "openapi", "native"]))?;
    let current = format!("{}\n", printed.trim_end());
    let path = shell::root().join(FILE);
    if options.check {
        let stored = fs::read_to_string(&path).map_err(Error::file(&path))?;
        return match first_difference(&stored, &current) {
            None => Ok(()),
            Some(line) => Err(Error::OutOfDate { file: FILE, line, remedy: "cargo xtask openapi" }),
        };
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    fs::write(&path, current).map_err(Error::file(&path))?;
    println!("wrote {FILE}");
    Ok(())
}

/// The number of the first line in which two texts differ.
fn first_difference(left: &str, right: &str) -> Option<usize> {
    if left == right {
        return None;
    }
    let same = left.lines().zip(right.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}
