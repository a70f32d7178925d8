//! Tenants and keys as rows.

use posthouse_store::{KeyRecord, Tenant};
use posthouse_types::{KeyId, Page, PageRequest, ProjectId, Space, TenantId};
use rusqlite::Row;

use crate::fault::Done;
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::spaces::{environment_code, environment_of};
use crate::work::Work;

fn tenant(row: &Row<'_>) -> Done<Tenant> {
    let cells = Cells::new("tenants", row);
    Ok(Tenant {
        id: cells.id(0, "id", TenantId::from_bytes)?,
        name: cells.text(1, "name")?,
        created_at: cells.time(2, "created_at")?,
    })
}

/// The tenant of this name, made when there is none.
pub(crate) fn ensure(work: &mut Work<'_>, wanted: &Tenant) -> Done<Tenant> {
    let mut statement =
        work.connection.prepare_cached("SELECT id, name, created_at FROM tenants WHERE name = ?1")?;
    if let Some(found) = rows::first(&mut statement, [wanted.name.as_str()], tenant)? {
        return Ok(found);
    }
    work.connection
        .prepare_cached("INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3)")?
        .execute((wanted.id.to_bytes(), wanted.name.as_str(), wanted.created_at.as_millis()))?;
    Ok(wanted.clone())
}

/// All tenants, oldest first.
pub(crate) fn all(reading: &Reading) -> Done<Vec<Tenant>> {
    let mut statement = reading
        .connection()
        .prepare_cached("SELECT id, name, created_at FROM tenants ORDER BY created_at, id")?;
    rows::collect(&mut statement, [], tenant)
}

const KEY_COLUMNS: &str = "id, tenant, environment, project, name, capabilities, digest, hint, created_at";

fn key(row: &Row<'_>) -> Done<KeyRecord> {
    let cells = Cells::new("keys", row);
    let environment = environment_of(cells.get(2, "environment")?);
    Ok(KeyRecord {
        id: cells.id(0, "id", KeyId::from_bytes)?,
        space: Space {
            tenant: cells.id(1, "tenant", TenantId::from_bytes)?,
            environment: environment.ok_or_else(|| cells.corrupt("environment"))?,
        },
        project: cells.id_or_none(3, "project", ProjectId::from_bytes)?,
        name: cells.text(4, "name")?,
        capabilities: cells.json(5, "capabilities")?,
        digest: cells.get(6, "digest")?,
        hint: cells.get(7, "hint")?,
        created_at: cells.time(8, "created_at")?,
    })
}

/// Stores a new key.
pub(crate) fn insert_key(work: &mut Work<'_>, key: &KeyRecord) -> Done<()> {
    work.connection
        .prepare_cached(&format!(
            "INSERT INTO keys ({KEY_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ))?
        .execute((
            key.id.to_bytes(),
            key.space.tenant.to_bytes(),
            environment_code(key.space.environment),
            key.project.map(ProjectId::to_bytes),
            key.name.as_str(),
            rows::to_json(&key.capabilities),
            key.digest,
            &key.hint,
            key.created_at.as_millis(),
        ))?;
    Ok(())
}

/// The key with this digest.
pub(crate) fn key_by_digest(reading: &Reading, digest: &[u8; 32]) -> Done<Option<KeyRecord>> {
    let sql = format!("SELECT {KEY_COLUMNS} FROM keys WHERE digest = ?1");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, [digest], key)
}

/// The keys of a tenant, newest first.
pub(crate) fn keys(
    reading: &Reading,
    tenant: TenantId,
    page: &PageRequest<KeyId>,
) -> Done<Page<KeyRecord, KeyId>> {
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM keys WHERE tenant = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
    );
    let params = (tenant.to_bytes(), page.after.map(KeyId::to_bytes), limit(page.limit + 1));
    let items = rows::collect(&mut *reading.connection().prepare_cached(&sql)?, params, key)?;
    Ok(Page::from_rows(items, page.limit, |key| key.id))
}

/// Removes a key; the answer is what it was.
pub(crate) fn delete_key(work: &mut Work<'_>, tenant: TenantId, id: KeyId) -> Done<Option<KeyRecord>> {
    let sql = format!("DELETE FROM keys WHERE id = ?1 AND tenant = ?2 RETURNING {KEY_COLUMNS}");
    rows::first(&mut *work.connection.prepare_cached(&sql)?, (id.to_bytes(), tenant.to_bytes()), key)
}
