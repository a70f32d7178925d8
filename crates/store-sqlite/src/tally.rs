//! What a group adds up, and writes once before it is committed: one row for each tenant, source and snapshot,
//! whatever the group holds.

use std::collections::HashMap;

use posthouse_types::{TenantId, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Done;

/// Sums that are still to be written.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    usage: HashMap<TenantId, Usage>,
    sources: HashMap<i64, Taken>,
    snapshots: HashMap<i64, i64>,
}

/// Bytes that a tenant keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Of payloads and responses.
    pub(crate) events: i64,
    /// Of bodies that arrived.
    pub(crate) inbound: i64,
}

/// What a source has taken on.
#[derive(Debug)]
struct Taken {
    deliveries: i64,
    last: Timestamp,
}

impl Tally {
    /// Forgets what was rolled back.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts bytes of payloads and responses that a tenant keeps from now on, or no longer.
    pub(crate) fn count_bytes(&mut self, tenant: TenantId, bytes: i64) {
        self.usage.entry(tenant).or_default().events += bytes;
    }

    /// The same of bodies that arrived.
    pub(crate) fn count_inbound(&mut self, tenant: TenantId, bytes: i64) {
        self.usage.entry(tenant).or_default().inbound += bytes;
    }

    /// Counts a delivery that a source has taken on.
    pub(crate) fn count_delivery(&mut self, source: i64, at: Timestamp) {
        let taken = self.sources.entry(source).or_insert(Taken { deliveries: 0, last: at });
        taken.deliveries += 1;
        taken.last = taken.last.max(at);
    }

    /// Counts bodies that name a snapshot from now on, or no longer.
    pub(crate) fn count_uses(&mut self, snapshot: i64, uses: i64) {
        *self.snapshots.entry(snapshot).or_default() += uses;
    }

    /// The bytes that a tenant keeps.
    pub(crate) fn kept(&self, connection: &Connection, tenant: TenantId) -> Done<Usage> {
        let stored = connection
            .prepare_cached("SELECT bytes, inbound FROM usage WHERE tenant = ?1")?
            .query_row([tenant.to_bytes()], |row| Ok(Usage { events: row.get(0)?, inbound: row.get(1)? }))
            .optional()?
            .unwrap_or_default();
        let since = self.usage.get(&tenant).copied().unwrap_or_default();
        Ok(Usage { events: stored.events + since.events, inbound: stored.inbound + since.inbound })
    }

    /// Writes all of it.
    pub(crate) fn write(&mut self, connection: &Connection) -> Done<()> {
        for (tenant, usage) in self.usage.drain() {
            connection
                .prepare_cached(
                    "INSERT INTO usage (tenant, bytes, inbound) VALUES (?1, max(0, ?2), max(0, ?3))
                     ON CONFLICT (tenant) DO UPDATE SET bytes = max(0, bytes + ?2), inbound = max(0, inbound + ?3)",
                )?
                .execute((tenant.to_bytes(), usage.events, usage.inbound))?;
        }
        for (source, taken) in self.sources.drain() {
            connection
                .prepare_cached(
                    "UPDATE sources SET deliveries = deliveries + ?2,
                                        last_delivery_at = max(coalesce(last_delivery_at, ?3), ?3)
                     WHERE number = ?1",
                )?
                .execute((source, taken.deliveries, taken.last.as_millis()))?;
        }
        for (snapshot, uses) in self.snapshots.drain() {
            connection
                .prepare_cached("UPDATE snapshots SET uses = max(0, uses + ?2) WHERE number = ?1")?
                .execute((snapshot, uses))?;
        }
        Ok(())
    }
}
