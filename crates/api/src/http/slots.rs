//! How many live streams a key has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthouse_engine::{Error, ErrorKind};
use posthouse_types::KeyId;

/// When to try again: streams end when their readers do, which no one can foresee.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Open streams by key.
#[derive(Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<HashMap<KeyId, usize>>>);

/// The right to one open stream; dropped with it.
pub(crate) struct Slot {
    slots: Slots,
    key: KeyId,
}

impl Slots {
    /// One more stream of this key, unless it has `max` already.
    pub(crate) fn take(&self, key: KeyId, max: usize) -> Result<Slot, Error> {
        let mut open = self.lock();
        let count = open.get(&key).copied().unwrap_or_default();
        if count >= max {
            let detail = format!("too many open streams with this key: {max} are the limit; close one first");
            return Err(Error::new(ErrorKind::RateLimited { retry_after: RETRY_AFTER }, detail));
        }
        open.insert(key, count + 1);
        Ok(Slot { slots: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.slots.lock().entry(self.key) {
            if *open.get() > 1 {
                *open.get_mut() -= 1;
            } else {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_per_key_and_come_back() {
        let slots = Slots::default();
        let (one, two) = (KeyId::from_u128(1), KeyId::from_u128(2));
        let first = slots.take(one, 2).unwrap();
        let _second = slots.take(one, 2).unwrap();
        assert!(slots.take(one, 2).is_err());
        assert!(slots.take(two, 2).is_ok());
        drop(first);
        assert!(slots.take(one, 2).is_ok());
        assert_eq!(slots.lock().len(), 1, "keys without streams are forgotten");
    }
}
