//! Which modules a file names: paths that begin with `crate`, `super` or `self`, in imports, in code and inside
//! macros. What only tests name is left out.

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemMod, ItemUse, Macro, Path, UseTree};

use super::modules::{File, attributes, is_test};

/// One module naming another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) from: Vec<String>,
    /// The whole path from the crate root, down to the item named.
    pub(super) to: Vec<String>,
    pub(super) line: usize,
}

pub(super) fn references(file: &File<'_>) -> Vec<Reference> {
    if file.all_test {
        return Vec::new();
    }
    let mut collector = Collector { module: file.module.clone(), found: Vec::new() };
    collector.visit_file(&file.source.syntax);
    collector.found
}

struct Collector {
    module: Vec<String>,
    found: Vec<Reference>,
}

impl Collector {
    fn record(&mut self, segments: &[String], line: usize) {
        let Some(to) = resolve(&self.module, segments) else { return };
        if !to.is_empty() {
            self.found.push(Reference { from: self.module.clone(), to, line });
        }
    }

    fn record_use(&mut self, prefix: &mut Vec<String>, tree: &UseTree, line: usize) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.record_use(prefix, &path.tree, line);
                prefix.pop();
            }
            UseTree::Name(name) => self.record_leaf(prefix, &name.ident.to_string(), line),
            UseTree::Rename(rename) => self.record_leaf(prefix, &rename.ident.to_string(), line),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.record_use(prefix, tree, line)),
            UseTree::Glob(_) => self.record(prefix, line),
        }
    }

    fn record_leaf(&mut self, prefix: &[String], name: &str, line: usize) {
        let mut segments = prefix.to_vec();
        // `use crate::a::{self, B}` names the module itself.
        if name != "self" || prefix.is_empty() {
            segments.push(name.to_owned());
        }
        self.record(&segments, line);
    }

    /// Macros are not parsed, so their tokens are searched for paths.
    fn record_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(group) => self.record_tokens(group.stream()),
                TokenTree::Ident(ident) if ident == "crate" || ident == "super" => {
                    let line = ident.span().start().line;
                    let segments = path_at(&tokens[at..]);
                    at += 3 * (segments.len() - 1);
                    self.record(&segments, line);
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// The identifiers joined by `::` that the tokens begin with; the first token is one.
fn path_at(tokens: &[TokenTree]) -> Vec<String> {
    let mut segments = vec![tokens[0].to_string()];
    let mut rest = &tokens[1..];
    while let [TokenTree::Punct(first), TokenTree::Punct(second), TokenTree::Ident(ident), after @ ..] = rest
    {
        if first.as_char() != ':' || second.as_char() != ':' {
            break;
        }
        segments.push(ident.to_string());
        rest = after;
    }
    segments
}

/// A path from the crate root, or nothing for a path into another crate or to something already imported.
fn resolve(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let ups = segments.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match segments.first()?.as_str() {
        "crate" => (&[][..], &segments[1..]),
        "self" => (module, &segments[1..]),
        "super" => (module.get(..module.len().checked_sub(ups)?)?, &segments[ups..]),
        _ => return None,
    };
    Some(base.iter().chain(rest).cloned().collect())
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.record_use(&mut Vec::new(), &item.tree, item.use_token.span.start().line);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // A lone `crate` or `super` is a visibility, and a lone `self` a receiver.
        if segments.len() > 1 {
            self.record(&segments, path.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.record_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::references;
    use crate::tidy::modules::crates;
    use crate::tidy::modules::tests::sources;

    #[test]
    fn imports_paths_and_macros_are_found_and_tests_are_not() {
        let text = "use crate::b::{self, C, d::*};
            use super::e::F;
            fn f() { crate::g::h(); format!(\"{}\", crate::i::j()); std::mem::take(x); self::k::l(); }
            pub(crate) mod inner { use super::m; use super::super::n::o; }
            #[cfg(test)] mod tests { use crate::hidden::X; }
            #[cfg(not(test))] use crate::p::q;";
        let sources = sources(&[("src/lib.rs", "mod a;"), ("src/a.rs", text)]);
        let all = crates(&sources);
        let file = all[0].files.iter().find(|file| file.module == ["a"]).unwrap();
        let found: Vec<String> = references(file).iter().map(|reference| reference.to.join("::")).collect();
        let expected = ["b", "b::C", "b::d", "e::F", "g::h", "i::j", "a::k::l", "a::m", "n::o", "p::q"]
            .map(str::to_owned);
        assert_eq!(found, expected);
    }
}
