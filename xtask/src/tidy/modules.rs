//! The module tree of a crate: which file is which module, and what of it is compiled for tests only.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemMod};

use super::Problem;
use super::source::Source;

/// A crate of the workspace.
pub(super) struct Crate<'a> {
    /// Its folder, from the root of the repository.
    pub(super) folder: String,
    pub(super) files: Vec<File<'a>>,
    pub(super) problems: Vec<Problem>,
}

/// One file of a crate.
pub(super) struct File<'a> {
    pub(super) source: &'a Source,
    /// The crate root it belongs to, such as `src/lib.rs`; a crate may have several.
    pub(super) root: String,
    /// Its module path below that root.
    pub(super) module: Vec<String>,
    /// Whether all of it is for tests only.
    pub(super) all_test: bool,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl File<'_> {
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.all_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }
}

/// Sorts the files into crates and walks each crate's `mod` items from its roots.
pub(super) fn crates(sources: &[Source]) -> Vec<Crate<'_>> {
    let mut folders: BTreeMap<String, BTreeMap<&str, &Source>> = BTreeMap::new();
    for source in sources {
        let depth = if source.path.starts_with("crates/") { 2 } else { 1 };
        let folder = source.path.splitn(depth + 1, '/').take(depth).collect::<Vec<_>>().join("/");
        let inner = &source.path[folder.len() + 1..];
        folders.entry(folder).or_default().insert(inner, source);
    }
    folders.into_iter().map(|(folder, sources)| walk(folder, &sources)).collect()
}

fn walk<'a>(folder: String, sources: &BTreeMap<&str, &'a Source>) -> Crate<'a> {
    let mut walker = Walker { sources, files: Vec::new(), seen: BTreeSet::new() };
    for path in sources.keys().filter(|path| is_root(path)) {
        // Tests, benches and examples are separate crates that Cargo builds; all of them are test code.
        walker.visit(path, path, &[], !path.starts_with("src/"));
    }
    let Walker { mut files, seen, .. } = walker;
    let mut problems = Vec::new();
    for (path, source) in sources.iter().filter(|(path, _)| !seen.contains(**path)) {
        if path.starts_with("src/") {
            let why = "a file outside the module tree is not compiled, so nothing checks it";
            problems.push(source.problem(1, "no `mod` leads to this file".to_owned(), why));
        } else {
            files.push(file(source, path, &[], true));
        }
    }
    Crate { folder, files, problems }
}

fn is_root(path: &str) -> bool {
    let bin =
        path.strip_prefix("src/bin/").is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"));
    matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs") || bin
}

struct Walker<'s, 'a> {
    sources: &'s BTreeMap<&'s str, &'a Source>,
    files: Vec<File<'a>>,
    seen: BTreeSet<String>,
}

impl Walker<'_, '_> {
    fn visit(&mut self, path: &str, root: &str, module: &[String], all_test: bool) {
        let Some(source) = self.sources.get(path).copied() else { return };
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        self.files.push(file(source, root, module, all_test));
        let mut children = Children { inline: Vec::new(), test_depth: 0, found: Vec::new() };
        children.visit_file(&source.syntax);
        for child in children.found {
            let mut below = module.to_vec();
            below.extend(child.names.iter().cloned());
            for candidate in candidates(path, root, &child) {
                self.visit(&candidate, root, &below, all_test || child.test);
            }
        }
    }
}

fn file<'a>(source: &'a Source, root: &str, module: &[String], all_test: bool) -> File<'a> {
    let mut ranges = TestLines(Vec::new());
    ranges.visit_file(&source.syntax);
    File { source, root: root.to_owned(), module: module.to_vec(), all_test, test_lines: ranges.0 }
}

/// A `mod name;` and the inline modules around it.
struct Child {
    names: Vec<String>,
    path: Option<String>,
    test: bool,
}

/// Where the compiler would look for it.
fn candidates(parent: &str, root: &str, child: &Child) -> Vec<String> {
    let (folder, name) = parent.rsplit_once('/').unwrap_or(("", parent));
    if let Some(path) = &child.path {
        return vec![format!("{folder}/{path}")];
    }
    let owns_folder = parent == root || name == "mod.rs";
    let base = if owns_folder { folder } else { parent.trim_end_matches(".rs") };
    let names = child.names.join("/");
    vec![format!("{base}/{names}.rs"), format!("{base}/{names}/mod.rs")]
}

struct Children {
    inline: Vec<String>,
    test_depth: usize,
    found: Vec<Child>,
}

impl<'ast> Visit<'ast> for Children {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let test = usize::from(is_test(&item.attrs));
        self.inline.push(item.ident.to_string());
        self.test_depth += test;
        if item.content.is_none() {
            let path = path_attribute(&item.attrs);
            self.found.push(Child { names: self.inline.clone(), path, test: self.test_depth > 0 });
        }
        visit::visit_item_mod(self, item);
        self.test_depth -= test;
        self.inline.pop();
    }
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    let value = attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => Some(&pair.value),
        _ => None,
    })?;
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

struct TestLines(Vec<RangeInclusive<usize>>);

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            let span = item.span();
            self.0.push(span.start().line..=span.end().line);
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if is_test(&item.attrs) {
            let span = item.span();
            self.0.push(span.start().line..=span.end().line);
        }
    }
}

/// Whether these attributes keep an item out of every build but the tests': `cfg(test)`, or any kind of
/// `#[test]`.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("cfg") {
            let syn::Meta::List(list) = &attribute.meta else { return false };
            let words = list.tokens.to_string();
            let mut words = words.split(|char: char| !char.is_alphanumeric() && char != '_');
            return words.clone().any(|word| word == "test") && !words.any(|word| word == "not");
        }
        attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
    })
}

/// The attributes of an item, whichever kind it is.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Source, crates};

    /// A crate at crates/api from paths and texts.
    pub(in crate::tidy) fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        files.iter().map(|(path, text)| Source::parse(&format!("crates/api/{path}"), text).unwrap()).collect()
    }

    #[test]
    fn files_find_their_modules() {
        let sources = sources(&[
            ("src/lib.rs", "mod a; mod b { mod c; } #[path = \"odd.rs\"] mod d;"),
            ("src/a.rs", "mod deep;\n#[cfg(test)]\nmod tests;"),
            ("src/a/deep.rs", ""),
            ("src/a/tests.rs", ""),
            ("src/b/c/mod.rs", ""),
            ("src/odd.rs", ""),
            ("src/orphan.rs", ""),
            ("tests/it.rs", ""),
        ]);
        let all = crates(&sources);
        let krate = &all[0];
        let of = |path: &str| krate.files.iter().find(|file| file.source.path.ends_with(path)).unwrap();
        assert_eq!(krate.folder, "crates/api");
        assert_eq!(of("a/deep.rs").module, ["a", "deep"]);
        assert_eq!(of("b/c/mod.rs").module, ["b", "c"]);
        assert_eq!(of("odd.rs").module, ["d"]);
        assert!(of("a/tests.rs").all_test && of("tests/it.rs").all_test && !of("src/a.rs").all_test);
        assert!(of("src/a.rs").is_test(3) && !of("src/a.rs").is_test(1));
        assert_eq!(krate.problems.len(), 1);
        assert!(krate.problems[0].path.ends_with("orphan.rs"));
    }
}
