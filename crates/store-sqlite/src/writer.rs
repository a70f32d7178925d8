//! The one thread that writes. It takes the first job that waits and all others behind it, runs them in one
//! transaction, syncs once, tells the lanes, answers everyone, and wakes those who wait for work.
//!
//! Jobs carry no savepoints, but for changes that build on each other: rules are checked before anything is written
//! ([`Fault::Refused`]), so that a job hardly ever fails half-way. When one does ([`Fault::Failed`]), the group is rolled back and its jobs
//! run again, each in a transaction of its own: only the one at fault fails.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use posthouse_store::{Result, StoreError, Wakes};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::Role;
use crate::checkpoint::Checkpointer;
use crate::fault::{Done, Fault, closed, io_error, store_error};
use crate::lanes::Lanes;
use crate::work::{Statements, Work};

/// Jobs in one transaction.
const GROUP_JOBS_MAX: usize = 1024;
/// Bytes in one transaction, as the jobs estimate them.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of jobs that wait or run. Beyond it the store is busy: memory stays bounded.
const QUEUED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Something to be written.
trait Job: Send {
    /// Does it. May be called again after a rollback.
    fn run(&mut self, work: &mut Work<'_>) -> Done<()>;
    /// Tells the caller how it ended.
    fn answer(self: Box<Self>, result: Result<()>);
    /// The estimate that it was queued with.
    fn bytes(&self) -> usize;
}

struct Task<T, F> {
    run: F,
    value: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    bytes: usize,
}

impl<T: Send, F: FnMut(&mut Work<'_>) -> Done<T> + Send> Job for Task<T, F> {
    fn run(&mut self, work: &mut Work<'_>) -> Done<()> {
        let value = match (self.run)(work) {
            Ok(value) => Ok(value),
            Err(Fault::Refused(error)) => Err(error),
            Err(failed @ Fault::Failed(_)) => return Err(failed),
        };
        self.value = Some(value);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<()>) {
        let value = match result {
            Ok(()) => self.value.expect("a job that ran has a value"),
            Err(error) => Err(error),
        };
        // The caller may have gone away; what was written stays.
        drop(self.reply.send(value));
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// What the writer shares with the rest of the store.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The queue in memory.
    pub(crate) lanes: Arc<Mutex<Lanes>>,
    /// Fired after commits.
    pub(crate) wakes: Arc<Wakes>,
}

/// The handle to the writer thread.
pub(crate) struct Writer {
    sender: Sender<Message>,
    queued_bytes: Arc<AtomicUsize>,
    groups: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection that is migrated.
    pub(crate) fn start(mut connection: Connection, dir: &Path, role: Role, shared: Shared) -> Result<Self> {
        let checkpointer =
            Checkpointer::start(&mut connection, dir, role).map_err(|error| store_error(&error))?;
        let (sender, receiver) = channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let groups = Arc::new(AtomicU64::new(0));
        let thread_side = Thread {
            connection,
            receiver,
            shared,
            queued_bytes: queued_bytes.clone(),
            groups: groups.clone(),
            checkpointer,
        };
        let thread = std::thread::Builder::new()
            .name("posthouse-writer".into())
            .spawn(move || thread_side.run())
            .map_err(|error| io_error("the writer thread can not be started", &error))?;
        Ok(Self { sender, queued_bytes, groups, thread: Mutex::new(Some(thread)) })
    }

    /// Has something written; answers after it is on disk. `run` refuses before it writes, or not at all, and
    /// may be called twice.
    pub(crate) async fn write<T, F>(&self, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Work<'_>) -> Done<T> + Send + 'static,
    {
        self.write_bytes(0, run).await
    }

    /// The same for jobs that carry much; [`StoreError::Busy`] when too much waits already.
    pub(crate) async fn write_bytes<T, F>(&self, bytes: usize, run: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Work<'_>) -> Done<T> + Send + 'static,
    {
        let waiting = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if bytes > 0 && waiting > QUEUED_BYTES_MAX {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError::Busy);
        }
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { run, value: None, reply, bytes });
        self.sender.send(Message::Job(job)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Has something written that nobody waits for. What the store closes before is not written.
    pub(crate) fn post<F>(&self, run: F)
    where
        F: FnMut(&mut Work<'_>) -> Done<()> + Send + 'static,
    {
        let (reply, _) = oneshot::channel();
        let job = Box::new(Task { run, value: None, reply, bytes: 0 });
        // A failed send means that the thread has stopped.
        drop(self.sender.send(Message::Job(job)));
    }

    /// Whether the thread is there to write.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.lock().as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Groups committed so far.
    pub(crate) fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    /// Finishes what is queued and stops the thread. Blocks.
    pub(crate) fn stop(&self) {
        // A failed send means that the thread has stopped already.
        drop(self.sender.send(Message::Close));
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread panicked");
        }
    }
}

struct Thread {
    connection: Connection,
    receiver: Receiver<Message>,
    shared: Shared,
    queued_bytes: Arc<AtomicUsize>,
    groups: Arc<AtomicU64>,
    checkpointer: Checkpointer,
}

impl Thread {
    fn run(self) {
        let statements = match Statements::prepare(&self.connection) {
            Ok(statements) => statements,
            Err(error) => {
                tracing::error!(%error, "the writer can not prepare its statements");
                return;
            }
        };
        let mut work = Work::new(&self.connection, statements, self.shared.lanes.clone());
        let mut group = Vec::new();
        let mut open = true;
        while open {
            let Ok(first) = self.receiver.recv() else { break };
            open = self.gather(first, &mut group);
            self.commit(&mut work, &mut group);
            self.checkpointer.after_commit(&self.connection);
        }
        drop(work);
        self.checkpointer.finish(&self.connection);
    }

    /// Takes what waits, up to the bounds of a group. False when the store closes.
    fn gather(&self, first: Message, group: &mut Vec<Box<dyn Job>>) -> bool {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Close => return false,
                Message::Job(job) => {
                    bytes += job.bytes();
                    group.push(job);
                }
            }
            let full = group.len() >= GROUP_JOBS_MAX || bytes >= GROUP_BYTES_MAX;
            next = if full { None } else { self.receiver.try_recv().ok() };
        }
        true
    }

    fn commit(&self, work: &mut Work<'_>, group: &mut Vec<Box<dyn Job>>) {
        match run_group(work, group) {
            Ok(()) => self.finish(work, group.drain(..), &Ok(())),
            Err(Trouble::Job(error)) if group.len() == 1 => self.finish(work, group.drain(..), &Err(error)),
            Err(Trouble::Job(_)) => {
                for mut job in group.drain(..) {
                    let result = run_group(work, std::slice::from_mut(&mut job));
                    self.finish(work, std::iter::once(job), &result.map_err(Trouble::into_error));
                }
            }
            Err(Trouble::Commit(error)) => self.finish(work, group.drain(..), &Err(error)),
        }
    }

    /// Tells everyone: first the lanes, so that whoever gets an answer finds them up to date.
    fn finish(&self, work: &mut Work<'_>, jobs: impl Iterator<Item = Box<dyn Job>>, result: &Result<()>) {
        if let Err(error) = result {
            tracing::error!(%error, "a write failed");
        } else {
            self.groups.fetch_add(1, Ordering::Relaxed);
        }
        let due = self.shared.lanes.lock().apply(&mut work.effects.lanes) || work.effects.wake_due;
        for job in jobs {
            self.queued_bytes.fetch_sub(job.bytes(), Ordering::Relaxed);
            job.answer(result.clone());
        }
        if due {
            self.shared.wakes.wake_due();
        }
        if work.effects.wake_events {
            self.shared.wakes.wake_events();
        }
        if work.effects.wake_turns {
            self.shared.wakes.wake_turns();
        }
        work.effects.clear();
    }
}

/// Why a group was rolled back.
enum Trouble {
    /// A job failed.
    Job(StoreError),
    /// The transaction itself could not be begun or committed.
    Commit(StoreError),
}

impl Trouble {
    fn into_error(self) -> StoreError {
        match self {
            Self::Job(error) | Self::Commit(error) => error,
        }
    }
}

fn run_group(work: &mut Work<'_>, group: &mut [Box<dyn Job>]) -> std::result::Result<(), Trouble> {
    if group.is_empty() {
        return Ok(());
    }
    work.begin().map_err(|error| Trouble::Commit(store_error(&error)))?;
    let ran =
        group.iter_mut().try_for_each(|job| job.run(work)).and_then(|()| work.tally.write(work.connection));
    if let Err(fault) = ran {
        work.roll_back();
        return Err(Trouble::Job(fault.into_error()));
    }
    work.commit().map_err(|error| {
        work.roll_back();
        Trouble::Commit(store_error(&error))
    })
}
