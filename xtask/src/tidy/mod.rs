//! `cargo xtask tidy`: rules of the source tree that neither the compiler nor clippy checks.
//!
//! Each rule is a module with one function from sources to problems; this one gathers the sources and prints.

mod cycles;
mod dialects;
mod forbidden;
mod functions;
mod invariants;
mod lengths;
mod mask;
mod migrations;
mod modules;
mod references;
mod source;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::shell;
use modules::Crate;
use source::Source;

/// One thing to mend, where it is and why the rule exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {} — {}", self.path, self.line, self.what, self.why)
    }
}

pub(crate) fn run() -> Result<()> {
    let root = shell::root();
    let (sources, mut problems) = source::read_tree(&root)?;
    for krate in modules::crates(&sources) {
        problems.extend(check_crate(&krate));
    }
    problems.extend(lengths::check(&sources));
    problems.extend(migrations::check(&migrations::read(&root)?));
    problems.extend(check_architecture(&root, &sources)?);

    problems.sort();
    problems.dedup();
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        return Err(Error::Problems { check: "tidy", count: problems.len() });
    }
    println!("tidy: {} files in order", sources.len());
    Ok(())
}

fn check_crate(krate: &Crate<'_>) -> Vec<Problem> {
    let mut problems = krate.problems.clone();
    problems.extend(cycles::check(krate));
    problems.extend(dialects::check(krate));
    for file in &krate.files {
        problems.extend(functions::check(file));
        problems.extend(forbidden::check(file));
    }
    problems
}

fn check_architecture(root: &Path, sources: &[Source]) -> Result<Vec<Problem>> {
    let path = root.join(invariants::FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let functions = source::function_names(sources);
    Ok(invariants::check(&text, &functions, |file| root.join(file).exists()))
}
