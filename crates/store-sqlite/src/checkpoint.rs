//! Moving the write-ahead log into the database, beside the commits instead of within them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::{Role, connect};

/// Growth of the log, in pages of 4 KiB, after which it is moved: 48 MiB. Seldom, because commits that meet a
/// checkpoint wait for the same disk; and pages that change again and again are then moved once.
const PAGES_STEP: u64 = 12_288;
/// The log is this long and still not reset, because commits never pause: 96 MiB. Once the thread has left no more than
/// a little, the writer moves that itself, so that the next commit begins at the log's start.
const PAGES_PAUSE: u64 = 24_576;
/// A little, 4 MiB: what the writer's callers wait for.
const PAGES_LITTLE: u64 = 1_024;
/// Readers have kept the log from being reset: 256 MiB. The writer waits for them, briefly.
const PAGES_WAIT: u64 = 65_536;
const WAIT_FOR_READERS: Duration = Duration::from_millis(200);
const WAIT_USUALLY: Duration = Duration::from_secs(10);

/// The thread that checkpoints, seen from the writer.
pub(crate) struct Checkpointer {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU64>,
    /// Pages in the log when a checkpoint was last begun: what came after is left when it is done.
    asked_at: AtomicU64,
    /// It was the thread that was asked for it.
    asked: AtomicBool,
    busy: Arc<AtomicBool>,
    role: Role,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread and has the writer's connection report the length of the log.
    pub(crate) fn start(writer: &mut Connection, dir: &Path, role: Role) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicU64::new(0));
        let reported = pages.clone();
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: i32| {
            reported.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = connect::writer(dir)?;
        let (ask, asked) = sync_channel(1);
        let busy = Arc::new(AtomicBool::new(false));
        let thread = {
            let busy = busy.clone();
            std::thread::Builder::new()
                .name("posthouse-checkpoint".into())
                .spawn(move || run(&connection, &asked, &busy))
                .ok()
        };
        Ok(Self {
            pages,
            asked_at: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            busy,
            role,
            ask: Some(ask),
            thread,
        })
    }

    /// Called by the writer after each commit.
    pub(crate) fn after_commit(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked_at.load(Ordering::Relaxed) {
            self.asked_at.store(0, Ordering::Relaxed);
            self.asked.store(false, Ordering::Relaxed);
        }
        let left = pages - self.asked_at.load(Ordering::Relaxed);
        let finishes = pages >= PAGES_PAUSE && self.asked.load(Ordering::Relaxed);
        if self.busy.load(Ordering::Acquire) || !(left >= PAGES_STEP || finishes) {
            return;
        }
        self.asked_at.store(pages, Ordering::Relaxed);
        self.asked.store(false, Ordering::Relaxed);
        if pages >= PAGES_WAIT && left >= PAGES_STEP {
            let waited = writer
                .busy_timeout(WAIT_FOR_READERS)
                .and_then(|()| checkpoint(writer, "RESTART"))
                .and_then(|()| writer.busy_timeout(WAIT_USUALLY));
            report(waited);
        } else if finishes && left <= PAGES_LITTLE {
            report(checkpoint(writer, "PASSIVE"));
        } else if let Some(ask) = &self.ask {
            // Said before it is asked: the thread may be done before `try_send` returns. The channel has room,
            // since the thread is not busy; when the thread is gone, the writer alone checkpoints.
            self.busy.store(true, Ordering::Release);
            self.asked.store(true, Ordering::Relaxed);
            if ask.try_send(()).is_err() {
                self.busy.store(false, Ordering::Release);
            }
        }
    }

    /// Stops the thread. A server leaves an empty log behind; a command may be beside one, and leaves it alone.
    pub(crate) fn finish(mut self, writer: &Connection) {
        drop(self.ask.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
        if self.role == Role::Server {
            report(writer.busy_timeout(WAIT_FOR_READERS).and_then(|()| checkpoint(writer, "TRUNCATE")));
        }
    }
}

fn run(connection: &Connection, asked: &Receiver<()>, busy: &AtomicBool) {
    while asked.recv().is_ok() {
        report(checkpoint(connection, "PASSIVE"));
        busy.store(false, Ordering::Release);
    }
}

fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}

/// A checkpoint that fails loses nothing: the log stays and the next one tries again.
fn report(result: rusqlite::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "a checkpoint failed");
    }
}
