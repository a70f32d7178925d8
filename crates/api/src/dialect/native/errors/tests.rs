//! The documentation is made from the rows. What kinds look like is tested with the other dialects'.

use std::fs;
use std::path::Path;

use super::*;
use crate::dialect::tests::every_kind;

/// `docs/errors.md`, as it should be.
fn document() -> String {
    let mut text = "# Errors of the native API\n\nEvery error is `application/problem+json` (RFC 9457) with \
        `type`, `title`, `status`, `detail`, `instance` and `errors`. The `type` is stable and leads to the same text \
        on the server. This page is made from the table in `crates/api/src/dialect/native/errors.rs`; run \
        `UPDATE_DOCS=1 cargo test -p posthouse-api` after changing it.\n"
        .to_owned();
    for row in ROWS {
        let Row { status, slug, title, help } = row;
        let code = status.as_u16();
        text.push_str(&["\n## ", title, "\n\n`/errors/", slug, "`, HTTP status "].concat());
        text.push_str(&[code.to_string().as_str(), ".\n\n", help, "\n"].concat());
    }
    text
}

#[test]
fn the_documentation_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, document()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), document(), "run with UPDATE_DOCS=1");
}

#[test]
fn every_row_is_used_and_has_a_page() {
    for row in ROWS {
        assert!(every_kind().iter().any(|kind| super::row(kind).slug == row.slug), "{}", row.slug);
        assert!(page(row.slug).unwrap().contains(row.title));
    }
    assert_eq!(page("no-such"), None);
}
