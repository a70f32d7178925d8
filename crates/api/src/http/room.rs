//! Memory that many requests share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is counted at once: finer would gain nothing.
const STEP_BYTES: usize = 1024;

/// So many bytes, for all who take of them.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Of this size, rounded up.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(STEP_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// Nothing of it yet.
    pub(crate) fn share(&self) -> Share {
        Share { room: Arc::clone(&self.0), taken: None, bytes: 0 }
    }
}

/// What one request has taken; it gives it back when dropped.
pub(crate) struct Share {
    room: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// Takes more; false when there is not as much left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = self.bytes.div_ceil(STEP_BYTES).saturating_sub(taken);
        if missing == 0 {
            return true;
        }
        let Ok(missing) = u32::try_from(missing) else { return false };
        let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(missing) else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_missing_until_it_is_given_back() {
        let room = Room::new(4 * STEP_BYTES);
        let mut first = room.share();
        assert!(first.grow(0) && first.grow(1) && first.grow(STEP_BYTES), "two steps");
        let mut second = room.share();
        assert!(second.grow(2 * STEP_BYTES), "the other two");
        assert!(first.grow(STEP_BYTES - 1), "it has these already");
        assert!(!first.grow(1) && !room.share().grow(1), "nothing is left");
        assert!(room.share().grow(0), "nothing is always there");
        drop(second);
        assert!(room.share().grow(2 * STEP_BYTES));
        assert!(!room.share().grow(usize::MAX));
    }
}
