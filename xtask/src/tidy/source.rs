//! The source files of the repository, read and parsed once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Problem;
use super::mask::{Masked, mask};
use crate::error::{Error, Result};

/// One Rust file.
pub(super) struct Source {
    /// From the root of the repository, with forward slashes.
    pub(super) path: String,
    pub(super) masked: Masked,
    pub(super) syntax: syn::File,
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> std::result::Result<Self, Problem> {
        let syntax = syn::parse_file(text).map_err(|error| Problem {
            path: path.to_owned(),
            line: error.span().start().line,
            what: format!("does not parse: {error}"),
            why: "nothing else can be checked here",
        })?;
        Ok(Self { path: path.to_owned(), masked: mask(text), syntax })
    }

    pub(super) fn problem(&self, line: usize, what: String, why: &'static str) -> Problem {
        Problem { path: self.path.clone(), line, what, why }
    }
}

/// Every Rust file under crates/ and xtask/. A file that does not parse is a problem of its own.
pub(super) fn read_tree(root: &Path) -> Result<(Vec<Source>, Vec<Problem>)> {
    let mut paths = Vec::new();
    for top in ["crates", "xtask"] {
        find(root, top, &mut paths)?;
    }
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let file = root.join(&path);
        let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
        match Source::parse(&path, &text) {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    Ok((sources, problems))
}

fn find(root: &Path, folder: &str, found: &mut Vec<String>) -> Result<()> {
    let full = root.join(folder);
    let entries = fs::read_dir(&full).map_err(Error::file(&full))?;
    let entries: std::io::Result<Vec<_>> = entries.collect();
    let mut entries = entries.map_err(Error::file(&full))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.path().is_dir() {
            let skipped = name == "target" || name.starts_with('.');
            if !skipped {
                find(root, &path, found)?;
            }
        } else if Path::new(&name).extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The name of every function in the tree, also of those that only a macro sees.
pub(super) fn function_names(sources: &[Source]) -> BTreeSet<String> {
    let lines = sources.iter().flat_map(|source| &source.masked.code);
    lines.flat_map(|line| line.split("fn ").skip(1)).map(leading_name).collect()
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::{Source, function_names};

    #[test]
    fn functions_are_found_by_name() {
        let text = "fn a() {} mod m { pub(crate) async fn b<T>() {} }\n// fn c\nsuite! { fn d() {} }";
        let names = function_names(&[Source::parse("x.rs", text).unwrap()]);
        assert!(names.contains("a") && names.contains("b") && names.contains("d"));
        assert!(!names.contains("c"));
    }

    #[test]
    fn a_broken_file_is_a_problem_with_its_line() {
        let problem = Source::parse("x.rs", "fn a() {}\nfn {").err().unwrap();
        assert_eq!((problem.path.as_str(), problem.line), ("x.rs", 2));
    }
}
