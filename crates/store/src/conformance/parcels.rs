//! Builders for what arrives: sources, agents, requests to sources, turns.

use std::sync::Arc;

use posthouse_types::{
    Action, ActionId, ActionStatus, Agent, AgentId, AgentLimits, AgentSettings, AuthMode, InboundDelivery,
    InboundId, InboundStatus, PublicId, Runner, Source, SourceId, SourceSettings, Space, Timestamp, Turn,
    TurnId,
};

use super::build::{T0, World, at, first, ok, text, ulid, unique};
use crate::{
    Acceptance, AgentRecord, Arrival, Arrived, Change, ClaimTurns, ClaimedTurns, DedupKey, InboundContent,
    InboundFilter, NewTurn, PruneInbound, PrunedInbound, Sealed, Snapshot, SourceRecord, TurnEnd, TurnEnded,
    TurnSession,
};

/// A source with the settings of one of which nothing was said, registered at [`T0`].
pub fn source(space: Space) -> SourceRecord {
    let mut public = [0; 18];
    public[10..].copy_from_slice(&unique().to_be_bytes());
    SourceRecord {
        source: Source {
            id: SourceId::from_u128(ulid(T0)),
            number: 0,
            public_id: PublicId::from_bytes(public),
            space,
            project: None,
            settings: SourceSettings::new(text("a source"), "generic", AuthMode::StaticHeader),
            deliveries: 0,
            last_delivery_at: None,
            created_at: T0,
            updated_at: T0,
        },
        secrets: Sealed(vec![1, 2, 3]),
        version: 1,
    }
}

/// An agent that makes digests, registered at [`T0`].
pub fn agent(space: Space) -> AgentRecord {
    AgentRecord {
        agent: Agent {
            id: AgentId::from_u128(ulid(T0)),
            space,
            project: None,
            settings: AgentSettings {
                name: text("an agent"),
                runner: Runner::Digest,
                model: None,
                system_prompt: String::new(),
                tools: None,
                limits: AgentLimits::default(),
                approval: false,
            },
            created_at: T0,
            updated_at: T0,
        },
        secrets: Sealed(Vec::new()),
        version: 1,
    }
}

/// A configuration; those of equal numbers are equal.
pub fn snapshot(number: u8) -> Arc<Snapshot> {
    Arc::new(Snapshot { digest: [number; 32], text: format!("{{\"number\":{number}}}") })
}

/// A body of so many bytes, with a configuration.
pub fn content(bytes: usize) -> InboundContent {
    InboundContent { body: vec![b'x'; bytes].into(), snapshot: snapshot(1) }
}

/// A request to this source of which only what must be is known.
pub fn request(space: Space, source: SourceId, received_at: Timestamp) -> InboundDelivery {
    InboundDelivery {
        id: InboundId::from_u128(ulid(received_at)),
        number: 0,
        space,
        source,
        status: InboundStatus::Received,
        reason: None,
        event_type: None,
        entity_key: None,
        dedup_key: None,
        remote_ip: None,
        headers: Vec::new(),
        body_bytes: 0,
        session: None,
        runs: 0,
        error: None,
        received_at,
        started_at: None,
        finished_at: None,
        tokens: None,
    }
}

/// An action of this delivery, under way since that moment.
pub fn action(space: Space, delivery: InboundId, created_at: Timestamp) -> Action {
    Action {
        id: ActionId::from_u128(ulid(created_at)),
        space,
        delivery,
        tool: "github_post_comment".to_owned(),
        input: "{}".to_owned(),
        output: None,
        status: ActionStatus::Running,
        error: None,
        object: None,
        created_at,
        updated_at: created_at,
    }
}

/// The end of a turn.
pub fn ended(turn: &Turn, at: Timestamp, end: TurnEnd) -> Change {
    Change::TurnEnded(TurnEnded { id: turn.id, at, end, tokens: None })
}

/// A round that removes nothing by itself.
pub fn prune_nothing() -> PruneInbound {
    let long_ago = Timestamp::from_millis(0);
    PruneInbound {
        before: long_ago,
        bodies_before: long_ago,
        tenant_bytes_max: u64::MAX,
        sessions_before: long_ago,
        limit: 100,
        after: None,
    }
}

/// A request in the making.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The arrival so far: with a body of eight bytes, and a turn in a session of its own.
    pub arrival: Arrival,
}

impl Parcel {
    /// Its id.
    pub fn id(&self) -> InboundId {
        self.arrival.delivery.id
    }

    /// What is known of it so far, to be changed.
    pub fn delivery(&mut self) -> &mut InboundDelivery {
        Arc::make_mut(&mut self.arrival.delivery)
    }

    /// Keeps others with this key out, until then at the most.
    #[must_use]
    pub fn keyed(mut self, key: &str, until: Option<Timestamp>) -> Self {
        self.arrival.dedup = Some(DedupKey { key: key.to_owned(), until });
        self
    }

    /// Its turn is in this session.
    #[must_use]
    pub fn in_session(mut self, session: &str) -> Self {
        let session = TurnSession::Named(text(session));
        self.arrival.turn = self.arrival.turn.map(|turn| NewTurn { session, ..turn });
        self
    }

    /// It makes no work, and is over as it is.
    #[must_use]
    pub fn without_turn(mut self) -> Self {
        self.delivery().status = InboundStatus::Completed;
        self.arrival.turn = None;
        self
    }

    /// Its body; `None`: nothing is kept of it.
    #[must_use]
    pub fn with_content(mut self, content: Option<InboundContent>) -> Self {
        self.arrival.content = content;
        self
    }
}

impl World {
    /// Registers a source.
    pub async fn source(&self) -> SourceId {
        let record = source(self.space);
        let id = record.source.id;
        ok(self.store.insert_source(record).await);
        id
    }

    /// Reads a source that exists.
    pub async fn read_source(&self, id: SourceId) -> SourceRecord {
        ok(self.store.source(self.space, id.into()).await).expect("the source exists")
    }

    /// A request of that moment.
    pub fn parcel(&self, source: SourceId, received_at: Timestamp) -> Parcel {
        let delivery = request(self.space, source, received_at);
        let session = TurnSession::Numbered(format!("{source}:"));
        let turn = NewTurn { id: TurnId::from_u128(delivery.id.as_u128()), session };
        let delivery = Arc::new(delivery);
        let arrival = Arrival { delivery, content: Some(content(8)), dedup: None, turn: Some(turn) };
        Parcel { arrival }
    }

    /// Has a request arrive, which nothing speaks against; the answer is its number.
    pub async fn take_in(&self, parcel: &Parcel) -> u64 {
        match ok(self.store.arrive(parcel.arrival.clone()).await) {
            Arrived::Stored(number) => number,
            other => panic!("nothing speaks against this request, but: {other:?}"),
        }
    }

    /// Has a request arrive in this session; the answer is its id.
    pub async fn arrive_in(&self, source: SourceId, session: &str, at: Timestamp) -> InboundId {
        let parcel = self.parcel(source, at).in_session(session);
        self.take_in(&parcel).await;
        parcel.id()
    }

    /// Claims so many turns.
    pub async fn claim_some(&self, now: Timestamp, limit: usize) -> ClaimedTurns {
        ok(self.store.claim_turns(ClaimTurns { now, limit, lease: at(1_000_000) }).await)
    }

    /// Claims all turns that are due.
    pub async fn claim_turns(&self, now: Timestamp) -> Vec<Turn> {
        self.claim_some(now, 1000).await.turns
    }

    /// Claims the only turn that is due.
    pub async fn claim_turn(&self, now: Timestamp) -> Turn {
        let mut turns = self.claim_turns(now).await;
        assert_eq!(turns.len(), 1, "exactly one turn is due at {now}");
        turns.remove(0)
    }

    /// Begins a claimed turn.
    pub async fn start(&self, turn: &Turn, at: Timestamp) {
        self.change(vec![Change::TurnStarted(turn.id, at)]).await;
    }

    /// Ends a turn.
    pub async fn end(&self, turn: &Turn, at: Timestamp, end: TurnEnd) {
        self.change(vec![ended(turn, at, end)]).await;
    }

    /// Claims the only turn that is due, and sees it to this end.
    pub async fn work_off(&self, now: Timestamp, end: TurnEnd) -> Turn {
        let turn = self.claim_turn(now).await;
        self.start(&turn, now).await;
        self.end(&turn, now, end).await;
        turn
    }

    /// What comes of these changes.
    pub async fn try_change(&self, changes: Vec<Change>) -> Acceptance {
        self.publish_with(Vec::new(), changes, None).await
    }

    /// Reads a delivery to a source that exists.
    pub async fn arrived(&self, id: InboundId) -> InboundDelivery {
        ok(self.store.inbound(self.space, id.into()).await).expect("the delivery exists")
    }

    /// How far a delivery to a source has got.
    pub async fn status(&self, id: InboundId) -> InboundStatus {
        self.arrived(id).await.status
    }

    /// The ids of the space's deliveries to sources, newest first.
    pub async fn inbound_ids(&self) -> Vec<InboundId> {
        let listed = self.store.inbound_list(self.space, InboundFilter::default(), first(500), 0).await;
        ok(listed).items.iter().map(|delivery| delivery.id).collect()
    }

    /// Prunes slice after slice until there is nothing more to remove; what was removed altogether.
    pub async fn prune_inbound(&self, mut slice: PruneInbound) -> PrunedInbound {
        let mut sum = PrunedInbound::default();
        for _ in 0..1000 {
            let pruned = ok(self.store.prune_inbound(slice).await);
            sum.deliveries += pruned.deliveries;
            sum.bodies += pruned.bodies;
            sum.messages += pruned.messages;
            sum.sessions += pruned.sessions;
            slice.after = pruned.next;
            if pruned.next.is_none() && !pruned.more {
                return sum;
            }
        }
        panic!("pruning does not end");
    }
}
