//! Where lanes wait to be asked, so that a claim looks only at those that may have something for it.

use std::collections::HashMap;

use posthouse_store::ClaimDue;
use posthouse_types::{EndpointId, Timestamp};

use super::{Lane, Lanes};

/// Where a lane waits to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Seat {
    /// Nowhere.
    #[default]
    None,
    /// It may have something due.
    Ring,
    /// It has something due then.
    Timer(Timestamp),
    /// The claim before this one had no room for its endpoint.
    Parked,
}

impl Lanes {
    /// Takes a lane out of its seat. In the ring its turn is left to be passed over.
    pub(super) fn unseat(&mut self, endpoint: EndpointId) {
        let Some(lane) = self.by_endpoint.get_mut(&endpoint) else { return };
        match std::mem::take(&mut lane.seat) {
            Seat::None | Seat::Ring => {}
            Seat::Timer(timer) => drop(self.timers.remove(&(timer, endpoint))),
            Seat::Parked => drop(self.parked.remove(&endpoint)),
        }
    }

    /// Puts a lane aside until its endpoint has room.
    pub(super) fn park(&mut self, endpoint: EndpointId) {
        self.unseat(endpoint);
        if let Some(lane) = self.by_endpoint.get_mut(&endpoint) {
            lane.seat = Seat::Parked;
            self.parked.insert(endpoint);
        }
    }

    /// Asks those again that have room by now. Usually there is none, which is seen at a glance at each endpoint
    /// that is left out.
    pub(super) fn unpark(&mut self, ask: &ClaimDue) {
        let parked = &self.parked;
        if parked.is_empty() {
            return;
        }
        let left_out =
            ask.room.iter().filter(|(endpoint, room)| **room == 0 && parked.contains(*endpoint)).count();
        if left_out == parked.len() {
            return;
        }
        let back: Vec<_> = parked.iter().copied().filter(|endpoint| room(ask, *endpoint) > 0).collect();
        for endpoint in back {
            self.place(endpoint);
        }
    }

    /// The time of the first lane with room among the timers; those before it are put aside.
    pub(super) fn next_timer(&mut self, ask: &ClaimDue) -> Option<Timestamp> {
        while let Some((due, endpoint)) = self.timers.first().copied() {
            if room(ask, endpoint) > 0 {
                return Some(due);
            }
            self.park(endpoint);
        }
        None
    }

    /// Lanes whose time has come are asked in the next round.
    pub(super) fn ring_due(&mut self, now: Timestamp) {
        while let Some((due, endpoint)) = self.timers.first().copied().filter(|timer| timer.0 <= now) {
            self.timers.remove(&(due, endpoint));
            let lane = self.by_endpoint.get_mut(&endpoint).expect("a timer has a lane");
            lane.seat = Seat::Ring;
            self.ring.push_back(endpoint);
        }
    }

    /// The due time of what a full claim left in the ring: the first that is due will do.
    pub(super) fn ring_next(&self, ask: &ClaimDue) -> Option<Timestamp> {
        let mut least: Option<Timestamp> = None;
        for endpoint in &self.ring {
            let lane = self.by_endpoint.get(endpoint).filter(|_| !self.deleted.contains_key(endpoint));
            let due = lane.filter(|_| room(ask, *endpoint) > 0).and_then(Lane::next_due);
            least = [least, due].into_iter().flatten().min();
            if least.is_some_and(|least| least <= ask.now) {
                break;
            }
        }
        least
    }

    /// Puts a lane that has no turn in the ring where it belongs, or away when it is empty.
    pub(super) fn place(&mut self, endpoint: EndpointId) {
        self.unseat(endpoint);
        let Some(lane) = self.by_endpoint.get(&endpoint) else { return };
        if lane.window.is_empty() && lane.unloaded.is_none() {
            self.by_endpoint.remove(&endpoint);
        } else {
            self.queue(endpoint);
        }
    }

    /// Sees to it that a lane with work is in the ring or among the timers, unless it is parked.
    pub(super) fn queue(&mut self, endpoint: EndpointId) {
        if self.deleted.contains_key(&endpoint) {
            return;
        }
        let Some(lane) = self.by_endpoint.get_mut(&endpoint) else { return };
        let seat = match (lane.seat, lane.unloaded) {
            (Seat::Ring | Seat::Parked, _) => return,
            _ if !lane.window.is_empty() => Seat::Ring,
            (_, Some(bound)) => Seat::Timer(bound.0),
            (_, None) => Seat::None,
        };
        if seat == lane.seat {
            return;
        }
        if let Seat::Timer(old) = std::mem::replace(&mut lane.seat, seat) {
            self.timers.remove(&(old, endpoint));
        }
        match seat {
            Seat::Ring => self.ring.push_back(endpoint),
            Seat::Timer(timer) => drop(self.timers.insert((timer, endpoint))),
            Seat::None | Seat::Parked => {}
        }
    }
}

/// How many deliveries of an endpoint a claim takes.
pub(super) fn room(ask: &ClaimDue, endpoint: EndpointId) -> usize {
    let overrides: &HashMap<EndpointId, usize> = &ask.room;
    overrides.get(&endpoint).copied().unwrap_or(ask.per_endpoint)
}
