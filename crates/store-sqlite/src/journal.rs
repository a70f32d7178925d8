//! Accepting events, and reading back what became of them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use posthouse_store::{
    Accept, Acceptance, AcceptedEvent, Change, Claimed, DeliveryFilter, EndpointAttempt, EventFilter,
    Idempotency, Journal, NewDelivery, NewEvent, Result,
};
use posthouse_types::{
    Attempt, Delivery, DeliveryId, EndpointId, Event, EventId, EventRef, ExternalId, IdempotencyKey,
    OrderingKey, Page, PageRequest, ProjectId, SessionId, Space, Timestamp,
};

use crate::fault::Done;
use crate::rows::{self, Cells};
use crate::work::Work;
use crate::{SqliteStore, attempts, changes, lists};

/// What a row costs in memory and on disk beside its payload, roughly.
const ROW_BYTES: usize = 256;

#[async_trait]
impl Journal for SqliteStore {
    async fn accept(&self, accept: Accept) -> Result<Acceptance> {
        self.must_serve()?;
        let bytes = bytes_of(&accept).max(ROW_BYTES);
        // Made here and not on the writer's thread, whose time everyone shares.
        let answer = accept
            .idempotency
            .as_ref()
            .map(|_| rows::to_json(&accept.events.iter().map(AcceptedEvent::of).collect::<Vec<_>>()));
        self.writer.write_bytes(bytes, move |work| write_accept(work, &accept, answer.as_deref())).await
    }

    async fn event(&self, space: Space, event: &EventRef) -> Result<Option<Event>> {
        let event = event.clone();
        self.readers.points.read(move |reading| lists::event(reading, space, &event)).await
    }

    async fn events(
        &self,
        space: Space,
        filter: EventFilter,
        page: PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>> {
        self.readers.lists.read(move |reading| lists::events(reading, space, &filter, &page)).await
    }

    async fn answered(
        &self,
        space: Space,
        project: Option<ProjectId>,
        key: &IdempotencyKey,
    ) -> Result<Option<([u8; 32], Vec<AcceptedEvent>)>> {
        let key = key.clone();
        self.readers.points.read(move |reading| lists::answered(reading, space, project, &key)).await
    }

    async fn events_after(&self, space: Space, after: EventId, limit: usize) -> Result<Vec<Event>> {
        self.readers.lists.read(move |reading| lists::events_after(reading, space, after, limit)).await
    }

    async fn last_event(&self, space: Space) -> Result<Option<EventId>> {
        self.readers.points.read(move |reading| lists::last_event(reading, space)).await
    }

    async fn delivery(&self, space: Space, id: DeliveryId) -> Result<Option<Delivery>> {
        self.readers
            .points
            .read(move |reading| match reading.space(space)? {
                Some(number) => lists::delivery(reading.connection(), number, id),
                None => Ok(None),
            })
            .await
    }

    async fn deliveries(
        &self,
        space: Space,
        filter: DeliveryFilter,
        page: PageRequest<DeliveryId>,
    ) -> Result<Page<Delivery, DeliveryId>> {
        self.readers.lists.read(move |reading| lists::deliveries(reading, space, &filter, &page)).await
    }

    async fn attempts(&self, space: Space, id: DeliveryId) -> Result<Option<Vec<Attempt>>> {
        self.readers.points.read(move |reading| lists::attempts(reading, space, id)).await
    }

    async fn endpoint_attempts(
        &self,
        space: Space,
        endpoint: EndpointId,
        page: PageRequest<(DeliveryId, u16)>,
        skip: usize,
    ) -> Result<Page<EndpointAttempt, (DeliveryId, u16)>> {
        let lists = &self.readers.lists;
        let mut skip = attempts::Skip { after: page.after, left: skip };
        while skip.left > 0 {
            let slice = lists.read(move |reading| attempts::skip(reading, space, endpoint, skip)).await?;
            let Some(further) = slice else { return Ok(Page { items: Vec::new(), next: None }) };
            skip = further;
        }
        let page = PageRequest { after: skip.after, ..page };
        lists.read(move |reading| attempts::page(reading, space, endpoint, &page)).await
    }
}

/// What a publish takes in memory and on disk, roughly.
fn bytes_of(accept: &Accept) -> usize {
    let event = |new: &NewEvent| ROW_BYTES * (1 + new.deliveries.len()) + new.event.payload.len();
    let change = |change: &Change| ROW_BYTES + changes::bytes_of(change);
    accept.events.iter().map(event).sum::<usize>() + accept.changes.iter().map(change).sum::<usize>()
}

/// All checks come before the first row: a publish that is not new leaves nothing to undo. Changes undo themselves.
fn write_accept(work: &mut Work<'_>, accept: &Accept, answer: Option<&str>) -> Done<Acceptance> {
    let space = work.space(accept.space)?;
    if let Some(decided) = earlier_answer(work, space, accept)? {
        return Ok(decided);
    }
    if let Some(index) = taken_id(work, space, &accept.events)? {
        return Ok(Acceptance::DuplicateId(index));
    }
    if let Some(index) = foreign_session(work, space, accept)? {
        return Ok(Acceptance::SessionOfAnotherProject(index));
    }
    // Before the events: a session that a change registers is not left to them, who know less of it.
    if !changes::make(work, space, accept)? {
        return Ok(Acceptance::Stale);
    }
    for new in &accept.events {
        let seq = insert_event(work, space, &new.event)?;
        for delivery in &new.deliveries {
            insert_delivery(work, space, seq, new, delivery)?;
        }
    }
    if let (Some(idempotency), Some(answer)) = (&accept.idempotency, answer) {
        remember(work, space, idempotency, answer)?;
    }
    work.effects.wake_events |= !accept.events.is_empty();
    Ok(Acceptance::New)
}

fn remember(work: &Work<'_>, space: i64, idempotency: &Idempotency, answer: &str) -> Done<()> {
    work.connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (space, project, key, fingerprint, answer, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            space,
            rows::project_code(idempotency.project),
            idempotency.key.as_str(),
            idempotency.fingerprint,
            answer,
            idempotency.expires_at.as_millis(),
        ))?;
    Ok(())
}

/// What a repeated idempotency key is answered with.
fn earlier_answer(work: &Work<'_>, space: i64, accept: &Accept) -> Done<Option<Acceptance>> {
    let Some(idempotency) = &accept.idempotency else { return Ok(None) };
    // An accept names no present; its first event was made in it, and so was its first change.
    let event = accept.events.first().map(|new| new.event.created_at);
    let change = accept.changes.first().map(changes::made_at);
    let now = event.or(change).unwrap_or(Timestamp::from_millis(i64::MIN));
    let mut statement = work.connection.prepare_cached(
        "SELECT key, fingerprint, answer FROM idempotency
         WHERE space = ?1 AND project = ?2 AND key = ?3 AND expires_at > ?4",
    )?;
    let project = rows::project_code(idempotency.project);
    rows::first(&mut statement, (space, project, idempotency.key.as_str(), now.as_millis()), |row| {
        let cells = Cells::new("idempotency", row);
        if cells.get::<Vec<u8>>(1, "fingerprint")? == idempotency.fingerprint {
            Ok(Acceptance::Replayed(cells.json(2, "answer")?))
        } else {
            Ok(Acceptance::KeyReused)
        }
    })
}

/// The first event whose external id is taken, by a stored event or by one before it.
fn taken_id(work: &Work<'_>, space: i64, events: &[NewEvent]) -> Done<Option<usize>> {
    let mut seen = HashSet::new();
    for (index, new) in events.iter().enumerate() {
        let Some(external) = &new.event.external_id else { continue };
        let taken = work
            .connection
            .prepare_cached("SELECT 1 FROM events WHERE space = ?1 AND external_id = ?2")?
            .exists((space, external.as_str()))?;
        if taken || !seen.insert(external) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The first event with a project whose session belongs to another: as stored, or as a change or an event before
/// it registers it.
fn foreign_session(work: &Work<'_>, space: i64, accept: &Accept) -> Done<Option<usize>> {
    let events = &accept.events;
    if events.iter().all(|new| new.event.session.is_none() || new.event.project.is_none()) {
        return Ok(None);
    }
    let mut projects = HashMap::new();
    for (index, new) in events.iter().enumerate() {
        let Some(session) = &new.event.session else { continue };
        let project = match projects.entry(session) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let registered = accept.changes.iter().find_map(|change| match change {
                    Change::Session(record) if record.id == *session => Some(record.project),
                    _ => None,
                });
                let first = registered.unwrap_or(new.event.project);
                *unknown.insert(owner(work, space, session, first)?)
            }
        };
        if project.zip(new.event.project).is_some_and(|(owner, own)| owner != own) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// The project of a session; that of the `first` to name it when it is not registered.
fn owner(
    work: &Work<'_>,
    space: i64,
    session: &SessionId,
    first: Option<ProjectId>,
) -> Done<Option<ProjectId>> {
    let mut statement =
        work.connection.prepare_cached("SELECT id, project FROM sessions WHERE space = ?1 AND id = ?2")?;
    let stored = rows::first(&mut statement, (space, session.as_str()), |row| {
        Cells::new("sessions", row).id_or_none(1, "project", ProjectId::from_bytes)
    })?;
    Ok(stored.unwrap_or(first))
}

fn insert_event(work: &mut Work<'_>, space: i64, event: &Event) -> Done<i64> {
    work.statements.insert_event.execute((
        event.id.to_bytes(),
        space,
        event.event_type.as_str(),
        event.project.map(ProjectId::to_bytes),
        event.session.as_ref().map(SessionId::as_str),
        event.external_id.as_ref().map(ExternalId::as_str),
        event.ordering_key.as_ref().map(OrderingKey::as_str),
        event.occurred_at.map(Timestamp::as_millis),
        event.created_at.as_millis(),
        &event.payload[..],
    ))?;
    let seq = work.connection.last_insert_rowid();
    if let Some(session) = &event.session {
        work.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO sessions (id, space, project, label, metadata, created_at, updated_at)
                 VALUES (?1, ?2, ?3, '', '{}', ?4, ?4)",
            )?
            .execute((
                session.as_str(),
                space,
                event.project.map(ProjectId::to_bytes),
                event.created_at.as_millis(),
            ))?;
    }
    work.tally.count_bytes(event.space.tenant, i64::try_from(event.payload.len()).unwrap_or(i64::MAX));
    Ok(seq)
}

fn insert_delivery(
    work: &mut Work<'_>,
    space: i64,
    seq: i64,
    new: &NewEvent,
    delivery: &NewDelivery,
) -> Done<()> {
    let endpoint = delivery.endpoint;
    let order_key = delivery.order_key.as_deref();
    let waits = match order_key {
        None => false,
        Some(key) => work
            .connection
            .prepare_cached(
                "SELECT 1 FROM deliveries INDEXED BY deliveries_order
                 WHERE endpoint_id = ?1 AND order_key = ?2 AND state = 0 AND order_key IS NOT NULL",
            )?
            .exists((endpoint.to_bytes(), key))?,
    };
    let created_at = new.event.created_at;
    let due = if waits { Timestamp::NEVER } else { created_at };
    work.statements.insert_delivery.execute((
        delivery.id.to_bytes(),
        seq,
        endpoint.to_bytes(),
        space,
        due.as_millis(),
        created_at.as_millis(),
        order_key,
    ))?;
    if !waits {
        work.effects.lanes.fresh.push(Claimed {
            id: delivery.id,
            endpoint,
            attempt: 1,
            attempt_of_policy: 1,
            event: new.event.clone(),
        });
    }
    Ok(())
}
