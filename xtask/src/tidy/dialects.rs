//! One dialect never uses another: what two of them share is written once, in `http` or in the engine.

use std::collections::BTreeSet;

use super::Problem;
use super::modules::Crate;
use super::references::references;

const CRATE: &str = "crates/api";
const WHY: &str = "what dialects share belongs in `http` or in the engine";

pub(super) fn check(krate: &Crate<'_>) -> Vec<Problem> {
    if krate.folder != CRATE {
        return Vec::new();
    }
    let dialects: BTreeSet<String> =
        krate.files.iter().filter_map(|file| folder(&file.source.path)).collect();
    let mut problems = Vec::new();
    for file in &krate.files {
        for reference in references(file) {
            let (Some(from), Some(to)) = (dialect(&reference.from), dialect(&reference.to)) else { continue };
            if from != to && dialects.contains(from) && dialects.contains(to) {
                let what = format!("dialect {from} uses dialect {to}");
                problems.push(file.source.problem(reference.line, what, WHY));
            }
        }
    }
    problems
}

/// A dialect is a folder; a plain file beside them is shared.
fn folder(path: &str) -> Option<String> {
    let (name, _) = path.strip_prefix("crates/api/src/dialect/")?.split_once('/')?;
    Some(name.to_owned())
}

fn dialect(module: &[String]) -> Option<&str> {
    match module {
        [top, name, ..] if top == "dialect" => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::modules::crates;
    use crate::tidy::modules::tests::sources;

    #[test]
    fn dialects_do_not_know_each_other() {
        let sources = sources(&[
            ("src/lib.rs", "mod dialect;"),
            (
                "src/dialect/mod.rs",
                "mod native; mod casey; mod table; use native::wire; use casey::wire as c;",
            ),
            ("src/dialect/table.rs", ""),
            ("src/dialect/native/mod.rs", "mod wire;"),
            (
                "src/dialect/native/wire.rs",
                "use crate::dialect::table; use super::super::table::x; use super::y;",
            ),
            ("src/dialect/casey/mod.rs", "mod wire;"),
            ("src/dialect/casey/wire.rs", "\nuse super::super::native::wire;"),
        ]);
        let problems: Vec<_> = crates(&sources).iter().flat_map(check).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!((problems[0].line, problems[0].what.as_str()), (2, "dialect casey uses dialect native"));
    }
}
