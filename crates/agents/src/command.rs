//! Agents that are programs of the operator.

use std::collections::BTreeMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use posthouse_engine::{AgentReply, AgentRun, RunError};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use crate::options::Command;
use crate::text::one_line;

/// What a program gets of our own environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];
/// Bytes kept of the end of what a program says on its standard error.
const STDERR_BYTES_MAX: usize = 1024;
/// Characters of it in an error.
const STDERR_CHARS_MAX: usize = 300;
/// The exit code of a failure that will pass: `EX_TEMPFAIL` of BSD's sysexits.h.
const EXIT_TEMPORARY: i32 = 75;

/// The programs that may be run.
pub(crate) struct Commands {
    by_name: BTreeMap<String, Command>,
}

impl Commands {
    pub(crate) fn new(by_name: BTreeMap<String, Command>) -> Self {
        Self { by_name }
    }

    /// Runs one: the message is its standard input, the answer its standard output.
    pub(crate) async fn run(&self, name: &str, run: &AgentRun) -> Result<AgentReply, RunError> {
        let Some(command) = self.by_name.get(name) else {
            return Err(RunError::Permanent(format!(
                "the server's configuration allows no command `{}`",
                one_line(name, 128)
            )));
        };
        let seconds = command.max_seconds.min(run.agent.limits.seconds);
        let output = async { Program::start(command, run)?.finish(&run.message, command).await };
        match tokio::time::timeout(Duration::from_secs(seconds.into()), output).await {
            Ok(content) => Ok(AgentReply { content: content?, tokens: None }),
            Err(_) => Err(RunError::Permanent(format!("the command did not end within {seconds} s"))),
        }
    }
}

/// A program that runs. Dropping it kills the program and what that started.
struct Program {
    child: Child,
    group: Option<Pid>,
}

impl Program {
    fn start(command: &Command, run: &AgentRun) -> Result<Self, RunError> {
        let inherited = INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = tokio::process::Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(inherited)
            .envs(command.env.iter().map(|(name, value)| (name, value.expose())))
            .env("POSTHOUSE_SESSION", run.session.as_str())
            .env("POSTHOUSE_AGENT", run.agent.name.as_str())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(&error))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    async fn finish(mut self, message: &str, command: &Command) -> Result<String, RunError> {
        let lost = || RunError::Temporary("the command's pipes could not be read".to_owned());
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else { return Err(lost()) };
        // All at once: a program may write before it has read everything, and too much of it ends the others.
        let ((), output, complaint) =
            tokio::try_join!(write(stdin, message), read_output(stdout, command.max_output_bytes), async {
                read_end(stderr).await.map_err(|_| lost())
            },)?;
        let status = self.child.wait().await.map_err(|_| lost())?;
        // It is gone, and its id may soon be another's.
        self.group = None;
        if status.success() { Ok(output) } else { Err(failed(status, &complaint)) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Not waited for yet, so the id is still its own. What it started is in its group, unless it took care not
        // to be.
        if let Some(group) = self.group {
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// A program need not read what it is told, so this never fails.
async fn write(mut stdin: ChildStdin, message: &str) -> Result<(), RunError> {
    stdin.write_all(message.as_bytes()).await.ok();
    Ok(())
}

async fn read_output(stdout: impl AsyncRead + Unpin, bytes_max: u32) -> Result<String, RunError> {
    let mut output = Vec::new();
    let read = stdout.take(u64::from(bytes_max) + 1).read_to_end(&mut output).await;
    read.map_err(|_| RunError::Temporary("the command's output could not be read".to_owned()))?;
    if output.len() as u64 > u64::from(bytes_max) {
        return Err(RunError::Permanent(format!("the command wrote more than {bytes_max} bytes")));
    }
    let text = String::from_utf8_lossy(&output);
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Reads everything and keeps the end of it, where the reason mostly stands.
async fn read_end(mut stderr: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut end = Vec::new();
    let mut chunk = [0; STDERR_BYTES_MAX];
    loop {
        let read = stderr.read(&mut chunk).await?;
        if read == 0 {
            return Ok(end);
        }
        end.extend_from_slice(&chunk[..read]);
        end.drain(..end.len().saturating_sub(STDERR_BYTES_MAX));
    }
}

fn not_started(error: &io::Error) -> RunError {
    let text = format!("the command could not be started: {}", error.kind());
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => {
            RunError::Permanent(text)
        }
        _ => RunError::Temporary(text),
    }
}

fn failed(status: ExitStatus, complaint: &[u8]) -> RunError {
    let mut text = match status.code() {
        Some(code) => format!("the command ended with exit code {code}"),
        None => "the command was killed by a signal".to_owned(),
    };
    let complaint = one_line(&String::from_utf8_lossy(complaint), STDERR_CHARS_MAX);
    if !complaint.is_empty() {
        text = format!("{text}: {complaint}");
    }
    if status.code() == Some(EXIT_TEMPORARY) { RunError::Temporary(text) } else { RunError::Permanent(text) }
}
