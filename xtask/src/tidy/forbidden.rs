//! Words that may not appear, and where. Strings do not count, and comments only where a rule is about them.

use super::Problem;
use super::modules::File;

/// One forbidden word in code.
struct Rule {
    word: &'static str,
    place: Place,
    why: &'static str,
}

/// Where a word is forbidden.
enum Place {
    Everywhere,
    Tests,
    /// In files under this folder.
    Under(&'static str),
    /// In the product code of the crates that are handed their clock, randomness and configuration.
    Pure,
}

const PURE: &[&str] = &["crates/types/src/", "crates/sign/src/", "crates/store/src/", "crates/engine/src/"];

/// The file in which a pure crate may hold the one door to the real clock.
const CLOCK: &str = "clock.rs";

const EXPECT: &str = "use #[expect(lint, reason = \"…\")], which complains when it is no longer needed";
const UNFINISHED: &str = "finish it, or leave it out";
const WAIT: &str = "wait for what you expect, or move the testkit's clock; a slow receiver is the testkit's";
const HANDED_IN: &str = "take it from the handle the caller gives, so that tests decide what it says";

const RULES: &[Rule] = &[
    Rule { word: "#[allow(", place: Place::Everywhere, why: EXPECT },
    Rule { word: "#![allow(", place: Place::Everywhere, why: EXPECT },
    Rule { word: "todo!(", place: Place::Everywhere, why: UNFINISHED },
    Rule { word: "unimplemented!(", place: Place::Everywhere, why: UNFINISHED },
    Rule { word: "#[ignore", place: Place::Everywhere, why: "a test that never runs proves nothing" },
    Rule { word: "thread::sleep", place: Place::Tests, why: WAIT },
    Rule { word: "time::sleep", place: Place::Tests, why: WAIT },
    Rule {
        word: "posthouse_store",
        place: Place::Under("crates/api/src/"),
        why: "the API knows the engine, never a store",
    },
    Rule { word: "SystemTime::now", place: Place::Pure, why: HANDED_IN },
    Rule { word: "Instant::now", place: Place::Pure, why: HANDED_IN },
    Rule { word: "env::var", place: Place::Pure, why: HANDED_IN },
];

pub(super) fn check(file: &File<'_>) -> Vec<Problem> {
    let masked = &file.source.masked;
    let mut problems = Vec::new();
    for (number, code) in (1..).zip(&masked.code) {
        for rule in RULES.iter().filter(|rule| code.contains(rule.word) && applies(&rule.place, file, number))
        {
            problems.push(file.source.problem(number, format!("`{}`", rule.word), rule.why));
        }
    }
    for (number, _) in (1..).zip(&masked.comments).filter(|(_, comment)| comment.contains(NOTE)) {
        problems.push(file.source.problem(number, format!("`{NOTE}`"), UNFINISHED));
    }
    problems
}

const NOTE: &str = "FIXME";

fn applies(place: &Place, file: &File<'_>, line: usize) -> bool {
    let path = file.source.path.as_str();
    match place {
        Place::Everywhere => true,
        Place::Tests => file.is_test(line),
        Place::Under(folder) => path.starts_with(folder),
        Place::Pure => {
            let is_clock = path.rsplit('/').next() == Some(CLOCK);
            PURE.iter().any(|folder| path.starts_with(folder)) && !is_clock && !file.is_test(line)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::modules::crates;
    use crate::tidy::source::Source;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let sources = [Source::parse(path, text).unwrap()];
        let crates = crates(&sources);
        let problems = crates.iter().flat_map(|krate| &krate.files).flat_map(check);
        problems.map(|problem| (problem.line, problem.what)).collect()
    }

    #[test]
    fn code_is_searched_and_strings_are_not() {
        let text = "//! todo!( in prose is prose\nfn f() { g(\"todo!(\"); }\n#[allow(dead_code)]\nfn h() { todo!() }";
        assert_eq!(
            found("crates/x/src/lib.rs", text),
            [(3, "`#[allow(`".to_owned()), (4, "`todo!(`".to_owned())]
        );
        assert_eq!(found("crates/x/src/lib.rs", "fn f() {} // FIXME: later").len(), 1);
    }

    #[test]
    fn tests_do_not_sleep() {
        let text = "async fn f() { tokio::time::sleep(d).await }\n#[cfg(test)]\nmod tests {\n  fn g() { std::thread::sleep(d) }\n}";
        assert_eq!(found("crates/x/src/lib.rs", text), [(4, "`thread::sleep`".to_owned())]);
        assert_eq!(found("crates/x/tests/it.rs", "use tokio::time::sleep;").len(), 1);
    }

    #[test]
    fn pure_crates_are_handed_the_time() {
        let text =
            "fn f() { std::time::Instant::now(); }\n#[cfg(test)]\nmod tests { fn g() { Instant::now(); } }";
        assert_eq!(found("crates/engine/src/lib.rs", text).len(), 1);
        assert_eq!(found("crates/posthouse/src/main.rs", text).len(), 0);
    }

    #[test]
    fn the_api_knows_no_store() {
        let text = "use posthouse_store::Store;";
        assert_eq!(found("crates/api/src/lib.rs", text).len(), 1);
        assert_eq!(found("crates/api/tests/it.rs", text).len(), 0);
    }
}
