//! Due work: claims come out of memory, everything else goes through the writer.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use posthouse_store::{Claim, ClaimDue, Queue, Result, Settle, Wakes};
use posthouse_types::{Delivery, DeliveryId, Space, Timestamp};
use tokio::sync::OwnedMutexGuard;

use crate::lanes::{Lanes, Taking, Want};
use crate::reader::Pool;
use crate::writer::Writer;
use crate::{SqliteStore, refill, settle};

#[async_trait]
impl Queue for SqliteStore {
    async fn claim_due(&self, claim: ClaimDue) -> Result<Claim> {
        self.must_serve()?;
        let taking = self.lanes.lock().begin(&claim);
        let mut hand = Hand { taking, lanes: &self.lanes, wakes: &self.wakes };
        loop {
            let wants = self.lanes.lock().take(&mut hand.taking);
            if wants.needed.is_empty() {
                self.read_ahead(wants.ahead, claim.now);
                return Ok(hand.open());
            }
            let turn = self.refills.clone().lock_owned().await;
            self.refiller().run(turn, wants.needed, claim.now).await?;
        }
    }

    async fn settle(&self, settle: Settle) -> Result<()> {
        self.must_serve()?;
        let prepared = settle::Prepared::new(settle);
        self.writer.write(move |work| settle::write(work, &prepared)).await
    }

    async fn release(&self, deliveries: Vec<DeliveryId>) -> Result<()> {
        self.must_serve()?;
        self.lanes.lock().release(deliveries);
        self.wakes.wake_due();
        Ok(())
    }

    async fn requeue(&self, space: Space, id: DeliveryId, now: Timestamp) -> Result<Option<Delivery>> {
        self.must_serve()?;
        self.writer.write(move |work| settle::requeue(work, space, id, now)).await
    }
}

impl SqliteStore {
    /// Refills lanes that are about to run dry, beside the claims. When a batch is under way already, a later
    /// claim asks again.
    fn read_ahead(&self, wants: Vec<Want>, now: Timestamp) {
        if wants.is_empty() {
            return;
        }
        let Ok(turn) = self.refills.clone().try_lock_owned() else { return };
        let refiller = self.refiller();
        tokio::spawn(async move {
            if let Err(error) = refiller.run(turn, wants, now).await {
                tracing::warn!(%error, "reading ahead failed; the next claim tries again");
            }
        });
    }

    fn refiller(&self) -> Refiller {
        Refiller {
            readers: self.readers.refills.clone(),
            writer: self.writer.clone(),
            lanes: self.lanes.clone(),
        }
    }
}

/// What a batch of refills works with.
struct Refiller {
    readers: Pool,
    writer: Arc<Writer>,
    lanes: Arc<Mutex<Lanes>>,
}

impl Refiller {
    /// Refills these lanes; `turn` says that it is the only one to do so.
    async fn run(self, turn: OwnedMutexGuard<()>, wants: Vec<Want>, now: Timestamp) -> Result<()> {
        let lanes = self.lanes;
        let lost = self
            .readers
            .read(move |reading| {
                let lost = refill::refill(reading, &lanes, &wants, now);
                drop(turn);
                lost
            })
            .await?;
        if lost.is_empty() {
            return Ok(());
        }
        let prepared = settle::Prepared::new(Settle { settlements: lost, health: Vec::new() });
        if let Err(error) = self.writer.write(move |work| settle::write(work, &prepared)).await {
            // They are out of the lanes all the same.
            tracing::error!(%error, "deliveries without events stay pending until the next start");
        }
        Ok(())
    }
}

/// What a claim holds while it waits for a refill. When its caller goes away meanwhile, all of it goes back.
struct Hand<'a> {
    taking: Taking<'a>,
    lanes: &'a Mutex<Lanes>,
    wakes: &'a Wakes,
}

impl Hand<'_> {
    fn open(mut self) -> Claim {
        mem::take(&mut self.taking.claim)
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        if !self.taking.claim.deliveries.is_empty() {
            let ids = self.taking.claim.deliveries.iter().map(|claimed| claimed.id);
            self.lanes.lock().release(ids);
            self.wakes.wake_due();
        }
    }
}
