//! Bodies on their way: an event that goes to many endpoints of one format has one body in memory, made once.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use posthouse_types::{Event, EventId, Wire};

/// Entries past which those that no attempt holds any more are looked for.
const SWEPT_FROM: usize = 1024;

/// The bodies that attempts in flight hold.
#[derive(Default)]
pub(crate) struct Bodies {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: HashMap<(EventId, Wire), Weak<Bytes>>,
    /// Entries after the last sweep: the next is due when there are twice as many.
    swept: usize,
}

impl Bodies {
    /// The body of an event in a format; shared for as long as someone holds it.
    pub(crate) fn of(&self, wire: Wire, event: &Event) -> Arc<Bytes> {
        // A payload is its own body, and shared already.
        if wire == Wire::Standard {
            return Arc::new(event.payload.clone());
        }
        let mut inner = self.inner.lock();
        if let Some(body) = inner.known.get(&(event.id, wire)).and_then(Weak::upgrade) {
            return body;
        }
        let body = Arc::new(crate::wire::body(wire, event));
        inner.known.insert((event.id, wire), Arc::downgrade(&body));
        if inner.known.len() >= SWEPT_FROM.max(2 * inner.swept) {
            inner.known.retain(|_, body| body.strong_count() > 0);
            inner.swept = inner.known.len();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use posthouse_types::{Environment, EventType, Space, TenantId, Timestamp};

    use super::*;

    fn event(number: u128) -> Event {
        Event {
            id: EventId::from_u128(number),
            external_id: None,
            space: Space { tenant: TenantId::from_u128(1), environment: Environment::Live },
            project: None,
            session: None,
            event_type: EventType::parse("a").unwrap(),
            payload: Bytes::from_static(b"{}"),
            ordering_key: None,
            occurred_at: None,
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_body_is_made_once_while_someone_holds_it() {
        let bodies = Bodies::default();
        let first = bodies.of(Wire::Casey, &event(1));
        let second = bodies.of(Wire::Casey, &event(1));
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert_ne!(first, bodies.of(Wire::Molroo, &event(1)), "each format has its own");
        assert_ne!(first, bodies.of(Wire::Casey, &event(2)), "each event too");
    }

    #[test]
    fn what_no_one_holds_is_forgotten() {
        let bodies = Bodies::default();
        let held: Vec<_> = (0..10).map(|number| bodies.of(Wire::Casey, &event(number))).collect();
        for number in 0..5_000 {
            drop(bodies.of(Wire::Casey, &event(number)));
        }
        assert!(bodies.inner.lock().known.len() <= SWEPT_FROM);
        assert_eq!(held[3].as_ptr(), bodies.of(Wire::Casey, &event(3)).as_ptr(), "what is held stays");
    }
}
