//! What arrives at sources, and the work it makes.

use std::sync::Arc;

use async_trait::async_trait;
use posthouse_store::{
    Arrival, Arrived, ClaimTurns, ClaimedTurns, Inbound, InboundContent, InboundFilter, PruneInbound,
    PrunedInbound, Result, StoreError,
};
use posthouse_types::{
    Action, ActionId, InboundDelivery, InboundId, InboundRef, InboundStatus, Page, PageRequest, SessionId,
    SourceId, Space, Timestamp, TurnId, Work as Subject,
};
use rusqlite::OptionalExtension;

use crate::fault::Done;
use crate::rows::Cells;
use crate::turns::{NewTurn, Place};
use crate::work::Work;
use crate::writer::Writer;
use crate::{SqliteStore, actions, rows, turns};

mod arrivals;
mod lists;
mod prune;

pub(crate) use prune::Progress;

#[async_trait]
impl Inbound for SqliteStore {
    async fn arrive(&self, arrival: Arrival) -> Result<Arrived> {
        self.must_serve()?;
        let prepared = arrivals::Prepared::new(arrival);
        let bytes = prepared.bytes();
        self.writer.write_bytes(bytes, move |work| arrivals::write(work, &prepared)).await
    }

    async fn holder_of(
        &self,
        source: SourceId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(InboundId, u64)>> {
        let key = key.to_owned();
        self.readers.points.read(move |reading| lists::holder(reading, source, &key, now)).await
    }

    async fn inbound(&self, space: Space, delivery: InboundRef) -> Result<Option<InboundDelivery>> {
        self.readers.points.read(move |reading| lists::one(reading, space, delivery)).await
    }

    async fn inbound_list(
        &self,
        space: Space,
        filter: InboundFilter,
        page: PageRequest<InboundId>,
        skip: usize,
    ) -> Result<Page<InboundDelivery, InboundId>> {
        let pool = &self.readers.lists;
        let filter = Arc::new(filter);
        let (mut after, mut left) = (page.after, skip);
        while left > 0 {
            let filter = filter.clone();
            let slice = pool.read(move |reading| lists::skip(reading, space, &filter, after, left)).await?;
            let Some((reached, still)) = slice else { return Ok(Page { items: Vec::new(), next: None }) };
            (after, left) = (Some(reached), still);
        }
        let page = PageRequest { after, ..page };
        pool.read(move |reading| lists::page(reading, space, &filter, &page)).await
    }

    async fn inbound_content(&self, space: Space, id: InboundId) -> Result<Option<InboundContent>> {
        self.readers.points.read(move |reading| lists::content(reading, space, id)).await
    }

    async fn actions(&self, space: Space, delivery: InboundId) -> Result<Vec<Action>> {
        self.readers.lists.read(move |reading| actions::of_delivery(reading, space, delivery)).await
    }

    async fn action(&self, space: Space, id: ActionId) -> Result<Option<Action>> {
        self.readers.points.read(move |reading| actions::one(reading, space, id)).await
    }

    async fn claim_turns(&self, claim: ClaimTurns) -> Result<ClaimedTurns> {
        self.must_serve()?;
        let writer = self.writer.clone();
        // In a task of its own, which ends even when the caller goes away: then the hand gives back what it holds.
        let task = tokio::spawn(async move {
            let claimed = writer.write(move |work| turns::claim(work, &claim)).await?;
            Ok(Hand { claimed, writer })
        });
        let hand =
            task.await.map_err(|error| StoreError::Unavailable(format!("a claim broke off: {error}")))?;
        hand.map(Hand::open)
    }

    async fn release_turns(&self, turns: Vec<TurnId>) -> Result<()> {
        self.must_serve()?;
        self.writer.write(move |work| turns::release(work, &turns)).await
    }

    async fn turns_waiting(&self) -> Result<u64> {
        self.readers.lists.read(turns::waiting).await
    }

    async fn prune_inbound(&self, prune: PruneInbound) -> Result<PrunedInbound> {
        self.must_serve()?;
        let progress = *self.pruned_inbound_to.lock();
        let slice = self.readers.lists.read(move |reading| prune::look(reading, &prune, progress)).await?;
        let (pruned, progress) = self.writer.write(move |work| prune::remove(work, &prune, &slice)).await?;
        *self.pruned_inbound_to.lock() = progress;
        Ok(pruned)
    }
}

/// Claimed turns on their way to the caller. When nobody takes them, they go back.
struct Hand {
    claimed: ClaimedTurns,
    writer: Arc<Writer>,
}

impl Hand {
    fn open(mut self) -> ClaimedTurns {
        std::mem::take(&mut self.claimed)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let turns: Vec<TurnId> = self.claimed.turns.iter().map(|turn| turn.id).collect();
        if !turns.is_empty() {
            self.writer.post(move |work| turns::release(work, &turns));
        }
    }
}

/// Where a delivery is, as long as its source is there.
pub(crate) fn place(work: &Work<'_>, space: i64, id: InboundId) -> Done<Option<Place>> {
    let place = work
        .connection
        .prepare_cached(
            "SELECT d.source, d.number FROM inbound d INDEXED BY inbound_space
             CROSS JOIN sources s ON s.number = d.source AND s.deleted = 0
             WHERE d.space = ?1 AND d.id = ?2",
        )?
        .query_row((space, id.to_bytes()), |row| Ok(Place { source: row.get(0)?, delivery: row.get(1)? }))
        .optional()?;
    Ok(place)
}

/// Queues another turn for a delivery that is over and has its body; false when it is not so.
pub(crate) fn rerun(
    work: &mut Work<'_>,
    space: i64,
    id: InboundId,
    (turn, at): (TurnId, Timestamp),
) -> Done<bool> {
    let Some(of) = place(work, space, id)? else { return Ok(false) };
    let mut statement = work.connection.prepare_cached(
        "SELECT d.id, d.status, d.session FROM inbound d
         WHERE d.number = ?1 AND EXISTS (SELECT 1 FROM bodies b WHERE b.number = d.number)",
    )?;
    let over = [InboundStatus::Completed, InboundStatus::Failed].map(InboundStatus::code);
    let session: Option<SessionId> = rows::first(&mut statement, [of.delivery], |row| {
        let cells = Cells::new("inbound", row);
        let is_over = over.contains(&cells.get(1, "status")?);
        Ok(cells.text_or_none(2, "session")?.filter(|_| is_over))
    })?
    .flatten();
    let Some(session) = session else { return Ok(false) };
    work.connection
        .prepare_cached(
            "UPDATE inbound SET status = ?2, error = NULL, started_at = NULL, finished_at = NULL,
                                input_tokens = NULL, output_tokens = NULL
             WHERE number = ?1",
        )?
        .execute((of.delivery, InboundStatus::Received.code()))?;
    let new = NewTurn {
        id: turn,
        space,
        session: &session,
        work: Subject::Delivery(id),
        of: Some(of),
        starts: 0,
        queued_at: at,
    };
    turns::insert(work, &new).map(|()| true)
}
