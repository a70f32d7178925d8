//! Endpoints as rows.

use posthouse_store::{EndpointRecord, Remember, Sealed, StoreError};
use posthouse_types::{
    DisabledReason, Endpoint, EndpointId, Health, Page, PageRequest, ProjectId, SessionId, Settings, Space,
};
use rusqlite::Row;

use crate::fault::{Done, Fault};
use crate::lists::limit;
use crate::reader::Reading;
use crate::remembered;
use crate::rows::{self, Cells};
use crate::work::Work;

const COLUMNS: &str =
    "id, space, project, session, settings, enabled, disabled_reason, health, secrets, headers,
    version, created_at, updated_at";

fn endpoint(row: &Row<'_>, space: Space) -> Done<EndpointRecord> {
    let cells = Cells::new("endpoints", row);
    let mut settings: Settings = cells.json(4, "settings")?;
    settings.enabled = cells.get(5, "enabled")?;
    let disabled_reason = match cells.get::<Option<String>>(6, "disabled_reason")? {
        None => None,
        Some(_) => Some(cells.named(6, "disabled_reason", reason_of)?),
    };
    Ok(EndpointRecord {
        endpoint: Endpoint {
            id: cells.id(0, "id", EndpointId::from_bytes)?,
            space,
            project: cells.id_or_none(2, "project", ProjectId::from_bytes)?,
            session: cells.text_or_none(3, "session")?,
            settings,
            disabled_reason,
            health: cells.json(7, "health")?,
            created_at: cells.time(11, "created_at")?,
            updated_at: cells.time(12, "updated_at")?,
        },
        secrets: Sealed(cells.get(8, "secrets")?),
        headers: Sealed(cells.get(9, "headers")?),
        version: cells.get(10, "version")?,
    })
}

fn reason_of(name: &str) -> Option<DisabledReason> {
    [DisabledReason::Gone, DisabledReason::Failing].into_iter().find(|reason| reason.as_str() == name)
}

/// Stores a new one, and the answer to remember.
pub(crate) fn insert(work: &mut Work<'_>, record: &EndpointRecord, remember: Option<&Remember>) -> Done<()> {
    let endpoint = &record.endpoint;
    let space = work.space(endpoint.space)?;
    remembered::check(work, space, remember, endpoint.updated_at)?;
    work.connection
        .prepare_cached(&format!(
            "INSERT INTO endpoints ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        ))?
        .execute((
            endpoint.id.to_bytes(),
            space,
            endpoint.project.map(ProjectId::to_bytes),
            endpoint.session.as_ref().map(SessionId::as_str),
            rows::to_json(&endpoint.settings),
            endpoint.settings.enabled,
            endpoint.disabled_reason.map(DisabledReason::as_str),
            rows::to_json(&endpoint.health),
            &record.secrets.0,
            &record.headers.0,
            record.version,
            endpoint.created_at.as_millis(),
            endpoint.updated_at.as_millis(),
        ))?;
    remembered::write(work, space, remember)
}

/// One endpoint.
pub(crate) fn read(reading: &Reading, space: Space, id: EndpointId) -> Done<Option<EndpointRecord>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM endpoints WHERE id = ?1 AND space = ?2 AND deleted = 0");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, (id.to_bytes(), number), |row| {
        endpoint(row, space)
    })
}

/// Endpoints of a space, newest first.
pub(crate) fn list(
    reading: &Reading,
    space: Space,
    page: &PageRequest<EndpointId>,
) -> Done<Page<EndpointRecord, EndpointId>> {
    let Some(number) = reading.space(space)? else { return Ok(Page { items: Vec::new(), next: None }) };
    let sql = format!(
        "SELECT {COLUMNS} FROM endpoints INDEXED BY endpoints_space
         WHERE space = ?1 AND deleted = 0 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    );
    let params = (number, page.after.map(EndpointId::to_bytes), limit(page.limit + 1));
    let items =
        rows::collect(&mut *reading.connection().prepare_cached(&sql)?, params, |row| endpoint(row, space))?;
    Ok(Page::from_rows(items, page.limit, |record| record.endpoint.id))
}

/// Every endpoint of every space that can be read.
pub(crate) fn all(reading: &Reading) -> Done<Vec<EndpointRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM endpoints WHERE deleted = 0");
    rows::readable(&mut *reading.connection().prepare_cached(&sql)?, [], usize::MAX, |row| {
        let number = Cells::new("endpoints", row).get(1, "space")?;
        endpoint(row, reading.space_of(number)?)
    })
}

/// Replaces what is its owner's, and stores the answer to remember.
pub(crate) fn update(
    work: &mut Work<'_>,
    record: &EndpointRecord,
    reset_health: bool,
    remember: Option<&Remember>,
) -> Done<Option<EndpointRecord>> {
    let space = record.endpoint.space;
    let Some(number) = work.known_space(space)? else { return Ok(None) };
    remembered::check(work, number, remember, record.endpoint.updated_at)?;
    let sql = format!("SELECT {COLUMNS} FROM endpoints WHERE id = ?1 AND space = ?2 AND deleted = 0");
    let id = record.endpoint.id.to_bytes();
    let stored =
        rows::first(&mut *work.connection.prepare_cached(&sql)?, (id, number), |row| endpoint(row, space))?;
    let Some(mut stored) = stored else { return Ok(None) };
    if stored.version != record.version {
        return Err(Fault::Refused(StoreError::Stale));
    }
    stored.version += 1;
    stored.endpoint.session.clone_from(&record.endpoint.session);
    stored.endpoint.settings = record.endpoint.settings.clone();
    stored.endpoint.disabled_reason = record.endpoint.disabled_reason;
    stored.endpoint.updated_at = record.endpoint.updated_at;
    stored.secrets = record.secrets.clone();
    stored.headers = record.headers.clone();
    if reset_health {
        stored.endpoint.health = Health::default();
    }
    work.connection
        .prepare_cached(
            "UPDATE endpoints SET settings = ?2, enabled = ?3, disabled_reason = ?4, health = ?5, secrets = ?6,
                                  headers = ?7, version = ?8, updated_at = ?9, session = ?10
             WHERE id = ?1",
        )?
        .execute((
            id,
            rows::to_json(&stored.endpoint.settings),
            stored.endpoint.settings.enabled,
            stored.endpoint.disabled_reason.map(DisabledReason::as_str),
            rows::to_json(&stored.endpoint.health),
            &stored.secrets.0,
            &stored.headers.0,
            stored.version,
            stored.endpoint.updated_at.as_millis(),
            stored.endpoint.session.as_ref().map(SessionId::as_str),
        ))?;
    remembered::write(work, number, remember)?;
    // It may have been off: what waited for it is due, although no delivery changed.
    work.effects.wake_due = true;
    Ok(Some(stored))
}

/// Leaves a mark of it, without settings and secrets.
pub(crate) fn delete(work: &mut Work<'_>, space: Space, id: EndpointId) -> Done<bool> {
    let Some(number) = work.known_space(space)? else { return Ok(false) };
    let deleted = work
        .connection
        .prepare_cached(
            "UPDATE endpoints SET deleted = 1, enabled = 0, settings = '{}', secrets = x'', headers = x''
             WHERE id = ?1 AND space = ?2 AND deleted = 0",
        )?
        .execute((id.to_bytes(), number))?
        > 0;
    if deleted {
        work.effects.lanes.deleted.push(id);
    }
    Ok(deleted)
}
