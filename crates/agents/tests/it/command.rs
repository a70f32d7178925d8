//! Agents that are programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use posthouse_agents::{Command, Runners, RunnersError};
use posthouse_engine::{AgentReply, AgentRun, RunError};
use posthouse_types::Runner;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use crate::support::{options, reply, run, with_command};

/// A program that is a shell script; the shell is the program, not something around it.
fn script(text: &str) -> Command {
    serde_json::from_value(json!({ "program": "/bin/sh", "args": ["-c", text] })).unwrap()
}

fn command() -> AgentRun {
    run(Runner::Command { command: "triage".to_owned() })
}

async fn result(program: Command) -> Result<AgentReply, RunError> {
    reply(with_command(program), command(), &Arc::default()).await
}

#[tokio::test]
async fn the_message_goes_in_and_the_answer_comes_out() {
    let answer = result(script("echo got: $(cat)")).await.unwrap();
    assert_eq!(answer, AgentReply { content: "got: PR #7 was opened.".to_owned(), tokens: None });
}

#[tokio::test]
async fn large_messages_and_answers_do_not_block_each_other() {
    let mut run = command();
    run.message = "x".repeat(1024 * 1024);
    let mut program = script("cat");
    program.max_output_bytes = 1024 * 1024;
    let answer = reply(with_command(program), run, &Arc::default()).await.unwrap();
    assert_eq!(answer.content.len(), 64 * 1024, "cut to a message");
}

#[tokio::test]
async fn programs_need_not_read() {
    let mut run = command();
    run.message = "x".repeat(1024 * 1024);
    let answer = reply(with_command(script("echo Fine.")), run, &Arc::default()).await.unwrap();
    assert_eq!(answer.content, "Fine.");
}

#[tokio::test]
async fn the_environment_is_ours_to_give() {
    let mut program = script("/usr/bin/env");
    program.env.insert("TOKEN".to_owned(), crate::support::secret("tk"));
    let text = result(program).await.unwrap().content;
    let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // Set by the shell itself.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    let allowed = ["PATH", "HOME", "LANG", "TOKEN", "POSTHOUSE_SESSION", "POSTHOUSE_AGENT"];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
    for line in ["TOKEN=tk", "POSTHOUSE_SESSION=webhook:github:7", "POSTHOUSE_AGENT=Triage"] {
        assert!(text.lines().any(|given| given == line), "{line} in {text}");
    }
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there was something to inherit");
}

#[tokio::test]
async fn failures_say_why_and_whether_to_try_again() {
    let text = |error: RunError| match error {
        RunError::Temporary(text) => format!("temporary: {text}"),
        RunError::Permanent(text) => format!("permanent: {text}"),
    };
    for (program, expected) in [
        ("echo Broken. >&2; exit 3", "permanent: the command ended with exit code 3: Broken."),
        ("echo Busy. >&2; exit 75", "temporary: the command ended with exit code 75: Busy."),
        ("exit 1", "permanent: the command ended with exit code 1"),
        ("kill -9 $$", "permanent: the command was killed by a signal"),
    ] {
        assert_eq!(text(result(script(program)).await.unwrap_err()), expected);
    }
    let noisy = "i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1";
    let error = text(result(script(noisy)).await.unwrap_err());
    assert!(error.chars().count() < 400, "{error}");
}

#[tokio::test]
async fn too_much_output_ends_it() {
    let mut program = script("while :; do echo more; done");
    program.max_output_bytes = 1000;
    let error = result(program).await.unwrap_err();
    assert_eq!(error, RunError::Permanent("the command wrote more than 1000 bytes".to_owned()));

    let mut run = command();
    run.message = "x".repeat(1024 * 1024);
    let mut program = script("while :; do echo more; done");
    program.max_output_bytes = 1000;
    let error = reply(with_command(program), run, &Arc::default()).await.unwrap_err();
    assert!(matches!(error, RunError::Permanent(_)), "although it reads nothing: {error:?}");

    let mut program = script("printf 1234");
    program.max_output_bytes = 4;
    assert_eq!(result(program).await.unwrap().content, "1234", "as much as is allowed is not too much");
}

/// A pipe with a name, which ends when the last process that writes to it is gone.
fn named_pipe(folder: &Path) -> (String, pipe::Receiver) {
    let path = folder.join("alive");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let receiver = pipe::OpenOptions::new().open_receiver(&path).unwrap();
    (path.to_str().unwrap().to_owned(), receiver)
}

#[tokio::test]
async fn dropping_a_run_kills_the_program_and_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut alive) = named_pipe(folder.path());
    // Both hold the pipe open, and neither ends by itself.
    let text = format!("exec 3>'{path}'; echo started >&3; sh -c 'while :; do sleep 1000; done' & wait");
    let runners = Runners::new(with_command(script(&text))).unwrap();
    let run = tokio::spawn(async move {
        posthouse_engine::AgentRunner::run(&runners, command(), Arc::new(crate::support::Tools::default()))
            .await
    });
    let mut started = [0; 8];
    alive.readable().await.unwrap();
    alive.read_exact(&mut started).await.unwrap();
    assert_eq!(&started, b"started\n");
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let mut rest = Vec::new();
    alive.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "the pipe ends when all who hold it are gone");
}

#[tokio::test]
async fn time_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut alive) = named_pipe(folder.path());
    let mut program = script(&format!("exec 3>'{path}'; echo started >&3; while :; do sleep 1000; done"));
    program.max_seconds = 1;
    let error = result(program).await.unwrap_err();
    assert_eq!(error, RunError::Permanent("the command did not end within 1 s".to_owned()));
    let mut all = Vec::new();
    alive.read_to_end(&mut all).await.unwrap();
}

#[tokio::test]
async fn only_what_is_allowed_is_run() {
    let error = reply(options(), command(), &Arc::default()).await.unwrap_err();
    let expected = "the server's configuration allows no command `triage`";
    assert_eq!(error, RunError::Permanent(expected.to_owned()));

    let folder = tempfile::tempdir().unwrap();
    let (missing, plain) = (folder.path().join("missing"), folder.path().join("plain"));
    fs::write(&plain, "x").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o600)).unwrap();
    for (program, expected) in [
        (&missing, "the command could not be started: entity not found"),
        (&plain, "the command could not be started: permission denied"),
    ] {
        let program: Command = serde_json::from_value(json!({ "program": program })).unwrap();
        assert_eq!(result(program).await.unwrap_err(), RunError::Permanent(expected.to_owned()));
    }
}

#[test]
fn relative_programs_are_refused() {
    let program: Command = serde_json::from_value(json!({ "program": "sh" })).unwrap();
    let error = Runners::new(with_command(program)).err();
    assert!(matches!(error, Some(RunnersError::Command { name, .. }) if name == "triage"));
}
