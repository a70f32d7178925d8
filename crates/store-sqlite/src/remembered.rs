//! What must be known again when it comes a second time: answers to changes of endpoints, and tokens.

use posthouse_store::{Constraint, Remember, Sealed, StoreError};
use posthouse_types::{IdempotencyKey, ProjectId, Space, Timestamp};

use crate::fault::{Done, Fault};
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;

/// Refuses a change whose key an answer is remembered under that is still good at `now`.
pub(crate) fn check(work: &Work<'_>, space: i64, remember: Option<&Remember>, now: Timestamp) -> Done<()> {
    let Some(remember) = remember else { return Ok(()) };
    let project = rows::project_code(remember.project);
    let taken = work
        .connection
        .prepare_cached(
            "SELECT 1 FROM remembered WHERE space = ?1 AND project = ?2 AND key = ?3 AND expires_at > ?4",
        )?
        .exists((space, project, remember.key.as_str(), now.as_millis()))?;
    if taken { Err(Fault::Refused(StoreError::Conflict(Constraint::IdempotencyKey))) } else { Ok(()) }
}

/// Remembers an answer, in place of one that is past its time.
pub(crate) fn write(work: &Work<'_>, space: i64, remember: Option<&Remember>) -> Done<()> {
    let Some(remember) = remember else { return Ok(()) };
    work.connection
        .prepare_cached(
            "INSERT OR REPLACE INTO remembered (space, project, key, fingerprint, answer, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            space,
            rows::project_code(remember.project),
            remember.key.as_str(),
            remember.fingerprint,
            &remember.answer.0,
            remember.expires_at.as_millis(),
        ))?;
    Ok(())
}

/// What is remembered under a key.
pub(crate) fn read(
    reading: &Reading,
    space: Space,
    project: Option<ProjectId>,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Done<Option<([u8; 32], Sealed)>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let mut statement = reading.connection().prepare_cached(
        "SELECT key, fingerprint, answer FROM remembered
         WHERE space = ?1 AND project = ?2 AND key = ?3 AND expires_at > ?4",
    )?;
    let of = (number, rows::project_code(project), key.as_str(), now.as_millis());
    rows::first(&mut statement, of, |row| {
        let cells = Cells::new("remembered", row);
        Ok((cells.get(1, "fingerprint")?, Sealed(cells.get(2, "answer")?)))
    })
}

/// Uses up a token; false when it was used before.
pub(crate) fn use_once(
    work: &mut Work<'_>,
    space: Space,
    token: &[u8; 32],
    expires_at: Timestamp,
) -> Done<bool> {
    let number = work.space(space)?;
    let used = work
        .connection
        .prepare_cached("INSERT OR IGNORE INTO used_tokens (space, token, expires_at) VALUES (?1, ?2, ?3)")?
        .execute((number, token, expires_at.as_millis()))?;
    Ok(used > 0)
}
