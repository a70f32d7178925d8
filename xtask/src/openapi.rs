//! `cargo xtask openapi`: the checked-in API descriptions are what the server serves, nothing else.

use std::fs;

use crate::error::{Error, Result};
use crate::shell;

const FOLDER: &str = "openapi";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail when the file is out of date
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = shell::root().join(FOLDER);
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    for name in print(&[])?.split_whitespace() {
        let current = format!("{}\n", print(&[name])?.trim_end());
        let path = folder.join(format!("{name}.json"));
        if options.check {
            let stored = fs::read_to_string(&path).map_err(Error::file(&path))?;
            if let Some(line) = first_difference(&stored, &current) {
                let file = format!("{FOLDER}/{name}.json");
                return Err(Error::OutOfDate { file, line, remedy: "cargo xtask openapi" });
            }
        } else {
            fs::write(&path, current).map_err(Error::file(&path))?;
            println!("wrote {FOLDER}/{name}.json");
        }
    }
    Ok(())
}

/// What the program says of its APIs: their names, or the document of one.
fn print(arguments: &[&str]) -> Result<String> {
    let command = [&["run", "-q", "-p", "posthouse", "--", "openapi"], arguments].concat();
    shell::capture(&mut shell::cargo(&command))
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
