//! Wake-up signals: in process for an embedded store, from the database's notifications for a shared one.

use tokio::sync::watch;

/// Four signals, each of which only says "look now". A receiver that subscribes before it looks can not
/// miss one.
#[derive(Debug)]
pub struct Wakes {
    due: watch::Sender<()>,
    events: watch::Sender<()>,
    config: watch::Sender<()>,
    turns: watch::Sender<()>,
}

impl Default for Wakes {
    fn default() -> Self {
        let signal = || watch::Sender::new(());
        Self { due: signal(), events: signal(), config: signal(), turns: signal() }
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

    /// Endpoints, sources, agents, projects, event types or keys were changed by someone else.
    pub fn config(&self) -> watch::Receiver<()> {
        self.config.subscribe()
    }

    /// Turns of agents may have become due sooner than the last claim said.
    pub fn turns(&self) -> watch::Receiver<()> {
        self.turns.subscribe()
    }

    /// For stores: deliveries may be due.
    pub fn wake_due(&self) {
        self.due.send_replace(());
    }

    /// For stores: events were accepted.
    pub fn wake_events(&self) {
        self.events.send_replace(());
    }

    /// For stores: turns may be due.
    pub fn wake_turns(&self) {
        self.turns.send_replace(());
    }

    /// For stores: configuration changed.
    pub fn wake_config(&self) {
        self.config.send_replace(());
    }
}
