//! Every invariant in ARCHITECTURE.md names what holds it, and that exists.
//!
//! A row is `| I<n> | what holds | what checks it |`. The last cell names, in backticks, a test
//! (`name` or `path::to::name`), an `xtask` command, or a file of the repository.

use std::collections::BTreeSet;

use super::Problem;

pub(super) const FILE: &str = "ARCHITECTURE.md";

const COMMANDS: &[&str] = &["test", "tidy", "graph", "openapi", "bench", "kill"];
const WHY: &str = "a promise that nothing checks is prose";

pub(super) fn check(text: &str, functions: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut numbers = BTreeSet::new();
    for (line, row) in (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, row(text)?))) {
        let mut report = |what| problems.push(Problem { path: FILE.to_owned(), line, what, why: WHY });
        if !numbers.insert(row.number.clone()) {
            report(format!("{} is numbered twice", row.number));
        }
        if row.held_by.is_empty() {
            report(format!("{} names nothing that holds it", row.number));
        }
        for name in row.held_by.iter().filter(|name| !is_there(name, functions, &exists)) {
            report(format!("{} is held by `{name}`, which does not exist", row.number));
        }
    }
    problems
}

struct Row {
    number: String,
    held_by: Vec<String>,
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> =
        line.trim().strip_prefix('|')?.trim_end_matches('|').split('|').map(str::trim).collect();
    let digits = cells.first()?.strip_prefix('I')?;
    if digits.is_empty() || !digits.chars().all(|char| char.is_ascii_digit()) {
        return None;
    }
    let held_by = cells.last()?.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some(Row { number: format!("I{digits}"), held_by })
}

fn is_there(name: &str, functions: &BTreeSet<String>, exists: impl Fn(&str) -> bool) -> bool {
    let command = name.strip_prefix("cargo ").unwrap_or(name).strip_prefix("xtask ");
    if let Some(command) = command {
        return COMMANDS.contains(&command.split(' ').next().unwrap_or_default());
    }
    if name.contains(['/', '.']) {
        return exists(name);
    }
    name.rsplit("::").next().is_some_and(|function| functions.contains(function))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::check;

    fn problems(text: &str) -> Vec<String> {
        let functions = BTreeSet::from(["accepts_once".to_owned()]);
        check(text, &functions, |file| file == "clippy.toml")
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn rows_that_name_what_exists_pass() {
        let text = "| no. | invariant | held by |\n|---|---|---|\n\
            | I1 | a | `store::conformance::accepts_once` |\n| I2 | b | `accepts_once`, `cargo xtask graph` |\n\
            | I3 | c | `clippy.toml` |\n| Item | `nothing` |";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn rows_that_name_nothing_or_what_is_gone_do_not() {
        assert_eq!(problems("| I1 | a | prose |"), ["I1 names nothing that holds it"]);
        assert_eq!(problems("| I1 | a | `gone` |"), ["I1 is held by `gone`, which does not exist"]);
        assert_eq!(problems("| I1 | a | `xtask dance` |").len(), 1);
        assert_eq!(
            problems("| I1 | a | `accepts_once` |\n| I1 | b | `accepts_once` |"),
            ["I1 is numbered twice"]
        );
    }
}
