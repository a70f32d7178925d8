//! No cycles between the top-level modules of a crate. Between crates Cargo refuses them; inside one, nothing
//! but this does.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::modules::Crate;
use super::references::references;

const WHY: &str = "modules that need each other cannot be read, tested or moved alone";

/// From a module to each module it names, with one place where it does.
type Edges = BTreeMap<String, BTreeMap<String, Place>>;

#[derive(Clone)]
struct Place {
    path: String,
    line: usize,
}

pub(super) fn check(krate: &Crate<'_>) -> Vec<Problem> {
    let roots: BTreeSet<&str> = krate.files.iter().map(|file| file.root.as_str()).collect();
    roots.into_iter().flat_map(|root| report(&edges(krate, root))).collect()
}

/// The crate root itself takes no part: it declares its modules, and they may use what it re-exports.
fn edges(krate: &Crate<'_>, root: &str) -> Edges {
    let mut edges = Edges::new();
    for file in krate.files.iter().filter(|file| file.root == root) {
        for reference in references(file) {
            let (Some(from), Some(to)) = (reference.from.first(), reference.to.first()) else { continue };
            if from != to {
                let place = Place { path: file.source.path.clone(), line: reference.line };
                edges.entry(from.clone()).or_default().entry(to.clone()).or_insert(place);
            }
        }
    }
    edges
}

/// One problem per group of modules that all reach each other.
fn report(edges: &Edges) -> Vec<Problem> {
    let mut reported = BTreeSet::new();
    let mut problems = Vec::new();
    for module in edges.keys() {
        let group: BTreeSet<&str> = reachable(edges, module)
            .into_iter()
            .filter(|other| reachable(edges, other).contains(module.as_str()))
            .collect();
        if group.len() > 1 && reported.insert(group.clone()) {
            problems.extend(describe(edges, &group));
        }
    }
    problems
}

fn reachable<'e>(edges: &'e Edges, from: &str) -> BTreeSet<&'e str> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in edges.get(module).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    found
}

fn describe(edges: &Edges, group: &BTreeSet<&str>) -> Option<Problem> {
    let inside = edges.iter().filter(|(from, _)| group.contains(from.as_str())).flat_map(|(from, to)| {
        to.iter().filter(|(to, _)| group.contains(to.as_str())).map(move |(to, place)| (from, to, place))
    });
    let inside: Vec<_> = inside.collect();
    let (_, _, first) = inside.first()?;
    let arrows: Vec<String> = inside
        .iter()
        .map(|(from, to, place)| format!("{from} → {to} ({}:{})", place.path, place.line))
        .collect();
    let what = format!("module cycle: {}", arrows.join(", "));
    Some(Problem { path: first.path.clone(), line: first.line, what, why: WHY })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::modules::crates;
    use crate::tidy::modules::tests::sources;

    fn cycles(files: &[(&str, &str)]) -> Vec<String> {
        let sources = sources(files);
        crates(&sources).iter().flat_map(check).map(|problem| problem.what).collect()
    }

    #[test]
    fn a_cycle_names_its_edges() {
        let found = cycles(&[
            ("src/lib.rs", "mod a; mod b; mod c;"),
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "mod deep;"),
            ("src/b/deep.rs", "fn f() { super::super::c::g() }"),
            ("src/c.rs", "\nuse crate::{a::A};"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("a → b (crates/api/src/a.rs:1)"), "{found:?}");
        assert!(found[0].contains("c → a (crates/api/src/c.rs:2)"), "{found:?}");
    }

    #[test]
    fn layers_roots_and_tests_are_no_cycle() {
        let found = cycles(&[
            ("src/lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("src/a.rs", "use crate::b::B; use crate::A;"),
            ("src/b.rs", "use crate::B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
