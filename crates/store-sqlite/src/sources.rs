//! Sources as rows.

use async_trait::async_trait;
use posthouse_store::{AgentRecord, Result, Sealed, SourceRecord, Sources, StoreError};
use posthouse_types::{
    AgentId, Page, PageRequest, ProjectId, PublicId, Source, SourceId, SourceRef, Space, Timestamp,
};
use rusqlite::Row;

use crate::fault::{Done, Fault};
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;
use crate::{SqliteStore, agents};

#[async_trait]
impl Sources for SqliteStore {
    async fn insert_source(&self, source: SourceRecord) -> Result<u64> {
        self.writer.write(move |work| insert(work, &source)).await
    }

    async fn source(&self, space: Space, source: SourceRef) -> Result<Option<SourceRecord>> {
        self.readers.points.read(move |reading| read(reading, space, source)).await
    }

    async fn sources(
        &self,
        space: Space,
        page: PageRequest<SourceId>,
    ) -> Result<Page<SourceRecord, SourceId>> {
        self.readers.lists.read(move |reading| list(reading, space, &page)).await
    }

    async fn all_sources(&self) -> Result<Vec<SourceRecord>> {
        self.readers.lists.read(all).await
    }

    async fn update_source(&self, source: SourceRecord) -> Result<Option<SourceRecord>> {
        self.writer.write(move |work| update(work, &source)).await
    }

    async fn delete_source(&self, space: Space, id: SourceId) -> Result<bool> {
        self.writer.write(move |work| delete(work, space, id)).await
    }

    async fn insert_agent(&self, agent: AgentRecord) -> Result<()> {
        self.writer.write(move |work| agents::insert(work, &agent)).await
    }

    async fn agent(&self, space: Space, id: AgentId) -> Result<Option<AgentRecord>> {
        self.readers.points.read(move |reading| agents::read(reading, space, id)).await
    }

    async fn agents(&self, space: Space, page: PageRequest<AgentId>) -> Result<Page<AgentRecord, AgentId>> {
        self.readers.lists.read(move |reading| agents::list(reading, space, &page)).await
    }

    async fn all_agents(&self) -> Result<Vec<AgentRecord>> {
        self.readers.lists.read(agents::all).await
    }

    async fn update_agent(&self, agent: AgentRecord) -> Result<Option<AgentRecord>> {
        self.writer.write(move |work| agents::update(work, &agent)).await
    }

    async fn delete_agent(&self, space: Space, id: AgentId) -> Result<bool> {
        self.writer.write(move |work| agents::delete(work, space, id)).await
    }
}

const COLUMNS: &str =
    "id, number, public_id, space, project, settings, deliveries, last_delivery_at, version, created_at,
    updated_at, secrets";

fn source(row: &Row<'_>, space: Space) -> Done<SourceRecord> {
    let cells = Cells::new("sources", row);
    Ok(SourceRecord {
        source: Source {
            id: cells.id(0, "id", SourceId::from_bytes)?,
            number: cells.number(1, "number")?,
            public_id: cells
                .id(2, "public_id", |bytes| Some(PublicId::from_bytes(bytes.try_into().ok()?)))?,
            space,
            project: cells.id_or_none(4, "project", ProjectId::from_bytes)?,
            settings: cells.json(5, "settings")?,
            deliveries: cells.number(6, "deliveries")?,
            last_delivery_at: cells.time_or_none(7, "last_delivery_at")?,
            created_at: cells.time(9, "created_at")?,
            updated_at: cells.time(10, "updated_at")?,
        },
        secrets: Sealed(cells.get(11, "secrets")?),
        version: cells.get(8, "version")?,
    })
}

/// Stores a new one; the answer is its number.
fn insert(work: &mut Work<'_>, record: &SourceRecord) -> Done<u64> {
    let source = &record.source;
    let space = work.space(source.space)?;
    work.connection
        .prepare_cached(
            "INSERT INTO sources (id, public_id, space, project, settings, deliveries, last_delivery_at, version,
                                  created_at, updated_at, secrets)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            source.id.to_bytes(),
            source.public_id.to_bytes(),
            space,
            source.project.map(ProjectId::to_bytes),
            rows::to_json(&source.settings),
            rows::stored(source.deliveries),
            source.last_delivery_at.map(Timestamp::as_millis),
            record.version,
            source.created_at.as_millis(),
            source.updated_at.as_millis(),
            &record.secrets.0,
        ))?;
    work.forget_sources();
    let number = work.connection.last_insert_rowid();
    u64::try_from(number).map_err(|_| Fault::corrupt("sources", "number", number.to_string()))
}

/// One source.
fn read(reading: &Reading, space: Space, wanted: SourceRef) -> Done<Option<SourceRecord>> {
    let Some(space_number) = reading.space(space)? else { return Ok(None) };
    let connection = reading.connection();
    let of =
        |column| format!("SELECT {COLUMNS} FROM sources WHERE {column} = ?1 AND space = ?2 AND deleted = 0");
    match wanted {
        SourceRef::Id(id) => {
            let mut statement = connection.prepare_cached(&of("id"))?;
            rows::first(&mut statement, (id.to_bytes(), space_number), |row| source(row, space))
        }
        SourceRef::Number(number) => {
            let mut statement = connection.prepare_cached(&of("number"))?;
            rows::first(&mut statement, (rows::stored(number), space_number), |row| source(row, space))
        }
    }
}

/// Sources of a space, newest first.
fn list(reading: &Reading, space: Space, page: &PageRequest<SourceId>) -> Done<Page<SourceRecord, SourceId>> {
    let Some(number) = reading.space(space)? else { return Ok(Page { items: Vec::new(), next: None }) };
    let sql = format!(
        "SELECT {COLUMNS} FROM sources INDEXED BY sources_space
         WHERE space = ?1 AND deleted = 0 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    );
    let params = (number, page.after.map(SourceId::to_bytes), limit(page.limit + 1));
    let items =
        rows::collect(&mut *reading.connection().prepare_cached(&sql)?, params, |row| source(row, space))?;
    Ok(Page::from_rows(items, page.limit, |record| record.source.id))
}

/// Every source of every space that can be read.
fn all(reading: &Reading) -> Done<Vec<SourceRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM sources WHERE deleted = 0");
    rows::readable(&mut *reading.connection().prepare_cached(&sql)?, [], usize::MAX, |row| {
        let number = Cells::new("sources", row).get(3, "space")?;
        source(row, reading.space_of(number)?)
    })
}

/// Replaces what is its owner's.
fn update(work: &mut Work<'_>, record: &SourceRecord) -> Done<Option<SourceRecord>> {
    let space = record.source.space;
    let Some(number) = work.known_space(space)? else { return Ok(None) };
    // What the group has counted so far is part of the answer.
    work.tally.write(work.connection)?;
    let sql = format!("SELECT {COLUMNS} FROM sources WHERE id = ?1 AND space = ?2 AND deleted = 0");
    let id = record.source.id.to_bytes();
    let stored =
        rows::first(&mut *work.connection.prepare_cached(&sql)?, (id, number), |row| source(row, space))?;
    let Some(mut stored) = stored else { return Ok(None) };
    if stored.version != record.version {
        return Err(Fault::Refused(StoreError::Stale));
    }
    stored.version += 1;
    stored.source.settings = record.source.settings.clone();
    stored.source.updated_at = record.source.updated_at;
    stored.secrets = record.secrets.clone();
    work.connection
        .prepare_cached(
            "UPDATE sources SET settings = ?2, secrets = ?3, version = ?4, updated_at = ?5 WHERE id = ?1",
        )?
        .execute((
            id,
            rows::to_json(&stored.source.settings),
            &stored.secrets.0,
            stored.version,
            stored.source.updated_at.as_millis(),
        ))?;
    Ok(Some(stored))
}

/// Leaves a mark of it, without settings and secrets: whatever belongs to it is found no more.
fn delete(work: &mut Work<'_>, space: Space, id: SourceId) -> Done<bool> {
    let Some(number) = work.known_space(space)? else { return Ok(false) };
    let deleted = work
        .connection
        .prepare_cached(
            "UPDATE sources SET deleted = 1, settings = '{}', secrets = x''
             WHERE id = ?1 AND space = ?2 AND deleted = 0",
        )?
        .execute((id.to_bytes(), number))?
        > 0;
    if deleted {
        work.forget_sources();
        // A claim takes away what it meets of it, and so frees what waits behind.
        work.effects.wake_turns = true;
    }
    Ok(deleted)
}
