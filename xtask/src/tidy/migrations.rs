//! Migrations are numbered without gaps, and every store has the same ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Problem;
use crate::error::{Error, Result};

const WHY: &str = "files are NNNN_slug.sql, numbered from 0001, the same in every store";

/// The file names in each store's folder of migrations, by folder.
pub(super) type Migrations = BTreeMap<String, Vec<String>>;

pub(super) fn read(root: &Path) -> Result<Migrations> {
    let mut stores = Migrations::new();
    for name in names(&root.join("crates"))?.iter().filter(|name| name.starts_with("store-")) {
        let folder = format!("crates/{name}/migrations");
        let path = root.join(&folder);
        if path.is_dir() {
            stores.insert(folder, names(&path)?);
        }
    }
    Ok(stores)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::file(folder))?;
    let names: std::io::Result<Vec<String>> =
        entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned())).collect();
    let mut names = names.map_err(Error::file(folder))?;
    names.sort();
    Ok(names)
}

pub(super) fn check(stores: &Migrations) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (folder, files) in stores {
        let mut report = |file: &str, what| {
            problems.push(Problem { path: format!("{folder}/{file}"), line: 1, what, why: WHY });
        };
        for (wanted, file) in (1_u32..).zip(files) {
            match number(file) {
                Some(number) if number == wanted => {}
                Some(_) => report(file, format!("should have the number {wanted:04}")),
                None => report(file, "is not named as a migration".to_owned()),
            }
        }
        for (other, theirs) in stores.iter().filter(|(other, _)| *other != folder) {
            for file in theirs.iter().filter(|file| !files.contains(file)) {
                report(file, format!("is missing, but {other} has it"));
            }
        }
    }
    problems
}

fn number(file: &str) -> Option<u32> {
    let (digits, slug) = file.strip_suffix(".sql")?.split_once('_')?;
    let well_formed = digits.len() == 4 && !slug.is_empty();
    if well_formed { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Migrations, check};

    fn problems(stores: &[(&str, &[&str])]) -> Vec<String> {
        let own = |(folder, files): &(&str, &[&str])| {
            ((*folder).to_owned(), files.iter().map(|file| (*file).to_owned()).collect())
        };
        let stores: Migrations = stores.iter().map(own).collect();
        check(&stores).into_iter().map(|problem| format!("{} {}", problem.path, problem.what)).collect()
    }

    #[test]
    fn equal_lists_without_gaps_pass() {
        let files: &[&str] = &["0001_init.sql", "0002_more.sql"];
        assert_eq!(problems(&[("a", files), ("b", files)]), Vec::<String>::new());
    }

    #[test]
    fn gaps_doubles_and_differences_do_not() {
        assert_eq!(problems(&[("a", &["0002_init.sql"])]), ["a/0002_init.sql should have the number 0001"]);
        assert_eq!(
            problems(&[("a", &["0001_x.sql", "0001_y.sql"])]),
            ["a/0001_y.sql should have the number 0002"]
        );
        assert_eq!(problems(&[("a", &["1.sql"])]), ["a/1.sql is not named as a migration"]);
        assert_eq!(
            problems(&[("a", &["0001_x.sql"]), ("b", &[])]),
            ["b/0001_x.sql is missing, but a has it"]
        );
    }
}
