//! A child process that says on its standard output where it listens, as one line of JSON with `address`.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::oneshot;

use crate::error::{Context, Error, Result};

const EXIT_POLL: Duration = Duration::from_millis(2);

/// A child that listens; killed when dropped.
pub struct Listening {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// When it was started.
    pub spawned: Instant,
    /// How long it took to say that it is ready.
    pub ready_after: Duration,
}

#[derive(Deserialize)]
struct Ready {
    address: SocketAddr,
}

impl Listening {
    /// Starts the command and waits for its line. What it prints goes to `log`.
    pub async fn start(mut command: Command, log: &Path, patience: Duration) -> Result<Self> {
        let file = File::create(log).context(format!("create {}", log.display()))?;
        let errors = file.try_clone().context("share the log")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let spawned = Instant::now();
        let mut child = command.spawn().context(format!("start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("child without standard output")?;
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || read_output(BufReader::new(stdout), file, sender));
        let ready = tokio::time::timeout(patience, receiver).await;
        let Ok(Ok((address, at))) = ready else {
            let _gone = child.kill().and_then(|()| child.wait());
            let log = tail(log);
            return Err(Error::new(format!(
                "no ready line in {} s; the log ends:\n{log}",
                patience.as_secs()
            )));
        };
        Ok(Self { child, address, spawned, ready_after: at.duration_since(spawned) })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill the child")?;
        self.child.wait().context("wait for the child")?;
        Ok(())
    }

    /// SIGTERM, and waits until it has ended; says how long that took.
    pub async fn terminate(&mut self, patience: Duration) -> Result<(ExitStatus, Duration)> {
        let asked = Instant::now();
        // The standard library can only send SIGKILL.
        let sent = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        if !sent.context("send SIGTERM")?.success() {
            return Err(Error::new("SIGTERM could not be sent"));
        }
        while asked.elapsed() < patience {
            if let Some(status) = self.child.try_wait().context("wait for the child")? {
                return Ok((status, asked.elapsed()));
            }
            tokio::time::sleep(EXIT_POLL).await;
        }
        Err(Error::new(format!("still running {} s after SIGTERM", patience.as_secs())))
    }

    /// Fails when it has ended by itself.
    pub fn assert_running(&mut self) -> Result<()> {
        match self.child.try_wait().context("ask for the child")? {
            None => Ok(()),
            Some(status) => Err(Error::new(format!("the child ended by itself: {status}"))),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Fails when it is gone already, which is as well.
        let _gone = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Copies everything to the log and sends the first line that is the ready line.
fn read_output(output: impl BufRead, mut log: File, ready: oneshot::Sender<(SocketAddr, Instant)>) {
    let mut ready = Some(ready);
    for line in output.lines() {
        let Ok(line) = line else { return };
        if ready.is_some()
            && let Ok(Ready { address }) = serde_json::from_str(&line)
            && let Some(sender) = ready.take()
        {
            // Nobody waits any more when the patience is over.
            let _late = sender.send((address, Instant::now()));
        }
        let _full_disk = writeln!(log, "{line}");
    }
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::Listening;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn the_ready_line_is_found_among_others_and_the_child_ends() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = r#"echo hello; echo '{"address":"127.0.0.1:7","more":1}'; exec sleep 60"#;
        let mut child = Listening::start(shell(script), &log, Duration::from_secs(10)).await.unwrap();
        assert_eq!(child.address.port(), 7);
        child.assert_running().unwrap();
        child.terminate(Duration::from_secs(10)).await.unwrap();
        assert!(child.assert_running().is_err());
    }

    #[tokio::test]
    async fn a_child_that_fails_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let started = Listening::start(shell("echo broken >&2; exit 1"), &log, Duration::from_secs(10)).await;
        assert!(started.err().unwrap().to_string().contains("broken"));
    }
}
