//! Which endpoints changed since the deliver service last looked: it takes over those, not all there are.

use std::collections::HashSet;

use parking_lot::Mutex;
use posthouse_types::EndpointId;
use tokio::sync::watch;

/// Endpoints that were made, changed or removed.
pub(crate) struct Changes {
    ids: Mutex<HashSet<EndpointId>>,
    wake: watch::Sender<()>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { ids: Mutex::default(), wake: watch::Sender::new(()) }
    }
}

impl Changes {
    /// These changed.
    pub(crate) fn mark(&self, ids: impl IntoIterator<Item = EndpointId>) {
        self.ids.lock().extend(ids);
        self.wake.send_replace(());
    }

    /// Those that changed since the last call.
    pub(crate) fn take(&self) -> HashSet<EndpointId> {
        std::mem::take(&mut *self.ids.lock())
    }

    /// Wakes whenever something changed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }
}
