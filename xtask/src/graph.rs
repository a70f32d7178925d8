//! `cargo xtask graph`: compares what the manifests say with the tables below. A new edge is a decision:
//! it is added here, with its reason in docs/adr.

use std::fmt;

use cargo_metadata::{DependencyKind, Package};

use crate::error::{Error, Result};
use crate::shell;

/// One crate and which of ours it may use.
struct Rule {
    name: &'static str,
    /// Normal and build dependencies.
    uses: &'static [&'static str],
    /// More of them for its tests. The testkit is open to every crate's tests.
    tests_use: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { name: "posthouse-types", uses: &[], tests_use: &[] },
    Rule { name: "posthouse-sign", uses: &["posthouse-types"], tests_use: &[] },
    Rule { name: "posthouse-providers", uses: &["posthouse-types", "posthouse-sign"], tests_use: &[] },
    Rule { name: "posthouse-store", uses: &["posthouse-types"], tests_use: &[] },
    Rule {
        name: "posthouse-store-sqlite",
        uses: &["posthouse-types", "posthouse-store"],
        // The conformance suite is a feature of the store crate.
        tests_use: &["posthouse-store"],
    },
    Rule { name: "posthouse-egress", uses: &["posthouse-types"], tests_use: &[] },
    Rule {
        name: "posthouse-engine",
        uses: &[
            "posthouse-types",
            "posthouse-sign",
            "posthouse-providers",
            "posthouse-store",
            "posthouse-egress",
        ],
        tests_use: &["posthouse-store-sqlite"],
    },
    Rule {
        name: "posthouse-agents",
        uses: &["posthouse-types", "posthouse-egress", "posthouse-engine", "posthouse-sign"],
        tests_use: &[],
    },
    Rule {
        name: "posthouse-api",
        uses: &["posthouse-types", "posthouse-engine"],
        // Requests to sources are signed as providers do it.
        tests_use: &["posthouse-store-sqlite", "posthouse-engine", "posthouse-providers"],
    },
    Rule { name: "posthouse", uses: PRODUCT, tests_use: PRODUCT },
    Rule {
        name: "posthouse-testkit",
        uses: &[
            "posthouse-types",
            "posthouse-sign",
            "posthouse-store",
            "posthouse-egress",
            "posthouse-engine",
        ],
        tests_use: PRODUCT,
    },
    // Both drive the binary from outside, as a user would.
    Rule { name: "posthouse-bench", uses: &[], tests_use: &[] },
    Rule { name: "xtask", uses: &[], tests_use: &[] },
];

/// What the binary is made of.
const PRODUCT: &[&str] = &[
    "posthouse-types",
    "posthouse-sign",
    "posthouse-providers",
    "posthouse-agents",
    "posthouse-store",
    "posthouse-store-sqlite",
    "posthouse-egress",
    "posthouse-engine",
    "posthouse-api",
];

const TESTKIT: &str = "posthouse-testkit";

/// Other people's crates that have one place each.
const PLACES: &[(&str, &[&str])] = &[
    ("axum", &["posthouse-api", "posthouse", "posthouse-bench"]),
    ("hyper", &["posthouse-egress", "posthouse-api", "posthouse", "posthouse-testkit", "posthouse-bench"]),
    ("rusqlite", &["posthouse-store-sqlite"]),
];

pub(crate) fn run() -> Result<()> {
    let metadata = shell::metadata()?;
    let edges: Vec<Edge> = metadata.packages.iter().flat_map(edges_of).collect();
    let names: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut problems = compare(&names, &edges);
    problems.sort();
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        return Err(Error::Problems { check: "graph", count: problems.len() });
    }
    let ours = edges.iter().filter(|edge| edge.ours).count();
    println!("graph: {} crates, {ours} edges between them, as declared", names.len());
    Ok(())
}

/// One dependency of one crate of ours.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    ours: bool,
    only_tests: bool,
}

fn edges_of(package: &Package) -> impl Iterator<Item = Edge> {
    package.dependencies.iter().map(|dependency| Edge {
        from: package.name.to_string(),
        to: dependency.name.clone(),
        ours: dependency.path.is_some(),
        only_tests: dependency.kind == DependencyKind::Development,
    })
}

/// One line of the report; sorted, so that it reads by crate.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Problem {
    NotAllowed { from: String, to: String, only_tests: bool },
    OutOfPlace { from: String, to: String },
    NotDeclared { name: String },
    NotThere { name: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { from, to, only_tests } => {
                let whose = if *only_tests { "tests of " } else { "" };
                write!(
                    out,
                    "{whose}{from} → {to}: not an edge of xtask/src/graph.rs — a new edge needs an ADR"
                )
            }
            Self::OutOfPlace { from, to } => {
                write!(
                    out,
                    "{from} → {to}: out of its place — PLACES in xtask/src/graph.rs says who may use it"
                )
            }
            Self::NotDeclared { name } => {
                write!(out, "{name}: not in xtask/src/graph.rs — every crate of the workspace has a rule")
            }
            Self::NotThere { name } => {
                write!(out, "{name}: in xtask/src/graph.rs, but no such crate — remove the rule")
            }
        }
    }
}

fn compare(names: &[&str], edges: &[Edge]) -> Vec<Problem> {
    let missing = RULES
        .iter()
        .filter(|rule| !names.contains(&rule.name))
        .map(|rule| Problem::NotThere { name: rule.name.to_owned() });
    let unknown = names
        .iter()
        .filter(|name| rule_of(name).is_none())
        .map(|name| Problem::NotDeclared { name: (*name).to_owned() });
    missing.chain(unknown).chain(edges.iter().filter_map(judge)).collect()
}

fn judge(edge: &Edge) -> Option<Problem> {
    let (from, to) = (edge.from.clone(), edge.to.clone());
    if edge.ours {
        // A crate without a rule is reported once, not once per edge.
        let rule = rule_of(&edge.from)?;
        let to_name = edge.to.as_str();
        let for_tests = edge.only_tests && (to_name == TESTKIT || rule.tests_use.contains(&to_name));
        let allowed = rule.uses.contains(&to_name) || for_tests;
        return (!allowed).then_some(Problem::NotAllowed { from, to, only_tests: edge.only_tests });
    }
    let (_, places) = PLACES.iter().find(|(name, _)| *name == edge.to)?;
    let in_place = edge.only_tests || places.contains(&edge.from.as_str());
    (!in_place).then_some(Problem::OutOfPlace { from, to })
}

fn rule_of(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::{Edge, Problem, RULES, compare, judge};

    fn edge(from: &str, to: &str, only_tests: bool) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), ours: to.starts_with("posthouse"), only_tests }
    }

    #[test]
    fn declared_edges_pass_and_others_do_not() {
        assert_eq!(judge(&edge("posthouse-api", "posthouse-engine", false)), None);
        assert!(judge(&edge("posthouse-api", "posthouse-store", false)).is_some());
        assert!(judge(&edge("posthouse-types", "posthouse-sign", false)).is_some());
        assert!(judge(&edge("posthouse-bench", "posthouse-types", false)).is_some());
    }

    #[test]
    fn tests_may_use_the_testkit_and_what_is_listed() {
        assert_eq!(judge(&edge("posthouse-types", "posthouse-testkit", true)), None);
        assert_eq!(judge(&edge("posthouse-engine", "posthouse-store-sqlite", true)), None);
        assert!(judge(&edge("posthouse-engine", "posthouse-testkit", false)).is_some());
        assert!(judge(&edge("posthouse-sign", "posthouse-engine", true)).is_some());
    }

    #[test]
    fn some_crates_have_one_place() {
        assert_eq!(judge(&edge("posthouse-store-sqlite", "rusqlite", false)), None);
        assert_eq!(judge(&edge("posthouse-engine", "axum", true)), None);
        assert!(judge(&edge("posthouse-engine", "axum", false)).is_some());
        assert!(judge(&edge("posthouse-engine", "hyper", false)).is_some());
        assert!(judge(&edge("posthouse-store", "rusqlite", false)).is_some());
    }

    #[test]
    fn crates_and_rules_match_one_to_one() {
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(compare(&names, &[]), []);
        names.pop();
        names.push("posthouse-new");
        let problems = compare(&names, &[]);
        assert!(problems.contains(&Problem::NotThere { name: "xtask".to_owned() }));
        assert!(problems.contains(&Problem::NotDeclared { name: "posthouse-new".to_owned() }));
    }
}
