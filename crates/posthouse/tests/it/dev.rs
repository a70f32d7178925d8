//! `posthouse dev`, the inbound half: what it says happened, and the lines that it gives to copy.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::server::{posthouse, text};

/// A `posthouse dev` that goes on serving; killed when dropped.
struct Dev {
    child: Child,
    said: String,
}

impl Dev {
    /// Starts it and reads what it says until it serves.
    fn start(data: &Path) -> Self {
        let mut child = posthouse()
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said: Vec<String> =
            lines.map(Result::unwrap).take_while(|line| !line.starts_with("Serving until")).collect();
        Self { child, said: said.join("\n") }
    }

    /// The first line that begins like this.
    fn line(&self, start: &str) -> &str {
        let found = self.said.lines().find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("`{start}` is missing from:\n{}", self.said))
    }

    /// The lines to copy under a heading, up to the next.
    fn lines_to_copy(&self, heading: &str) -> String {
        let (_, rest) = self.said.split_once(heading).unwrap();
        let lines = rest.lines().skip(1).take_while(|line| line.is_empty() || line.starts_with("  "));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_webhook_is_seen_to_arrive_to_be_answered_and_to_be_told_of() {
    let data = tempfile::tempdir().unwrap();
    let first = Dev::start(data.path());
    let source = first.line("✓ source").to_owned();
    assert!(first.line("✓ accepted   pull_request.opened").contains("delivery 1, on disk, 202"));
    let public_id = source.rsplit('/').next().unwrap();
    assert_eq!(first.line("✓ session"), format!("✓ session    webhook:{public_id}:1"));
    assert!(first.line("✓ answered").contains("digest: pull_request.opened in octo-org/hello-world"));
    let delivered = "session.started, session.message, session.message, session.completed: to the inbox, signatures valid";
    assert_eq!(first.line("✓ delivered  session"), format!("✓ delivered  {delivered}"));
    assert!(!first.said.contains('✗'), "{}", first.said);
    drop(first);

    let second = Dev::start(data.path());
    let id = source.split_whitespace().nth(2).unwrap();
    assert!(
        second.line("✓ source").contains(id) && second.line("✓ source").contains(public_id),
        "found again"
    );
    assert!(second.line("✓ accepted   pull_request.opened").contains("delivery 2"));
}

#[test]
fn the_lines_to_copy_work_as_they_are() {
    let data = tempfile::tempdir().unwrap();
    let dev = Dev::start(data.path());
    let export = dev.line("export POSTHOUSE_URL");
    let copied = dev.lines_to_copy("\nIn: webhooks to agents");
    assert!(copied.contains("openssl dgst") && copied.contains(" trigger github "), "{copied}");
    // curl and openssl, which they call, come with nearly every system, but not with ours.
    let output = Command::new("bash").args(["-euc", &format!("{export}\n{copied}")]).output().unwrap();
    let (answers, complaints) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{answers}\n{complaints}");
    assert_eq!(answers.matches(r#""eventType":"issues.opened""#).count(), 2, "{answers}\n{complaints}");
    for expected in [r#""deliveryId":2"#, r#""deliveryId":3"#, r#""dedup_key""#, r#""role":"assistant""#] {
        assert!(answers.contains(expected), "{expected} is missing from:\n{answers}");
    }
}
