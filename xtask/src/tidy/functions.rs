//! No function over 70 lines, from `fn` to its closing brace. Tests are free; a table that is a `match` says
//! `#[expect(clippy::too_many_lines, reason = "…")]`.

use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, Item, ItemFn, Signature, TraitItemFn};

use super::Problem;
use super::modules::{File, attributes, is_test};

const LINES_MAX: usize = 70;
const WHY: &str = "split it: keep the branching in the parent, give the leaves plain values";

pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    if file.all_test {
        return Vec::new();
    }
    let mut measure = Measure { long: Vec::new() };
    measure.visit_file(&file.source.syntax);
    let problem = |long: Long| {
        let what = format!("fn {} has {} lines, more than {LINES_MAX}", long.name, long.lines);
        file.source.problem(long.line, what, WHY)
    };
    measure.long.into_iter().map(problem).collect()
}

struct Long {
    name: String,
    line: usize,
    lines: usize,
}

struct Measure {
    long: Vec<Long>,
}

impl Measure {
    fn measure(&mut self, attributes: &[Attribute], signature: &Signature, block: &Block) {
        let line = signature.fn_token.span.start().line;
        let lines = block.brace_token.span.close().end().line - line + 1;
        if lines > LINES_MAX && !is_exempt(attributes) {
            self.long.push(Long { name: signature.ident.to_string(), line, lines });
        }
    }
}

fn is_exempt(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("expect") => {
            list.tokens.to_string().contains("too_many_lines")
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Measure {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.attrs, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            self.measure(&item.attrs, &item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.attrs, &item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::modules::crates;
    use crate::tidy::modules::tests::sources;

    fn function(before: &str, lines: usize) -> String {
        format!("{before} fn f() {{\n{}}}", "\n".repeat(lines - 2))
    }

    fn count(text: &str) -> usize {
        let sources = sources(&[("src/lib.rs", text)]);
        crates(&sources).iter().flat_map(|krate| &krate.files).flat_map(check).count()
    }

    #[test]
    fn seventy_lines_are_the_limit() {
        assert_eq!(count(&function("", 70)), 0);
        assert_eq!(count(&function("", 71)), 1);
        assert_eq!(count(&format!("struct S; impl S {{ {} }}", function("", 71))), 1);
        assert_eq!(count(&format!("trait T {{ {} }}", function("", 71))), 1);
    }

    #[test]
    fn tests_and_what_says_so_are_exempt() {
        assert_eq!(count(&function("#[expect(clippy::too_many_lines, reason = \"a table\")]", 71)), 0);
        assert_eq!(count(&format!("#[cfg(test)] mod tests {{ {} }}", function("", 71))), 0);
    }
}
