//! What arrives: sources and agents, deliveries to sources, turns of agents, actions.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use posthouse_types::{
    Action, ActionId, Agent, AgentId, InboundDelivery, InboundId, InboundRef, InboundStatus, Page,
    PageRequest, SessionId, Source, SourceId, SourceRef, Space, Timestamp, Tokens, Turn, TurnId,
};

use crate::{Result, Sealed};

/// Sources and agents: where things arrive and who reacts. Lists are newest first.
#[async_trait]
pub trait Sources: Send + Sync {
    /// Stores a new source; the answer is the number it was given, which no other source ever has.
    async fn insert_source(&self, source: SourceRecord) -> Result<u64>;

    /// One source.
    async fn source(&self, space: Space, source: SourceRef) -> Result<Option<SourceRecord>>;

    /// Sources of a space.
    async fn sources(
        &self,
        space: Space,
        page: PageRequest<SourceId>,
    ) -> Result<Page<SourceRecord, SourceId>>;

    /// Every source of every space: what a node loads to receive. One that can not be read is left out, and
    /// logged.
    async fn all_sources(&self) -> Result<Vec<SourceRecord>>;

    /// Replaces settings, `updated_at` and secrets of a source (what it counts stays). [`crate::StoreError::Stale`]
    /// unless its version is still `source.version`, which goes up by one. The answer is the new record; `None`
    /// when there is none.
    async fn update_source(&self, source: SourceRecord) -> Result<Option<SourceRecord>>;

    /// Removes a source with its deliveries, their actions and their turns; false when there is none. At once none
    /// of them is found or claimed any more; [`Inbound::prune_inbound`] takes away in slices what is left of them.
    /// Sessions stay.
    async fn delete_source(&self, space: Space, id: SourceId) -> Result<bool>;

    /// Stores a new agent.
    async fn insert_agent(&self, agent: AgentRecord) -> Result<()>;

    /// One agent.
    async fn agent(&self, space: Space, id: AgentId) -> Result<Option<AgentRecord>>;

    /// Agents of a space.
    async fn agents(&self, space: Space, page: PageRequest<AgentId>) -> Result<Page<AgentRecord, AgentId>>;

    /// Every agent of every space. One that can not be read is left out, and logged.
    async fn all_agents(&self) -> Result<Vec<AgentRecord>>;

    /// Replaces settings, `updated_at` and secrets of an agent; as [`Sources::update_source`].
    async fn update_agent(&self, agent: AgentRecord) -> Result<Option<AgentRecord>>;

    /// Removes an agent; false when there is none. Sources and sessions that name it stay.
    async fn delete_agent(&self, space: Space, id: AgentId) -> Result<bool>;
}

/// Deliveries to sources and the work they make.
#[async_trait]
pub trait Inbound: Send + Sync {
    /// Stores a request to a source, in one commit with the turn it makes, the record of its key, and what the
    /// source counts (only one with a turn is counted). The key is looked at first: see [`DedupKey`]. Wakes the
    /// workers when there is a turn.
    async fn arrive(&self, arrival: Arrival) -> Result<Arrived>;

    /// The delivery that holds this key of the source at `now`, so that one more with it would be a
    /// [`Arrived::Duplicate`].
    async fn holder_of(
        &self,
        source: SourceId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(InboundId, u64)>>;

    /// One delivery.
    async fn inbound(&self, space: Space, delivery: InboundRef) -> Result<Option<InboundDelivery>>;

    /// Deliveries that pass the filter, newest first. A page ends early when looking at [`crate::SCAN_ROWS_MAX`]
    /// deliveries has not filled it; `next` then says where to go on. `skip` more are passed over before the page
    /// begins.
    async fn inbound_list(
        &self,
        space: Space,
        filter: InboundFilter,
        page: PageRequest<InboundId>,
        skip: usize,
    ) -> Result<Page<InboundDelivery, InboundId>>;

    /// The body of a delivery and what was configured when it arrived; `None` when the space has no such delivery
    /// or nothing is kept of it (any more).
    async fn inbound_content(&self, space: Space, id: InboundId) -> Result<Option<InboundContent>>;

    /// The actions of a delivery, oldest first.
    async fn actions(&self, space: Space, delivery: InboundId) -> Result<Vec<Action>>;

    /// One action.
    async fn action(&self, space: Space, id: ActionId) -> Result<Option<Action>>;

    /// Takes turns that are due, oldest first; each belongs to the caller until it ends or is released. Of a
    /// session only its earliest turn that has not ended is ever due, so those of one session never run at once or
    /// out of order. Deliveries whose turns are taken become `queued`, in the same commit. What was taken by a
    /// process that died is due again at the next start (where processes share a store: when `lease` is over), and so
    /// is, at once, what a caller did not wait for. Fair between spaces: when more is due than `limit`, spaces take
    /// turns, and one that holds half of what is claimed altogether gets no more while others want any; of each
    /// space the oldest come first. Turns of deleted sources hold their sessions up until this or
    /// [`Inbound::prune_inbound`] has come across them.
    async fn claim_turns(&self, claim: ClaimTurns) -> Result<ClaimedTurns>;

    /// Gives turns back that were taken and not begun: they are due again at once. Their deliveries stay `queued`.
    async fn release_turns(&self, turns: Vec<TurnId>) -> Result<()>;

    /// How many turns have not ended, in all spaces.
    async fn turns_waiting(&self) -> Result<u64>;

    /// Removes what is over, in one bounded slice.
    async fn prune_inbound(&self, prune: PruneInbound) -> Result<PrunedInbound>;
}

/// A source with what is encrypted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// All that is not secret.
    pub source: Source,
    /// Its secrets.
    pub secrets: Sealed,
    /// Counts changes by [`Sources::update_source`].
    pub version: i64,
}

/// An agent with what is encrypted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRecord {
    /// All that is not secret.
    pub agent: Agent,
    /// Its secrets.
    pub secrets: Sealed,
    /// Counts changes by [`Sources::update_agent`].
    pub version: i64,
}

/// A request to a source, to be stored.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// What is known of it. `number` is given by the store, `session` by `turn`.
    pub delivery: Arc<InboundDelivery>,
    /// Its body and configuration, when they are to be kept.
    pub content: Option<InboundContent>,
    /// Keeps equal ones out. Its key becomes the delivery's `dedup_key`.
    pub dedup: Option<DedupKey>,
    /// The work it makes.
    pub turn: Option<NewTurn>,
}

/// What is kept of a request besides what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundContent {
    /// Its exact bytes.
    pub body: Bytes,
    /// What was configured when it arrived.
    pub snapshot: Arc<Snapshot>,
}

/// A configuration as it was, as the engine writes it: kept once for all deliveries that have the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// SHA-256 of `text`.
    pub digest: [u8; 32],
    /// The engine's own writing.
    pub text: String,
}

/// A key within a source. While a delivery holds it, no other is stored with it; one that `failed` does not hold
/// it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKey {
    /// The key, at most [`posthouse_types::limits::INBOUND_TEXT_CHARS_MAX`] characters.
    pub key: String,
    /// Held before this moment at the most; `None`: as long as the delivery is kept.
    pub until: Option<Timestamp>,
}

/// The work that a delivery makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// Its id; it was queued when the delivery arrived.
    pub id: TurnId,
    /// The session in which it is done.
    pub session: TurnSession,
}

/// Which session a delivery belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnSession {
    /// This one.
    Named(SessionId),
    /// One of its own: the text, with the delivery's number behind it.
    Numbered(String),
}

/// What came of [`Inbound::arrive`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// Durable, and queued if it makes work. The number it was given.
    Stored(u64),
    /// Another delivery holds its key; nothing was written.
    Duplicate {
        /// That delivery.
        id: InboundId,
        /// Its number.
        number: u64,
    },
    /// There is no such source any more; nothing was written.
    NoSource,
}

/// Which inbound deliveries to list. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboundFilter {
    /// Of this source. Without one: of all sources of the space.
    pub source: Option<SourceId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// With this status.
    pub status: Option<InboundStatus>,
    /// Of this type.
    pub event_type: Option<String>,
    /// From this address.
    pub remote_ip: Option<IpAddr>,
    /// Received at or after, by the time that its id carries.
    pub since: Option<Timestamp>,
    /// Received before, likewise.
    pub until: Option<Timestamp>,
}

/// How many turns to take.
#[derive(Debug, Clone, Copy)]
pub struct ClaimTurns {
    /// The present.
    pub now: Timestamp,
    /// Turns at the most.
    pub limit: usize,
    /// Until when they belong to the caller, where processes share a store.
    pub lease: Timestamp,
}

/// Turns taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimedTurns {
    /// They belong to the caller now.
    pub turns: Vec<Turn>,
    /// When the next one is due; `now` or earlier when there is more than `limit` let through. `None` when nothing
    /// waits that is neither taken nor behind another of its session.
    pub next_due: Option<Timestamp>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// Well; its delivery is `completed`.
    Done,
    /// For good, and why; its delivery is `failed`.
    Failed(String),
    /// Not well, and why; it is due again then, and its delivery `queued` meanwhile.
    RetryAt(Timestamp, String),
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnEnded {
    /// The turn.
    pub id: TurnId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub end: TurnEnd,
    /// What it cost.
    pub tokens: Option<Tokens>,
}

/// One slice of pruning what arrived.
#[derive(Debug, Clone, Copy)]
pub struct PruneInbound {
    /// Deliveries received before this go, with their actions, unless they have not ended, or a turn that is to carry out
    /// one of their actions.
    pub before: Timestamp,
    /// Bodies received before this go, likewise.
    pub bodies_before: Timestamp,
    /// Bytes of bodies a tenant may keep; its oldest go until it keeps no more, likewise.
    pub tenant_bytes_max: u64,
    /// Messages said before this go, unless a turn that answers them has not ended; and sessions that a source made, without messages, changed before this and without a turn that has not ended.
    pub sessions_before: Timestamp,
    /// Rows of each kind to look at in this slice.
    pub limit: usize,
    /// Where the last slice of this round ended.
    pub after: Option<InboundId>,
}

/// What a slice did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrunedInbound {
    /// Deliveries removed, those of deleted sources among them.
    pub deliveries: usize,
    /// Bodies removed of deliveries that stay.
    pub bodies: usize,
    /// Messages removed.
    pub messages: usize,
    /// Sessions removed.
    pub sessions: usize,
    /// Where to go on; `None` when the round is over.
    pub next: Option<InboundId>,
    /// There is more to remove than one slice: prune again at once, also when the round is over.
    pub more: bool,
}
