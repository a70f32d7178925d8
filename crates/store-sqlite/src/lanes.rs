//! The queue in memory: one lane for each endpoint with pending deliveries.
//!
//! One process owns the file, so that a delivery is claimed by being taken out of a lane, without a write.
//! A lane holds a bounded *window* of due deliveries with their events. The rest is in the database only;
//! of it the lane knows a lower bound, `unloaded`: no pending delivery outside memory comes before that
//! (due time, id). When the bound is due, the lane is refilled from there (`refill.rs`).
//!
//! The writer tells of every commit by [`Lanes::apply`], after it. A refill reads from a snapshot while
//! commits go on; what they change meanwhile is remembered (`touched`, `unloaded_since`) and wins.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use posthouse_store::{Claim, ClaimDue, Claimed};
use posthouse_types::{DeliveryId, EndpointId, Timestamp};

use crate::ids::{IdMap, IdSet};

mod seats;
#[cfg(test)]
mod tests;

use seats::{Seat, room};

/// The order of deliveries within a lane.
pub(crate) type Key = (Timestamp, DeliveryId);

/// How much due work is held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Deliveries in the window of one endpoint.
    pub lane_entries: usize,
    /// Deliveries in all windows.
    pub entries: usize,
    /// Bytes of payload in all windows.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lane_entries: 1024, entries: 16_384, bytes: 32 * 1024 * 1024 }
    }
}

/// Deliveries read ahead for one lane at a time.
const REFILL_ROWS: usize = 256;
/// Deliveries read ahead in one batch of refills: about ten milliseconds of reading.
const REFILL_BATCH_ROWS: usize = 1024;
/// Lanes refilled at a time.
const REFILL_LANES: usize = 256;
/// A window shorter than this is filled up before it is empty.
const LOW_WATER: usize = 64;
/// Payload that one claim hands out, unless a single event is larger.
const CLAIM_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Payload read for a lane that a claim waits for, however little room there is.
const REFILL_BYTES_MIN: usize = 256 * 1024;
/// While common room is scarce, a lane may have this part of what it may have otherwise.
const SCARCE: usize = 16;
/// How long a deleted endpoint is remembered after the last sign of it: longer than an accept that has matched
/// it can be on its way.
const FORGET_DELETED_AFTER: Duration = Duration::from_secs(600);

/// What a commit changed about the queue. Applied in the order of the fields, each in order.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Deleted endpoints of which nothing was pending. First, because what else the group brought may have come
    /// after: a bound too many is found to be empty, one too few would never be looked at.
    pub(crate) cancelled: Vec<EndpointId>,
    /// Settled, or due at another time: nobody holds them any more.
    pub(crate) settled: Vec<DeliveryId>,
    /// Pending, and requeued: a claimer keeps them, a window does not.
    pub(crate) requeued: Vec<DeliveryId>,
    /// Accepted and due when the event was.
    pub(crate) fresh: Vec<Claimed>,
    /// Pending and due then.
    pub(crate) due: Vec<(EndpointId, Key)>,
    /// Endpoints that were deleted.
    pub(crate) deleted: Vec<EndpointId>,
}

/// A lane that needs a refill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    /// Whose lane.
    pub(crate) endpoint: EndpointId,
    /// Deliveries wanted.
    pub(crate) rows: usize,
    /// Payload wanted: reading ends with the event that reaches it.
    pub(crate) bytes: usize,
    /// How many deliveries the claim itself may take at the most.
    share: usize,
}

/// What [`Lanes::take`] could not do by itself.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    /// Lanes whose next due delivery is in the database: the claim is not complete without them.
    pub(crate) needed: Vec<Want>,
    /// Lanes that will soon be in that place.
    pub(crate) ahead: Vec<Want>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Sorted by key.
    window: VecDeque<(Timestamp, Claimed)>,
    /// Of payload in the window.
    bytes: usize,
    unloaded: Option<Key>,
    /// The least key that became pending outside memory since the present refill began.
    unloaded_since: Option<Key>,
    seat: Seat,
    /// The claim that `taken` counts for.
    round: u64,
    taken: usize,
}

impl Lane {
    fn front(&self) -> Option<Key> {
        self.window.front().map(|(due, claimed)| (*due, claimed.id))
    }

    fn next_due(&self) -> Option<Timestamp> {
        let front = self.front().map(|key| key.0);
        let unloaded = self.unloaded.map(|key| key.0);
        [front, unloaded].into_iter().flatten().min()
    }
}

#[derive(Debug)]
struct Held {
    endpoint: EndpointId,
    due: Timestamp,
    claimed: bool,
    /// Since it was claimed.
    requeued: bool,
}

/// The queue in memory.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    bounds: Bounds,
    by_endpoint: IdMap<EndpointId, Lane>,
    /// Deliveries in a window or claimed: a refill skips them.
    held: IdMap<DeliveryId, Held>,
    /// Lanes that may have something due, in the order in which they are asked.
    ring: VecDeque<EndpointId>,
    timers: BTreeSet<(Timestamp, EndpointId)>,
    /// Lanes without room, so that they cost claims next to nothing.
    parked: IdSet<EndpointId>,
    /// Deleted endpoints of which something may still come, and since when there was no sign of it.
    deleted: IdMap<EndpointId, Option<Timestamp>>,
    entries: usize,
    bytes: usize,
    rounds: u64,
    refilling: bool,
    touched: IdSet<DeliveryId>,
}

/// One claim in the making: it may take several times, with refills between.
#[derive(Debug)]
pub(crate) struct Taking<'a> {
    /// What is asked for.
    pub(crate) ask: &'a ClaimDue,
    /// What was taken so far, and what is known about the rest.
    pub(crate) claim: Claim,
    round: u64,
    bytes: usize,
    full: bool,
}

impl Lanes {
    /// An empty queue.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Pending work of an endpoint that was there at the start.
    pub(crate) fn restore(&mut self, endpoint: EndpointId, key: Key, deleted: bool) {
        if deleted {
            self.deleted.insert(endpoint, None);
        }
        self.unload(endpoint, key);
    }

    /// Begins a claim.
    pub(crate) fn begin<'a>(&mut self, ask: &'a ClaimDue) -> Taking<'a> {
        self.rounds += 1;
        self.unpark(ask);
        Taking { ask, claim: Claim::default(), round: self.rounds, bytes: 0, full: false }
    }

    /// Takes what memory has. The claim is complete when nothing is `needed`.
    pub(crate) fn take(&mut self, taking: &mut Taking<'_>) -> Wants {
        let now = taking.ask.now;
        self.ring_due(now);
        let mut wants = Wants::default();
        let mut passed = Vec::new();
        let mut next_due: Option<Timestamp> = None;
        while !taking.is_full() {
            let Some(endpoint) = self.ring.pop_front() else { break };
            match self.take_one(endpoint, taking, &mut wants) {
                Step::Again => self.ring.push_back(endpoint),
                Step::Pass(due) => {
                    next_due = [next_due, due].into_iter().flatten().min();
                    passed.push(endpoint);
                }
                Step::Park => self.park(endpoint),
                Step::Gone => self.place(endpoint),
            }
        }
        if taking.is_full() {
            wants.needed.clear();
        }
        let open = taking.ask.limit - taking.claim.deliveries.len();
        self.measure(&mut wants.needed, open);
        self.measure(&mut wants.ahead, 0);
        wants.ahead.retain(|want| want.rows > 0 && want.bytes > 0);
        let left = self.ring_next(taking.ask);
        self.ring.extend(passed);
        let timer = self.next_timer(taking.ask);
        taking.claim.next_due = [next_due, left, timer].into_iter().flatten().min();
        wants
    }

    fn take_one(&mut self, endpoint: EndpointId, taking: &mut Taking<'_>, wants: &mut Wants) -> Step {
        let now = taking.ask.now;
        let share = room(taking.ask, endpoint);
        let deleted = self.deleted.contains_key(&endpoint);
        let Some(lane) = self.by_endpoint.get_mut(&endpoint).filter(|_| !deleted) else { return Step::Gone };
        if lane.round != taking.round {
            (lane.round, lane.taken) = (taking.round, 0);
        }
        let front = lane.front();
        let unloaded = lane.unloaded.filter(|key| key.0 <= now);
        if front.is_none() && unloaded.is_none() {
            return Step::Gone;
        }
        if share == 0 {
            return Step::Park;
        }
        if lane.taken >= share {
            return Step::Pass(lane.next_due());
        }
        if unloaded.is_some_and(|unloaded| front.is_none_or(|front| unloaded < front)) {
            if wants.needed.len() < REFILL_LANES {
                wants.needed.push(Want { endpoint, rows: 0, bytes: 0, share: share - lane.taken });
            }
            return Step::Pass(lane.next_due());
        }
        if front.is_none_or(|front| front.0 > now) {
            return Step::Pass(lane.next_due());
        }
        let (_, claimed) = lane.window.pop_front().expect("a window with a front is not empty");
        lane.taken += 1;
        if unloaded.is_some() && lane.window.len() == LOW_WATER && wants.ahead.len() < REFILL_LANES {
            wants.ahead.push(Want { endpoint, rows: 0, bytes: 0, share: 0 });
        }
        let bytes = claimed.event.payload.len();
        lane.bytes -= bytes;
        self.entries -= 1;
        self.bytes -= bytes;
        taking.bytes += bytes;
        taking.full = taking.bytes >= CLAIM_BYTES_MAX;
        self.held.get_mut(&claimed.id).expect("what is in a window is held").claimed = true;
        taking.claim.deliveries.push(claimed);
        Step::Again
    }

    /// Says how much each lane reads: its part of what the claim still takes, or more when there is room to read
    /// ahead.
    fn measure(&self, wants: &mut [Want], open: usize) {
        let lanes = wants.len().max(1);
        let room =
            if self.bytes < self.bounds.bytes { self.bounds.entries.saturating_sub(self.entries) } else { 0 };
        let ahead = REFILL_ROWS.min(room / 2 / lanes).min(REFILL_BATCH_ROWS / lanes);
        let bytes_ahead = self.bounds.bytes.saturating_sub(self.bytes) / 2 / lanes;
        for want in wants {
            let lane = self.by_endpoint.get(&want.endpoint);
            let in_lane = lane.map_or(0, |lane| lane.window.len());
            let lane_room = self.bounds.lane_entries.saturating_sub(in_lane);
            want.rows = want.share.min(open.div_ceil(lanes)).max(ahead.min(lane_room));
            let bytes_room = self.lane_bytes_max().saturating_sub(lane.map_or(0, |lane| lane.bytes));
            let bytes_min = if want.share > 0 { REFILL_BYTES_MIN } else { 0 };
            want.bytes = bytes_ahead.min(bytes_room).max(bytes_min);
        }
    }

    /// Deliveries that one lane may hold. The last half of the common room is for lanes with little in them: a
    /// hung endpoint can not fill it.
    fn lane_entries_max(&self) -> usize {
        let scarce = self.entries >= self.bounds.entries / 2;
        if scarce { self.bounds.lane_entries / SCARCE } else { self.bounds.lane_entries }
    }

    /// Bytes of payload that one lane may hold; the same goes for them.
    fn lane_bytes_max(&self) -> usize {
        let scarce = self.bytes >= self.bounds.bytes / 2;
        if scarce { self.bounds.bytes / SCARCE } else { self.bounds.bytes / 2 }
    }

    /// Learns of a commit. True when something may be due sooner than the last claim said.
    pub(crate) fn apply(&mut self, effects: &mut Effects) -> bool {
        let wake = !effects.fresh.is_empty() || !effects.due.is_empty();
        for endpoint in effects.cancelled.drain(..) {
            if let Some(lane) = self.by_endpoint.get_mut(&endpoint).filter(|lane| lane.window.is_empty()) {
                lane.unloaded = None;
                self.place(endpoint);
            }
        }
        for id in effects.settled.drain(..) {
            self.touch(id);
            self.let_go(id);
        }
        for id in effects.requeued.drain(..) {
            self.touch(id);
            match self.held.get_mut(&id) {
                Some(held) if held.claimed => held.requeued = true,
                Some(_) => self.let_go(id),
                None => {}
            }
        }
        for claimed in effects.fresh.drain(..) {
            self.add_fresh(claimed);
        }
        for (endpoint, key) in effects.due.drain(..) {
            self.unload(endpoint, key);
        }
        for endpoint in effects.deleted.drain(..) {
            self.delete(endpoint);
        }
        wake
    }

    fn touch(&mut self, id: DeliveryId) {
        if self.refilling {
            self.touched.insert(id);
        }
    }

    fn add_fresh(&mut self, claimed: Claimed) {
        // A refill that ran between the commit and this may have found it already.
        if self.held.contains_key(&claimed.id) {
            return;
        }
        let key = (claimed.event.created_at, claimed.id);
        let lane = self.by_endpoint.get(&claimed.endpoint);
        let in_lane = lane.map_or(0, |lane| lane.window.len());
        let lane_bytes = lane.map_or(0, |lane| lane.bytes);
        let has_room = in_lane < self.lane_entries_max()
            && lane_bytes < self.lane_bytes_max()
            && self.entries < self.bounds.entries
            && self.bytes < self.bounds.bytes;
        let in_turn = lane.and_then(|lane| lane.unloaded).is_none_or(|unloaded| key < unloaded);
        if has_room && in_turn && !self.deleted.contains_key(&claimed.endpoint) {
            let endpoint = claimed.endpoint;
            self.insert(key.0, claimed);
            self.queue(endpoint);
        } else {
            self.unload(claimed.endpoint, key);
        }
    }

    fn insert(&mut self, due: Timestamp, claimed: Claimed) {
        let bytes = claimed.event.payload.len();
        self.entries += 1;
        self.bytes += bytes;
        let held = Held { endpoint: claimed.endpoint, due, claimed: false, requeued: false };
        self.held.insert(claimed.id, held);
        let lane = self.by_endpoint.entry(claimed.endpoint).or_default();
        lane.bytes += bytes;
        let key = (due, claimed.id);
        let at = match lane.window.back() {
            Some(last) if (last.0, last.1.id) > key => {
                lane.window.partition_point(|entry| (entry.0, entry.1.id) < key)
            }
            _ => lane.window.len(),
        };
        lane.window.insert(at, (due, claimed));
    }

    /// Pending work that only the database has.
    fn unload(&mut self, endpoint: EndpointId, key: Key) {
        let lane = self.by_endpoint.entry(endpoint).or_default();
        lane.unloaded = Some(lane.unloaded.map_or(key, |unloaded| unloaded.min(key)));
        lane.unloaded_since = Some(lane.unloaded_since.map_or(key, |since| since.min(key)));
        self.queue(endpoint);
    }

    /// Forgets who holds a delivery, and takes it out of the window if it is in one.
    fn let_go(&mut self, id: DeliveryId) {
        let Some(held) = self.held.remove(&id) else { return };
        if held.claimed {
            return;
        }
        let lane = self.by_endpoint.get_mut(&held.endpoint).expect("what is in a window has a lane");
        let at = lane.window.iter().position(|entry| entry.1.id == id).expect("it is in the window");
        let (_, claimed) = lane.window.remove(at).expect("the position is in the window");
        lane.bytes -= claimed.event.payload.len();
        self.entries -= 1;
        self.bytes -= claimed.event.payload.len();
    }

    fn delete(&mut self, endpoint: EndpointId) {
        self.deleted.insert(endpoint, None);
        self.unseat(endpoint);
        let Some(lane) = self.by_endpoint.get_mut(&endpoint) else { return };
        // What it held is pending all the same: `cancel_orphans` finds the lane by its bound.
        let bound = [lane.front(), lane.unloaded].into_iter().flatten().min();
        lane.unloaded = bound;
        lane.bytes = 0;
        for (_, claimed) in std::mem::take(&mut lane.window) {
            self.entries -= 1;
            self.bytes -= claimed.event.payload.len();
            self.held.remove(&claimed.id);
        }
    }

    /// Deleted endpoints that may have something pending. Forgets those of which nothing was for long.
    pub(crate) fn orphans(&mut self, now: Timestamp) -> Vec<EndpointId> {
        if self.deleted.is_empty() {
            return Vec::new();
        }
        let deleted = &self.deleted;
        let held = self.held.values().map(|held| held.endpoint);
        let mut busy: IdSet<_> = held.filter(|endpoint| deleted.contains_key(endpoint)).collect();
        busy.extend(self.by_endpoint.keys().filter(|endpoint| deleted.contains_key(*endpoint)));
        let mut forgotten = IdSet::default();
        self.deleted.retain(|endpoint, idle_since| {
            if busy.contains(endpoint) {
                *idle_since = None;
                return true;
            }
            let kept = now.since(*idle_since.get_or_insert(now)) < FORGET_DELETED_AFTER;
            if !kept {
                forgotten.insert(*endpoint);
            }
            kept
        });
        if !forgotten.is_empty() {
            // Turns that were left behind by lanes that are no more.
            self.ring.retain(|endpoint| !forgotten.contains(endpoint));
        }
        let mut orphans: Vec<_> = busy.into_iter().collect();
        orphans.sort_unstable();
        orphans
    }

    /// Whether a delivery was requeued since its claimer took it.
    pub(crate) fn was_requeued(&self, id: DeliveryId) -> bool {
        self.held.get(&id).is_some_and(|held| held.claimed && held.requeued)
    }

    /// Gives claimed deliveries back. What is not claimed is passed over.
    pub(crate) fn release(&mut self, ids: impl IntoIterator<Item = DeliveryId>) {
        for id in ids {
            if self.held.get(&id).is_some_and(|held| held.claimed) {
                let held = self.held.remove(&id).expect("it was there a moment ago");
                self.unload(held.endpoint, (held.due, id));
            }
        }
    }

    /// Begins a batch of refills; there is one at a time.
    pub(crate) fn begin_refills(&mut self) {
        self.refilling = true;
    }

    /// Ends a batch of refills.
    pub(crate) fn end_refills(&mut self) {
        self.refilling = false;
        self.touched = IdSet::default();
    }

    /// Begins to refill one lane: where to read from. Must come before the snapshot is taken.
    pub(crate) fn begin_refill(&mut self, endpoint: EndpointId) -> Option<Key> {
        let lane = self.by_endpoint.get_mut(&endpoint).filter(|_| !self.deleted.contains_key(&endpoint))?;
        // What happened before this is in the snapshot; only what happens after it must win over it.
        self.touched.clear();
        lane.unloaded_since = None;
        lane.unloaded
    }

    /// Whether a delivery that the snapshot shows needs to be loaded.
    pub(crate) fn is_wanted(&self, id: DeliveryId) -> bool {
        !self.held.contains_key(&id) && !self.touched.contains(&id)
    }

    /// Ends the refill of one lane: what was read, and the key of the first that was not.
    pub(crate) fn finish_refill(
        &mut self,
        endpoint: EndpointId,
        read: Vec<(Timestamp, Claimed)>,
        rest: Option<Key>,
    ) {
        if self.deleted.contains_key(&endpoint) {
            return;
        }
        for (due, claimed) in read {
            if self.is_wanted(claimed.id) {
                self.insert(due, claimed);
            }
        }
        let Some(lane) = self.by_endpoint.get_mut(&endpoint) else { return };
        lane.unloaded = [rest, lane.unloaded_since].into_iter().flatten().min();
        // A lane in the ring is put away by the next claim that passes it, a parked one when it has room.
        if !matches!(lane.seat, Seat::Ring | Seat::Parked) {
            self.place(endpoint);
        }
    }
}

impl Taking<'_> {
    /// True when nothing more may be taken.
    pub(crate) fn is_full(&self) -> bool {
        self.full || self.claim.deliveries.len() >= self.ask.limit
    }
}

/// What came of asking one lane.
enum Step {
    /// One was taken; there may be more.
    Again,
    /// Nothing more for this claim; it stays in the ring. With the time it counts for in `next_due`.
    Pass(Option<Timestamp>),
    /// No room.
    Park,
    /// It has nothing that is due.
    Gone,
}
