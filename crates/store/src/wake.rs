//! Wake-up signals: in process for an embedded store, from the database's notifications for a shared one.

use tokio::sync::watch;

/// Three signals, each of which only says "look now". A receiver that subscribes before it looks can not
/// miss one.
#[derive(Debug)]
pub struct Wakes {
    due: watch::Sender<()>,
    events: watch::Sender<()>,
    config: watch::Sender<()>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self { due: watch::Sender::new(()), events: watch::Sender::new(()), config: watch::Sender::new(()) }
    }
}

impl Wakes {
    /// Deliveries may have become due sooner than the last claim said.
    pub fn due(&self) -> watch::Receiver<()> {
        self.due.subscribe()
    }

    /// Events were accepted.
    pub fn events(&self) -> watch::Receiver<()> {
        self.events.subscribe()
    }

    /// Endpoints, projects, event types or keys were changed by someone else.
    pub fn config(&self) -> watch::Receiver<()> {
        self.config.subscribe()
    }

    /// For stores: deliveries may be due.
    pub fn wake_due(&self) {
        self.due.send_replace(());
    }

    /// For stores: events were accepted.
    pub fn wake_events(&self) {
        self.events.send_replace(());
    }

    /// For stores: configuration changed.
    pub fn wake_config(&self) {
        self.config.send_replace(());
    }
}
