//! The live stream: events of a space as they are accepted, resumable.

use std::sync::Arc;

use posthouse_types::{Capability, Event, EventId, EventRef};
use tokio::sync::watch;

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};

/// Events read from the store at a time.
const SLICE: usize = 100;

/// A reader of a space's events, in the order of acceptance. It reads the store, so it misses nothing; a
/// wake-up only says "look now".
pub struct EventStream {
    engine: Arc<Engine>,
    caller: Caller,
    after: EventId,
    wake: watch::Receiver<()>,
}

impl Engine {
    /// Follows the caller's events from after the one named, or from now on.
    pub async fn stream(self: &Arc<Self>, caller: &Caller, after: Option<EventRef>) -> Result<EventStream> {
        caller.need(Capability::Read)?;
        let wake = self.store.wakes().events();
        let after = match after {
            Some(last) => {
                let event = self.store.event(caller.space, &last).await?;
                event
                    .filter(|event| caller.sees(event.project))
                    .ok_or_else(|| Error::not_found("event", &last))?
                    .id
            }
            None => self.store.last_event(caller.space).await?.unwrap_or(EventId::MIN),
        };
        Ok(EventStream { engine: Arc::clone(self), caller: caller.clone(), after, wake })
    }
}

impl EventStream {
    /// Refuses to go on once the key that opened the stream is gone.
    pub async fn still_allowed(&self) -> Result<()> {
        if self.engine.still_known(&self.caller).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unauthenticated, "the API key is not valid any more"))
    }

    /// The next events, at least one; waits until there are some.
    pub async fn next(&mut self) -> Result<Vec<Event>> {
        loop {
            self.wake.mark_unchanged();
            let events = self.engine.store.events_after(self.caller.space, self.after, SLICE).await?;
            // Asked once they are read: what was accepted after the caller's right had ended is never shown.
            self.still_allowed().await?;
            if let Some(last) = events.last() {
                self.after = last.id;
                let seen: Vec<Event> = events.into_iter().filter(|e| self.caller.sees(e.project)).collect();
                if !seen.is_empty() {
                    return Ok(seen);
                }
            } else if self.wake.changed().await.is_err() {
                // The store is closing: nothing will ever come.
                std::future::pending::<()>().await;
            }
        }
    }
}
