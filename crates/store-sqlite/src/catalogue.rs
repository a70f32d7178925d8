//! Projects, sessions and event types as rows.

use posthouse_store::{Constraint, Counts, EventTypeRecord, ProjectRecord, SessionRecord, StoreError};
use posthouse_types::{
    AgentId, EventType, Page, PageRequest, ProjectId, SessionId, SourceId, Space, Timestamp,
};
use rusqlite::Row;

use crate::fault::{Done, Fault};
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::spaces::environment_code;
use crate::work::Work;
use crate::{messages, turns};

fn empty<T, K>() -> Page<T, K> {
    Page { items: Vec::new(), next: None }
}

const PROJECT_COLUMNS: &str = "id, space, name, created_at";

fn project_row(row: &Row<'_>, space: Space) -> Done<ProjectRecord> {
    let cells = Cells::new("projects", row);
    Ok(ProjectRecord {
        id: cells.id(0, "id", ProjectId::from_bytes)?,
        space,
        name: cells.text(2, "name")?,
        created_at: cells.time(3, "created_at")?,
    })
}

/// Stores a new project.
pub(crate) fn insert_project(work: &mut Work<'_>, project: &ProjectRecord) -> Done<()> {
    let space = work.space(project.space)?;
    let inserted = work
        .connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO projects ({PROJECT_COLUMNS}) VALUES (?1, ?2, ?3, ?4)"
        ))?
        .execute((project.id.to_bytes(), space, project.name.as_str(), project.created_at.as_millis()))?;
    match inserted {
        0 => Err(Fault::Refused(StoreError::Conflict(Constraint::ProjectId))),
        _ => Ok(()),
    }
}

/// One project.
pub(crate) fn project(reading: &Reading, space: Space, id: ProjectId) -> Done<Option<ProjectRecord>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {PROJECT_COLUMNS} FROM projects WHERE space = ?1 AND id = ?2");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, (number, id.to_bytes()), |row| {
        project_row(row, space)
    })
}

/// Projects, newest first.
pub(crate) fn projects(
    reading: &Reading,
    space: Space,
    page: &PageRequest<(Timestamp, ProjectId)>,
) -> Done<Page<ProjectRecord, (Timestamp, ProjectId)>> {
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let sql = format!(
        "SELECT {PROJECT_COLUMNS} FROM projects INDEXED BY projects_space
         WHERE space = ?1 AND (?2 IS NULL OR (created_at, id) < (?2, ?3))
         ORDER BY created_at DESC, id DESC LIMIT ?4"
    );
    let (time, id) = page.after.map(|(time, id)| (time.as_millis(), id.to_bytes())).unzip();
    let mut statement = reading.connection().prepare_cached(&sql)?;
    let items = rows::collect(&mut statement, (number, time, id, limit(page.limit + 1)), |row| {
        project_row(row, space)
    })?;
    Ok(Page::from_rows(items, page.limit, |project| (project.created_at, project.id)))
}

const SESSION_COLUMNS: &str = "id, space, project, label, metadata, created_at, updated_at, agent, source";

fn session_row(row: &Row<'_>, space: Space) -> Done<SessionRecord> {
    let cells = Cells::new("sessions", row);
    Ok(SessionRecord {
        id: cells.text(0, "id")?,
        space,
        project: cells.id_or_none(2, "project", ProjectId::from_bytes)?,
        label: cells.get(3, "label")?,
        metadata: cells.json(4, "metadata")?,
        agent: cells.id_or_none(7, "agent", AgentId::from_bytes)?,
        source: cells.id_or_none(8, "source", SourceId::from_bytes)?,
        created_at: cells.time(5, "created_at")?,
        updated_at: cells.time(6, "updated_at")?,
    })
}

/// Stores a new session.
pub(crate) fn insert_session(work: &mut Work<'_>, session: &SessionRecord) -> Done<()> {
    let space = work.space(session.space)?;
    if register(work, space, session)? {
        Ok(())
    } else {
        Err(Fault::Refused(StoreError::Conflict(Constraint::SessionId)))
    }
}

/// Stores a session unless there is one of its id; whether it is new.
pub(crate) fn register(work: &Work<'_>, space: i64, session: &SessionRecord) -> Done<bool> {
    let inserted = work
        .connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO sessions ({SESSION_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ))?
        .execute((
            session.id.as_str(),
            space,
            session.project.map(ProjectId::to_bytes),
            &session.label,
            rows::to_json(&session.metadata),
            session.created_at.as_millis(),
            session.updated_at.as_millis(),
            session.agent.map(AgentId::to_bytes),
            session.source.map(SourceId::to_bytes),
        ))?;
    Ok(inserted > 0)
}

/// One session.
pub(crate) fn session(reading: &Reading, space: Space, id: &SessionId) -> Done<Option<SessionRecord>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {SESSION_COLUMNS} FROM sessions WHERE space = ?1 AND id = ?2");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, (number, id.as_str()), |row| {
        session_row(row, space)
    })
}

/// Sessions, newest first.
pub(crate) fn sessions(
    reading: &Reading,
    space: Space,
    project: Option<ProjectId>,
    page: &PageRequest<(Timestamp, SessionId)>,
) -> Done<Page<SessionRecord, (Timestamp, SessionId)>> {
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let sql = format!(
        "SELECT {SESSION_COLUMNS} FROM sessions INDEXED BY sessions_space
         WHERE space = ?1 AND (?2 IS NULL OR (created_at, id) < (?2, ?3)) AND (?4 IS NULL OR project = ?4)
         ORDER BY created_at DESC, id DESC LIMIT ?5"
    );
    let (time, id) = page.after.as_ref().map(|(time, id)| (time.as_millis(), id.as_str())).unzip();
    let params = (number, time, id, project.map(ProjectId::to_bytes), limit(page.limit + 1));
    let mut statement = reading.connection().prepare_cached(&sql)?;
    let items = rows::collect(&mut statement, params, |row| session_row(row, space))?;
    Ok(Page::from_rows(items, page.limit, |session| (session.created_at, session.id.clone())))
}

/// Replaces label, metadata, agent and the time of change.
pub(crate) fn update_session(work: &mut Work<'_>, session: &SessionRecord) -> Done<bool> {
    let Some(number) = work.known_space(session.space)? else { return Ok(false) };
    let changed = work
        .connection
        .prepare_cached(
            "UPDATE sessions SET label = ?3, metadata = ?4, updated_at = ?5, agent = ?6 WHERE space = ?1 AND id = ?2",
        )?
        .execute((
            number,
            session.id.as_str(),
            &session.label,
            rows::to_json(&session.metadata),
            session.updated_at.as_millis(),
            session.agent.map(AgentId::to_bytes),
        ))?;
    Ok(changed > 0)
}

/// Removes a session, with its messages, their votes, and its turns.
pub(crate) fn delete_session(work: &mut Work<'_>, space: Space, id: &SessionId) -> Done<bool> {
    let Some(number) = work.known_space(space)? else { return Ok(false) };
    let deleted = work
        .connection
        .prepare_cached("DELETE FROM sessions WHERE space = ?1 AND id = ?2")?
        .execute((number, id.as_str()))?
        > 0;
    if deleted {
        messages::delete_all(work, number, id)?;
        turns::delete_all(work, number, id)?;
    }
    Ok(deleted)
}

const EVENT_TYPE_COLUMNS: &str = "name, space, description, schema, created_at, updated_at";

fn event_type_row(row: &Row<'_>, space: Space) -> Done<EventTypeRecord> {
    let cells = Cells::new("event_types", row);
    let schema = match cells.get::<Option<String>>(3, "schema")? {
        None => None,
        Some(_) => Some(cells.json(3, "schema")?),
    };
    Ok(EventTypeRecord {
        space,
        event_type: cells.text(0, "name")?,
        description: cells.get(2, "description")?,
        schema,
        created_at: cells.time(4, "created_at")?,
        updated_at: cells.time(5, "updated_at")?,
    })
}

/// Stores an event type, replacing one of that name; the answer is as stored.
pub(crate) fn put_event_type(work: &mut Work<'_>, record: &EventTypeRecord) -> Done<EventTypeRecord> {
    let space = work.space(record.space)?;
    let created_at = work
        .connection
        .prepare_cached(
            "INSERT INTO event_types (name, space, description, schema, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (space, name) DO UPDATE SET description = ?3, schema = ?4, updated_at = ?6
             RETURNING created_at",
        )?
        .query_row(
            (
                record.event_type.as_str(),
                space,
                &record.description,
                record.schema.as_ref().map(rows::to_json),
                record.created_at.as_millis(),
                record.updated_at.as_millis(),
            ),
            |row| row.get(0),
        )?;
    Ok(EventTypeRecord { created_at: Timestamp::from_millis(created_at), ..record.clone() })
}

/// How many things a space holds: each counted along an index.
pub(crate) fn counts(reading: &Reading, space: Space) -> Done<Counts> {
    let number = reading.space(space)?;
    let mut statement = reading.connection().prepare_cached(
        "SELECT (SELECT count(*) FROM endpoints INDEXED BY endpoints_space WHERE space = ?1 AND deleted = 0),
                (SELECT count(*) FROM sources INDEXED BY sources_space WHERE space = ?1 AND deleted = 0),
                (SELECT count(*) FROM agents INDEXED BY agents_space WHERE space = ?1),
                (SELECT count(*) FROM projects INDEXED BY projects_space WHERE space = ?1),
                (SELECT count(*) FROM event_types WHERE space = ?1),
                (SELECT count(*) FROM keys INDEXED BY keys_tenant WHERE tenant = ?2 AND environment = ?3)",
    )?;
    let params = (number, space.tenant.to_bytes(), environment_code(space.environment));
    let counts = rows::first(&mut statement, params, |row| {
        let cells = Cells::new("spaces", row);
        Ok(Counts {
            endpoints: cells.number(0, "endpoints")?,
            sources: cells.number(1, "sources")?,
            agents: cells.number(2, "agents")?,
            projects: cells.number(3, "projects")?,
            event_types: cells.number(4, "event_types")?,
            keys: cells.number(5, "keys")?,
        })
    })?;
    Ok(counts.unwrap_or_default())
}

/// Every event type of every space that can be read, by name.
pub(crate) fn all_event_types(reading: &Reading) -> Done<Vec<EventTypeRecord>> {
    let sql = format!("SELECT {EVENT_TYPE_COLUMNS} FROM event_types ORDER BY name, space");
    rows::readable(&mut *reading.connection().prepare_cached(&sql)?, [], usize::MAX, |row| {
        let number = Cells::new("event_types", row).get(1, "space")?;
        event_type_row(row, reading.space_of(number)?)
    })
}

/// Event types of a space, by name.
pub(crate) fn event_types(
    reading: &Reading,
    space: Space,
    page: &PageRequest<EventType>,
) -> Done<Page<EventTypeRecord, EventType>> {
    let Some(number) = reading.space(space)? else { return Ok(empty()) };
    let sql = format!(
        "SELECT {EVENT_TYPE_COLUMNS} FROM event_types WHERE space = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
    );
    let after = page.after.as_ref().map_or("", EventType::as_str);
    let mut statement = reading.connection().prepare_cached(&sql)?;
    let items = rows::collect(&mut statement, (number, after, limit(page.limit + 1)), |row| {
        event_type_row(row, space)
    })?;
    Ok(Page::from_rows(items, page.limit, |record| record.event_type.clone()))
}
