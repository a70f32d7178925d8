//! No file over 600 lines, tests included.

use super::Problem;
use super::source::Source;

const LINES_MAX: usize = 600;

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    sources.iter().filter_map(check_one).collect()
}

fn check_one(source: &Source) -> Option<Problem> {
    let code = &source.masked.code;
    // What follows the last line break is not a line.
    let lines = code.len() - usize::from(code.last().is_some_and(String::is_empty));
    let what = format!("{lines} lines, more than {LINES_MAX}");
    (lines > LINES_MAX).then(|| source.problem(LINES_MAX + 1, what, "a file with two jobs is two files"))
}

#[cfg(test)]
mod tests {
    use super::{Source, check};

    #[test]
    fn six_hundred_lines_are_the_limit() {
        let count = |lines: usize| check(&[Source::parse("x.rs", &"//\n".repeat(lines)).unwrap()]).len();
        assert_eq!(count(600), 0);
        assert_eq!(count(601), 1);
    }
}
