//! Agents as rows.

use posthouse_store::{AgentRecord, Sealed, StoreError};
use posthouse_types::{Agent, AgentId, Page, PageRequest, ProjectId, Space};
use rusqlite::Row;

use crate::fault::{Done, Fault};
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;

const COLUMNS: &str = "id, space, project, settings, version, created_at, updated_at, secrets";

fn agent(row: &Row<'_>, space: Space) -> Done<AgentRecord> {
    let cells = Cells::new("agents", row);
    Ok(AgentRecord {
        agent: Agent {
            id: cells.id(0, "id", AgentId::from_bytes)?,
            space,
            project: cells.id_or_none(2, "project", ProjectId::from_bytes)?,
            settings: cells.json(3, "settings")?,
            created_at: cells.time(5, "created_at")?,
            updated_at: cells.time(6, "updated_at")?,
        },
        secrets: Sealed(cells.get(7, "secrets")?),
        version: cells.get(4, "version")?,
    })
}

/// Stores a new one.
pub(crate) fn insert(work: &mut Work<'_>, record: &AgentRecord) -> Done<()> {
    let agent = &record.agent;
    let space = work.space(agent.space)?;
    work.connection
        .prepare_cached(&format!("INSERT INTO agents ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?
        .execute((
            agent.id.to_bytes(),
            space,
            agent.project.map(ProjectId::to_bytes),
            rows::to_json(&agent.settings),
            record.version,
            agent.created_at.as_millis(),
            agent.updated_at.as_millis(),
            &record.secrets.0,
        ))?;
    Ok(())
}

/// One agent.
pub(crate) fn read(reading: &Reading, space: Space, id: AgentId) -> Done<Option<AgentRecord>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = ?1 AND space = ?2");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, (id.to_bytes(), number), |row| {
        agent(row, space)
    })
}

/// Agents of a space, newest first.
pub(crate) fn list(
    reading: &Reading,
    space: Space,
    page: &PageRequest<AgentId>,
) -> Done<Page<AgentRecord, AgentId>> {
    let Some(number) = reading.space(space)? else { return Ok(Page { items: Vec::new(), next: None }) };
    let sql = format!(
        "SELECT {COLUMNS} FROM agents INDEXED BY agents_space
         WHERE space = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    );
    let params = (number, page.after.map(AgentId::to_bytes), limit(page.limit + 1));
    let items =
        rows::collect(&mut *reading.connection().prepare_cached(&sql)?, params, |row| agent(row, space))?;
    Ok(Page::from_rows(items, page.limit, |record| record.agent.id))
}

/// Every agent of every space that can be read.
pub(crate) fn all(reading: &Reading) -> Done<Vec<AgentRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM agents");
    rows::readable(&mut *reading.connection().prepare_cached(&sql)?, [], usize::MAX, |row| {
        let number = Cells::new("agents", row).get(1, "space")?;
        agent(row, reading.space_of(number)?)
    })
}

/// Replaces what is its owner's.
pub(crate) fn update(work: &mut Work<'_>, record: &AgentRecord) -> Done<Option<AgentRecord>> {
    let space = record.agent.space;
    let Some(number) = work.known_space(space)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = ?1 AND space = ?2");
    let id = record.agent.id.to_bytes();
    let stored =
        rows::first(&mut *work.connection.prepare_cached(&sql)?, (id, number), |row| agent(row, space))?;
    let Some(mut stored) = stored else { return Ok(None) };
    if stored.version != record.version {
        return Err(Fault::Refused(StoreError::Stale));
    }
    stored.version += 1;
    stored.agent.settings = record.agent.settings.clone();
    stored.agent.updated_at = record.agent.updated_at;
    stored.secrets = record.secrets.clone();
    work.connection
        .prepare_cached(
            "UPDATE agents SET settings = ?2, secrets = ?3, version = ?4, updated_at = ?5 WHERE id = ?1",
        )?
        .execute((
            id,
            rows::to_json(&stored.agent.settings),
            &stored.secrets.0,
            stored.version,
            stored.agent.updated_at.as_millis(),
        ))?;
    Ok(Some(stored))
}

/// Removes one.
pub(crate) fn delete(work: &mut Work<'_>, space: Space, id: AgentId) -> Done<bool> {
    let Some(number) = work.known_space(space)? else { return Ok(false) };
    let deleted = work
        .connection
        .prepare_cached("DELETE FROM agents WHERE id = ?1 AND space = ?2")?
        .execute((id.to_bytes(), number))?;
    Ok(deleted > 0)
}
