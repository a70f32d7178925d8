//! What a connection is doing, and since when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Part of a request's head is here, and the rest is waited for.
    Head,
    /// A request is being read and answered.
    Answering,
    /// An answer has begun, and perhaps ended; nothing of a next request is here.
    Idle,
}

/// Written by the connection's two ends, read now and then: no timer is set for a request.
pub(super) struct Pulse {
    born: Instant,
    /// Milliseconds since `born`, times four, and the phase.
    state: AtomicU64,
    untouched: AtomicBool,
    watching: AtomicBool,
}

impl Pulse {
    /// A connection that owes the head of its first request.
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            state: AtomicU64::new(code(Phase::Head)),
            untouched: AtomicBool::new(true),
            watching: AtomicBool::new(false),
        }
    }

    /// Another phase begins.
    pub(super) fn now_is(&self, phase: Phase) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.state.store(millis << 2 | code(phase), Ordering::Relaxed);
        self.watching.store(false, Ordering::Relaxed);
    }

    /// Bytes have come: of a request being answered, or the first of a next one.
    pub(super) fn heard(&self) {
        if self.state.load(Ordering::Relaxed) & 3 == code(Phase::Idle) {
            self.now_is(Phase::Head);
        }
        if self.untouched.load(Ordering::Relaxed) {
            self.untouched.store(false, Ordering::Relaxed);
        }
    }

    /// The phase, and how long it has lasted.
    pub(super) fn phase(&self) -> (Phase, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let phase = match state & 3 {
            0 => Phase::Head,
            1 => Phase::Answering,
            _ => Phase::Idle,
        };
        (phase, self.born.elapsed().saturating_sub(Duration::from_millis(state >> 2)))
    }

    /// Until the phase changes, the wire watches whether the client is still there.
    pub(super) fn watch_for_end(&self) {
        self.watching.store(true, Ordering::Relaxed);
    }

    /// Whether it does so.
    pub(super) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// True when nothing has come so far.
    pub(super) fn is_untouched(&self) -> bool {
        self.untouched.load(Ordering::Relaxed)
    }
}

const fn code(phase: Phase) -> u64 {
    match phase {
        Phase::Head => 0,
        Phase::Answering => 1,
        Phase::Idle => 2,
    }
}
