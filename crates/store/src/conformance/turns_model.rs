//! Turns against a model: random sequences of what can happen to them, made from fixed seeds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use posthouse_types::{InboundId, InboundStatus, SourceId, Timestamp, Turn, TurnId};

use super::build::{World, at, ok, session, text, ulid};
use super::parcels::prune_nothing;
use crate::{Acceptance, Arrived, Change, PruneInbound, Store, TurnEnd, TurnEnded};

/// Dice that fall the same way on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        // Xorshift, as Marsaglia gives it.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap_or(0) % sides
    }
}

/// What a turn is expected to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    delivery: InboundId,
    source: SourceId,
    due: Timestamp,
    claimed: bool,
    starts: u16,
}

/// What the store is expected to hold.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<String, VecDeque<(TurnId, Expected)>>,
    deliveries: BTreeMap<InboundId, (SourceId, InboundStatus)>,
}

impl Model {
    /// The turns that a claim must take now, oldest first.
    fn due(&self, now: Timestamp) -> Vec<TurnId> {
        let heads = self.sessions.values().filter_map(VecDeque::front);
        let mut due: Vec<_> = heads
            .filter(|(_, head)| !head.claimed && head.due <= now)
            .map(|(id, head)| (head.due, *id))
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn next_due(&self) -> Option<Timestamp> {
        let heads = self.sessions.values().filter_map(VecDeque::front);
        heads.filter(|(_, head)| !head.claimed).map(|(_, head)| head.due).min()
    }

    fn head(&mut self, id: TurnId) -> Option<&mut Expected> {
        let heads = self.sessions.values_mut().filter_map(VecDeque::front_mut);
        heads.filter(|(head, _)| *head == id).map(|(_, head)| head).next()
    }

    fn remove(&mut self, gone: impl Fn(TurnId, &Expected) -> bool) {
        for turns in self.sessions.values_mut() {
            turns.retain(|(id, turn)| !gone(*id, turn));
        }
    }

    fn is_waited_for(&self, delivery: InboundId) -> bool {
        self.sessions.values().flatten().any(|(_, turn)| turn.delivery == delivery)
    }
}

/// One game: a store, a model, and what is in workers' hands.
struct Game {
    world: World,
    dice: Dice,
    model: Model,
    now: i64,
    sources: Vec<SourceId>,
    hands: Vec<Turn>,
}

const SESSIONS: [&str; 4] = ["a", "b", "c", "d"];

impl Game {
    async fn arrive(&mut self) {
        let source = self.sources[self.dice.below(self.sources.len())];
        let name = SESSIONS[self.dice.below(SESSIONS.len())];
        let parcel = self.world.parcel(source, at(self.now)).in_session(name);
        let answer = ok(self.world.store.arrive(parcel.arrival.clone()).await);
        assert!(matches!(answer, Arrived::Stored(_)), "{answer:?}");
        let expected =
            Expected { delivery: parcel.id(), source, due: at(self.now), claimed: false, starts: 0 };
        let turn = TurnId::from_u128(parcel.id().as_u128());
        self.model.sessions.entry(name.to_owned()).or_default().push_back((turn, expected));
        self.model.deliveries.insert(parcel.id(), (source, InboundStatus::Received));
    }

    async fn claim(&mut self) {
        let limit = 1 + self.dice.below(4);
        let mut due = self.model.due(at(self.now));
        due.truncate(limit);
        let claimed = self.world.claim_some(at(self.now), limit).await;
        let ids: Vec<_> = claimed.turns.iter().map(|turn| turn.id).collect();
        assert_eq!(ids, due, "the heads that are due, oldest first");
        for turn in &claimed.turns {
            let head = self.model.head(turn.id).expect("it is the first of its session");
            assert_eq!(turn.starts, head.starts);
            head.claimed = true;
            let delivery = head.delivery;
            self.model.deliveries.entry(delivery).and_modify(|(_, status)| *status = InboundStatus::Queued);
        }
        let expected = self.model.next_due();
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= at(self.now));
        assert!(
            claimed.next_due == expected || (is_due(claimed.next_due) && is_due(expected)),
            "{:?} is not {expected:?}",
            claimed.next_due
        );
        self.hands.extend(claimed.turns);
    }

    async fn start(&mut self) {
        let Some(turn) = self.any_hand() else { return };
        let started = Change::TurnStarted(turn.id, at(self.now));
        let answer = self.world.try_change(vec![started]).await;
        let Some(head) = self.model.head(turn.id).filter(|head| head.claimed) else {
            assert_eq!(answer, Acceptance::Stale, "what is gone does not begin");
            return;
        };
        assert_eq!(answer, Acceptance::New);
        head.starts += 1;
        let delivery = head.delivery;
        self.set(delivery, InboundStatus::Processing);
    }

    async fn end(&mut self) {
        if self.hands.is_empty() {
            return;
        }
        let turn = self.hands.swap_remove(self.dice.below(self.hands.len()));
        let later = at(self.now + i64::try_from(self.dice.below(5)).unwrap_or(0));
        let end = match self.dice.below(4) {
            0 => TurnEnd::RetryAt(later, "again".to_owned()),
            1 => TurnEnd::Failed("no".to_owned()),
            _ => TurnEnd::Done,
        };
        let ended = TurnEnded { id: turn.id, at: at(self.now), end: end.clone(), tokens: None };
        self.world.change(vec![Change::TurnEnded(ended)]).await;
        let Some(head) = self.model.head(turn.id) else { return };
        let delivery = head.delivery;
        match end {
            TurnEnd::RetryAt(due, _) => {
                (head.due, head.claimed) = (due, false);
                self.set(delivery, InboundStatus::Queued);
            }
            TurnEnd::Failed(_) | TurnEnd::Done => {
                let failed = matches!(end, TurnEnd::Failed(_));
                self.model.remove(|id, _| id == turn.id);
                self.set(delivery, if failed { InboundStatus::Failed } else { InboundStatus::Completed });
            }
        }
    }

    async fn release(&mut self) {
        if self.hands.is_empty() {
            return;
        }
        let turn = self.hands.swap_remove(self.dice.below(self.hands.len()));
        ok(self.world.store.release_turns(vec![turn.id]).await);
        if let Some(head) = self.model.head(turn.id) {
            (head.claimed, head.due) = (false, turn.queued_at);
        }
    }

    async fn rerun(&mut self) {
        let deliveries: Vec<_> = self.model.deliveries.keys().copied().collect();
        let Some(&delivery) = deliveries.get(self.dice.below(deliveries.len().max(1))) else { return };
        let turn = TurnId::from_u128(ulid(at(self.now)));
        let session = self.world.arrived(delivery).await.session.expect("it has a turn");
        let answer = self.world.try_change(vec![Change::Rerun { delivery, turn, at: at(self.now) }]).await;
        let (source, status) = self.model.deliveries[&delivery];
        let over = matches!(status, InboundStatus::Completed | InboundStatus::Failed);
        assert_eq!(answer, if over { Acceptance::New } else { Acceptance::Stale }, "{status}");
        if over {
            let expected = Expected { delivery, source, due: at(self.now), claimed: false, starts: 0 };
            let turns = self.model.sessions.entry(session.as_str().to_owned()).or_default();
            turns.push_back((turn, expected));
            self.set(delivery, InboundStatus::Received);
        }
    }

    async fn delete_source(&mut self) {
        let index = self.dice.below(self.sources.len());
        let gone = self.sources[index];
        assert!(ok(self.world.store.delete_source(self.world.space, gone).await), "it existed");
        self.sources[index] = self.world.source().await;
        // Others wait behind its turns until these are taken away.
        self.world.prune_inbound(prune_nothing()).await;
        self.model.remove(|_, turn| turn.source == gone);
        self.model.deliveries.retain(|_, (source, _)| *source != gone);
    }

    async fn delete_session(&mut self) {
        let name = SESSIONS[self.dice.below(SESSIONS.len())];
        let registered = Change::Session(session(self.world.space, name));
        self.world.change(vec![registered]).await;
        assert!(ok(self.world.store.delete_session(self.world.space, &text(name)).await), "it existed");
        for (_, turn) in self.model.sessions.remove(name).unwrap_or_default() {
            self.set(turn.delivery, InboundStatus::Failed);
        }
    }

    async fn prune(&mut self) {
        let before = at(self.now - 20);
        self.world.prune_inbound(PruneInbound { before, limit: 3, ..prune_nothing() }).await;
        let spared: BTreeSet<_> =
            self.model.deliveries.keys().copied().filter(|&id| self.model.is_waited_for(id)).collect();
        self.model.deliveries.retain(|id, _| id.created_at() >= before || spared.contains(id));
    }

    fn any_hand(&mut self) -> Option<Turn> {
        let index = self.dice.below(self.hands.len().max(1));
        self.hands.get(index).cloned()
    }

    fn set(&mut self, delivery: InboundId, to: InboundStatus) {
        self.model.deliveries.entry(delivery).and_modify(|(_, status)| *status = to);
    }

    async fn check(&self) {
        let turns: usize = self.model.sessions.values().map(VecDeque::len).sum();
        assert_eq!(ok(self.world.store.turns_waiting().await), turns as u64);
        let mut ids = self.world.inbound_ids().await;
        ids.reverse();
        let expected: Vec<_> = self.model.deliveries.keys().copied().collect();
        assert_eq!(ids, expected, "no delivery is lost or left over");
        for (id, (_, status)) in &self.model.deliveries {
            assert_eq!(self.world.status(*id).await, *status, "{id}");
        }
    }
}

/// Whatever happens to turns, each session has its turns in order, one at a time, and none is lost.
pub async fn turns_keep_to_their_model(store: Arc<dyn Store>) {
    let mut now = 0;
    for seed in 1..=4 {
        let world = World::new(&store).await;
        let sources = vec![world.source().await, world.source().await];
        let dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut game = Game { world, dice, model: Model::default(), now, sources, hands: Vec::new() };
        for round in 0..250 {
            game.now += i64::try_from(game.dice.below(2)).unwrap_or(0);
            match game.dice.below(40) {
                0..=11 => game.arrive().await,
                12..=20 => game.claim().await,
                21..=25 => game.start().await,
                26..=32 => game.end().await,
                33..=34 => game.release().await,
                35..=36 => game.rerun().await,
                37 => game.prune().await,
                38 => game.delete_session().await,
                _ => game.delete_source().await,
            }
            if round % 10 == 0 {
                game.check().await;
            }
        }
        // To the end: everything is worked off, and the next game begins with nothing waiting.
        while game.model.sessions.values().any(|turns| !turns.is_empty()) {
            game.now += 1;
            game.claim().await;
            while !game.hands.is_empty() {
                game.end().await;
            }
        }
        game.check().await;
        now = game.now;
    }
}
