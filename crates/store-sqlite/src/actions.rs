//! What agents did, as rows.

use posthouse_types::{Action, ActionId, ActionStatus, InboundId, Space, Timestamp};
use rusqlite::{OptionalExtension, Row};

use crate::fault::Done;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::turns::Place;
use crate::work::Work;

const COLUMNS: &str =
    "a.id, d.id, a.status, a.created_at, a.updated_at, a.tool, a.object, a.error, a.input, a.output";
/// Actions with their deliveries, as long as the source is there.
const FROM: &str = "actions a CROSS JOIN inbound d ON d.number = a.delivery
     CROSS JOIN sources s ON s.number = d.source AND s.deleted = 0";

fn action(row: &Row<'_>, space: Space) -> Done<Action> {
    let cells = Cells::new("actions", row);
    Ok(Action {
        id: cells.id(0, "id", ActionId::from_bytes)?,
        space,
        delivery: cells.id(1, "delivery", InboundId::from_bytes)?,
        tool: cells.get(5, "tool")?,
        input: cells.get(8, "input")?,
        output: cells.get(9, "output")?,
        status: ActionStatus::from_code(cells.get(2, "status")?).ok_or_else(|| cells.corrupt("status"))?,
        error: cells.get(7, "error")?,
        object: cells.get(6, "object")?,
        created_at: cells.time(3, "created_at")?,
        updated_at: cells.time(4, "updated_at")?,
    })
}

/// The actions of a delivery, oldest first.
pub(crate) fn of_delivery(reading: &Reading, space: Space, delivery: InboundId) -> Done<Vec<Action>> {
    let Some(number) = reading.space(space)? else { return Ok(Vec::new()) };
    let place = reading
        .connection()
        .prepare_cached("SELECT number FROM inbound INDEXED BY inbound_space WHERE space = ?1 AND id = ?2")?
        .query_row((number, delivery.to_bytes()), |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(place) = place else { return Ok(Vec::new()) };
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE a.delivery = ?1 ORDER BY a.id");
    rows::collect(&mut *reading.connection().prepare_cached(&sql)?, [place], |row| action(row, space))
}

/// One action.
pub(crate) fn one(reading: &Reading, space: Space, id: ActionId) -> Done<Option<Action>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE a.space = ?1 AND a.id = ?2");
    rows::first(&mut *reading.connection().prepare_cached(&sql)?, (number, id.to_bytes()), |row| {
        action(row, space)
    })
}

/// The delivery of an action.
pub(crate) fn place(work: &Work<'_>, space: i64, id: ActionId) -> Done<Option<Place>> {
    let sql = format!("SELECT d.source, d.number FROM {FROM} WHERE a.space = ?1 AND a.id = ?2");
    let place = work
        .connection
        .prepare_cached(&sql)?
        .query_row((space, id.to_bytes()), |row| Ok(Place { source: row.get(0)?, delivery: row.get(1)? }))
        .optional()?;
    Ok(place)
}

/// Stores an action of this delivery, in place of the one of its id.
pub(crate) fn put(work: &Work<'_>, space: i64, place: Place, action: &Action) -> Done<()> {
    work.connection
        .prepare_cached(
            "INSERT INTO actions (id, space, delivery, status, created_at, updated_at, tool, object, error, input,
                                  output)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (space, id) DO UPDATE SET delivery = ?3, status = ?4, created_at = ?5, updated_at = ?6,
                 tool = ?7, object = ?8, error = ?9, input = ?10, output = ?11",
        )?
        .execute((
            action.id.to_bytes(),
            space,
            place.delivery,
            action.status.code(),
            action.created_at.as_millis(),
            action.updated_at.as_millis(),
            &action.tool,
            action.object.as_deref(),
            action.error.as_deref(),
            &action.input,
            action.output.as_deref(),
        ))?;
    Ok(())
}

/// Changes the status of an action; false when it is not `from`, or the action is gone.
pub(crate) fn decide(
    work: &Work<'_>,
    space: i64,
    id: ActionId,
    (from, to): (ActionStatus, ActionStatus),
    at: Timestamp,
) -> Done<bool> {
    if place(work, space, id)?.is_none() {
        return Ok(false);
    }
    let changed = work
        .connection
        .prepare_cached(
            "UPDATE actions SET status = ?4, updated_at = ?5 WHERE space = ?1 AND id = ?2 AND status = ?3",
        )?
        .execute((space, id.to_bytes(), from.code(), to.code(), at.as_millis()))?;
    Ok(changed > 0)
}
