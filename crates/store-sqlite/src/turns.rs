//! The turns of agents. Of a session at most one is due, claimed or waits for its time: its head. All others have
//! [`WAITS`] for a due time, until the head has ended and the first of them takes its place.

use std::collections::HashMap;

use posthouse_store::{ClaimTurns, ClaimedTurns, TurnEnd, TurnEnded};
use posthouse_types::{
    ActionId, ActionStatus, InboundId, InboundStatus, MessageId, SessionId, Timestamp, Turn, TurnId,
    Work as Subject,
};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::fault::{Done, unless_corrupt};
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;

/// The due time of a turn behind another one of its session.
const WAITS: i64 = Timestamp::NEVER.as_millis();
/// Turns of deleted sources that one claim takes away: a few milliseconds of the writer's time.
const DEAD_MAX: usize = 500;

/// A turn of which the source was deleted, whether or not a mark of that is left.
const DEAD: &str = "(t.source IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sources s WHERE s.number = t.source AND s.deleted = 0))";

/// What the column `kind` says.
fn kind(work: Subject) -> (u8, [u8; 16]) {
    match work {
        Subject::Delivery(id) => (OF_DELIVERY, id.to_bytes()),
        Subject::Message(id) => (1, id.to_bytes()),
        Subject::Action(id) => (OF_ACTION, id.to_bytes()),
    }
}

const OF_DELIVERY: u8 = 0;
const OF_ACTION: u8 = 2;

fn subject(cells: &Cells<'_>, kind_at: usize) -> Done<Subject> {
    let id = kind_at + 1;
    match cells.get::<u8>(kind_at, "kind")? {
        OF_DELIVERY => cells.id(id, "subject", InboundId::from_bytes).map(Subject::Delivery),
        1 => cells.id(id, "subject", MessageId::from_bytes).map(Subject::Message),
        OF_ACTION => cells.id(id, "subject", ActionId::from_bytes).map(Subject::Action),
        _ => Err(cells.corrupt("kind")),
    }
}

/// A delivery by its number, and the number of its source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The source.
    pub(crate) source: i64,
    /// The delivery.
    pub(crate) delivery: i64,
}

/// A turn to be queued.
#[derive(Debug)]
pub(crate) struct NewTurn<'a> {
    /// Its id.
    pub(crate) id: TurnId,
    /// The number of its space.
    pub(crate) space: i64,
    /// Its session.
    pub(crate) session: &'a SessionId,
    /// What is to be done.
    pub(crate) work: Subject,
    /// The delivery that it is about, or whose action it is to carry out.
    pub(crate) of: Option<Place>,
    /// How often it was begun.
    pub(crate) starts: u16,
    /// When it is due, unless it has to wait.
    pub(crate) queued_at: Timestamp,
}

/// Queues a turn behind what waits in its session.
pub(crate) fn insert(work: &mut Work<'_>, turn: &NewTurn<'_>) -> Done<()> {
    let session = turn.session.as_str();
    let waits = work.statements.select_session_turn.exists((turn.space, session))?;
    let queued_at = turn.queued_at.as_millis();
    let (kind, subject) = kind(turn.work);
    work.statements.insert_turn.execute((
        turn.id.to_bytes(),
        turn.space,
        session,
        kind,
        subject,
        turn.of.map(|place| place.source),
        turn.of.map(|place| place.delivery),
        turn.starts,
        queued_at,
        if waits { WAITS } else { queued_at.min(WAITS - 1) },
    ))?;
    work.effects.wake_turns |= !waits;
    Ok(())
}

/// What was claimed by a process that is gone is due again.
pub(crate) fn restore(connection: &Connection) -> Done<()> {
    connection
        .prepare("UPDATE turns INDEXED BY turns_claimed SET due_at = queued_at WHERE due_at IS NULL")?
        .execute([])?;
    Ok(())
}

/// Turns that have not ended, but for those of deleted sources: both counted along an index.
pub(crate) fn waiting(reading: &Reading) -> Done<u64> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT (SELECT count(*) FROM turns)
                - (SELECT count(*) FROM sources s INDEXED BY sources_deleted
                   CROSS JOIN turns t INDEXED BY turns_source ON t.source = s.number
                   WHERE s.deleted = 1 AND t.source IS NOT NULL)",
    )?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// A due turn as a claim finds it.
struct Due {
    id: Vec<u8>,
    space: i64,
    delivery: Option<i64>,
    /// `None`: it is to go.
    turn: Option<Turn>,
    dead: bool,
}

/// Takes turns that are due. What it meets of deleted sources it takes away, so that a long queue of those is
/// walked once.
pub(crate) fn claim(work: &mut Work<'_>, claim: &ClaimTurns) -> Done<ClaimedTurns> {
    let (due, mut full) = find_due(work, claim)?;
    let mut claimed = ClaimedTurns::default();
    let is_enough = due.iter().filter(|due| due.turn.is_some()).count() < claim.limit;
    for due in due.into_iter().filter(|due| is_enough || due.turn.is_none()) {
        take(work, due, &mut claimed)?;
    }
    if !is_enough {
        full |= claim_fairly(work, claim, &mut claimed)?;
    }
    claimed.next_due = if full { Some(claim.now) } else { next_due(work)? };
    Ok(claimed)
}

/// Takes a turn, or takes it away.
fn take(work: &mut Work<'_>, due: Due, claimed: &mut ClaimedTurns) -> Done<()> {
    let Some(turn) = due.turn else {
        if let Some(delivery) = due.delivery.filter(|_| !due.dead) {
            fail(work, delivery, "what was to be done can not be read")?;
        }
        return remove(work, &due.id);
    };
    work.connection.prepare_cached("UPDATE turns SET due_at = NULL WHERE id = ?1")?.execute([due.id])?;
    if let (Subject::Delivery(_), Some(delivery)) = (turn.work, due.delivery) {
        work.connection
            .prepare_cached("UPDATE inbound SET status = ?2 WHERE number = ?1 AND status <> ?2")?
            .execute((delivery, InboundStatus::Queued.code()))?;
    }
    claimed.turns.push(turn);
    Ok(())
}

/// Takes turns where more may be due than can be taken: one of each space that has any, round after round, going on
/// where the last claim ended. A space that holds half of all gets no more before the others have what they want.
/// Whether it ended because too many were to go.
fn claim_fairly(work: &mut Work<'_>, claim: &ClaimTurns, claimed: &mut ClaimedTurns) -> Done<bool> {
    let mut held = held(work)?;
    let all = held.values().sum::<usize>() + claim.limit;
    let mut lost = 0;
    for share in [all.div_ceil(2), usize::MAX] {
        // The first round may begin in the middle.
        let mut moved = true;
        while claimed.turns.len() < claim.limit {
            let Some(due) = find_next(work, claim)? else {
                if !moved {
                    break;
                }
                moved = false;
                work.turns_after = i64::MIN;
                continue;
            };
            work.turns_after = due.space;
            let holds = held.entry(due.space).or_default();
            if *holds >= share {
                continue;
            }
            if due.turn.is_some() {
                *holds += 1;
            } else {
                lost += 1;
            }
            take(work, due, claimed)?;
            if lost >= DEAD_MAX {
                return Ok(true);
            }
            moved = true;
        }
    }
    Ok(false)
}

/// How many turns of each space are claimed.
fn held(work: &Work<'_>) -> Done<HashMap<i64, usize>> {
    let mut statement = work
        .connection
        .prepare_cached("SELECT space FROM turns INDEXED BY turns_claimed WHERE due_at IS NULL")?;
    let mut held = HashMap::new();
    for space in statement.query_map([], |row| row.get(0))? {
        *held.entry(space?).or_default() += 1;
    }
    Ok(held)
}

/// The oldest due turn of the space behind the one of which a turn was claimed last.
fn find_next(work: &mut Work<'_>, claim: &ClaimTurns) -> Done<Option<Due>> {
    let sql = format!(
        "SELECT {DUE_COLUMNS}, {DEAD} FROM turns t INDEXED BY turns_space
         WHERE t.due_at < 9223372036854775807 AND t.due_at <= ?1 AND t.space > ?2
         ORDER BY t.space, t.due_at, t.id LIMIT 1"
    );
    let connection = work.connection;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((claim.now.as_millis(), work.turns_after))?;
    rows.next()?.map(|row| due(work, row)).transpose()
}

/// The turns that a claim takes unless there are more, with those among them that are to go; and whether it ended
/// because there were too many of these.
fn find_due(work: &mut Work<'_>, claim: &ClaimTurns) -> Done<(Vec<Due>, bool)> {
    let sql = format!(
        "SELECT {DUE_COLUMNS}, {DEAD} FROM turns t INDEXED BY turns_due
         WHERE t.due_at < 9223372036854775807 AND t.due_at <= ?1 ORDER BY t.due_at, t.id"
    );
    let connection = work.connection;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([claim.now.as_millis()])?;
    let (mut found, mut live, mut lost) = (Vec::new(), 0, 0);
    while live < claim.limit && lost < DEAD_MAX {
        let Some(row) = rows.next()? else { return Ok((found, false)) };
        let due = due(work, row)?;
        if due.turn.is_some() {
            live += 1;
        } else {
            lost += 1;
        }
        found.push(due);
    }
    Ok((found, lost >= DEAD_MAX))
}

const DUE_COLUMNS: &str = "t.id, t.space, t.session, t.kind, t.subject, t.starts, t.queued_at, t.delivery";

/// A row of these columns, and whether its source was deleted.
fn due(work: &mut Work<'_>, row: &Row<'_>) -> Done<Due> {
    let dead = row.get(8)?;
    let turn = if dead { None } else { unless_corrupt(turn(work, row))? };
    Ok(Due { id: row.get(0)?, space: row.get(1)?, delivery: row.get(7)?, turn, dead })
}

fn turn(work: &mut Work<'_>, row: &Row<'_>) -> Done<Turn> {
    let cells = Cells::new("turns", row);
    let space = work.spaces.space(work.connection, cells.get(1, "space")?)?;
    Ok(Turn {
        id: cells.id(0, "id", TurnId::from_bytes)?,
        space,
        session: cells.text(2, "session")?,
        work: subject(&cells, 3)?,
        starts: cells.number(5, "starts")?,
        queued_at: cells.time(6, "queued_at")?,
    })
}

fn next_due(work: &Work<'_>) -> Done<Option<Timestamp>> {
    let sql = format!(
        "SELECT t.due_at FROM turns t INDEXED BY turns_due
         WHERE t.due_at < 9223372036854775807 AND NOT {DEAD} ORDER BY t.due_at LIMIT 1"
    );
    let due: Option<i64> =
        work.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?;
    Ok(due.map(Timestamp::from_millis))
}

/// Gives claimed turns back.
pub(crate) fn release(work: &mut Work<'_>, turns: &[TurnId]) -> Done<()> {
    for id in turns {
        work.connection
            .prepare_cached("UPDATE turns SET due_at = queued_at WHERE id = ?1 AND due_at IS NULL")?
            .execute([id.to_bytes()])?;
    }
    work.effects.wake_turns = true;
    Ok(())
}

/// A turn that is there, and whose source is.
struct Found {
    delivery: Option<i64>,
    kind: u8,
    due_at: Option<i64>,
}

impl Found {
    /// The delivery that an agent reacts to in this turn.
    fn reacts_to(&self) -> Option<i64> {
        self.delivery.filter(|_| self.kind == OF_DELIVERY)
    }
}

fn find(work: &Work<'_>, space: i64, id: TurnId) -> Done<Option<Found>> {
    let sql = format!(
        "SELECT t.delivery, t.kind, t.due_at FROM turns t WHERE t.id = ?1 AND t.space = ?2 AND NOT {DEAD}"
    );
    let found = work
        .connection
        .prepare_cached(&sql)?
        .query_row((id.to_bytes(), space), |row| {
            Ok(Found { delivery: row.get(0)?, kind: row.get(1)?, due_at: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// Begins a claimed turn; false when there is none.
pub(crate) fn start(work: &Work<'_>, space: i64, id: TurnId, at: Timestamp) -> Done<bool> {
    let Some(found) = find(work, space, id)?.filter(|found| found.due_at.is_none()) else { return Ok(false) };
    work.connection
        .prepare_cached("UPDATE turns SET starts = min(starts + 1, 65535) WHERE id = ?1")?
        .execute([id.to_bytes()])?;
    if let Some(delivery) = found.reacts_to() {
        work.connection
            .prepare_cached(
                "UPDATE inbound SET status = ?2, started_at = ?3, runs = min(runs + 1, 65535), finished_at = NULL,
                                    error = NULL, input_tokens = NULL, output_tokens = NULL
                 WHERE number = ?1",
            )?
            .execute((delivery, InboundStatus::Processing.code(), at.as_millis()))?;
    }
    Ok(true)
}

/// Ends a turn, or puts it off; one that is gone is passed over.
pub(crate) fn end(work: &mut Work<'_>, space: i64, ended: &TurnEnded) -> Done<()> {
    let Some(found) = find(work, space, ended.id)? else { return Ok(()) };
    let (status, error) = match &ended.end {
        TurnEnd::Done => (InboundStatus::Completed, None),
        TurnEnd::Failed(why) => (InboundStatus::Failed, Some(why)),
        TurnEnd::RetryAt(_, why) => (InboundStatus::Queued, Some(why)),
    };
    if let Some(delivery) = found.reacts_to() {
        let (input, output) = rows::tokens(ended.tokens);
        work.connection
            .prepare_cached(
                "UPDATE inbound SET status = ?2, finished_at = ?3, error = ?4, input_tokens = ?5, output_tokens = ?6
                 WHERE number = ?1",
            )?
            .execute((delivery, status.code(), ended.at.as_millis(), error, input, output))?;
    }
    let id = ended.id.to_bytes();
    match ended.end {
        TurnEnd::Done | TurnEnd::Failed(_) => remove(work, &id),
        TurnEnd::RetryAt(due, _) => {
            // One behind another of its session has no time of its own, whatever its claimer believes.
            work.connection
                .prepare_cached("UPDATE turns SET due_at = ?2 WHERE id = ?1 AND due_at IS NOT ?3")?
                .execute((id, due.as_millis().min(WAITS - 1), WAITS))?;
            work.effects.wake_turns = true;
            Ok(())
        }
    }
}

/// Removes a turn. When it was the head of its session, the first of those behind it takes its place.
fn remove(work: &mut Work<'_>, id: &[u8]) -> Done<()> {
    let removed: Option<(i64, String, Option<i64>)> = work
        .connection
        .prepare_cached("DELETE FROM turns WHERE id = ?1 RETURNING space, session, due_at")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((space, session, due_at)) = removed else { return Ok(()) };
    if due_at == Some(WAITS) {
        return Ok(());
    }
    let called = work
        .connection
        .prepare_cached(
            "UPDATE turns SET due_at = min(queued_at, 9223372036854775806) WHERE id =
                 (SELECT id FROM turns INDEXED BY turns_session WHERE space = ?1 AND session = ?2 ORDER BY id LIMIT 1)",
        )?
        .execute((space, session))?;
    work.effects.wake_turns |= called > 0;
    Ok(())
}

/// Removes turns of a source, `limit` at the most; the answer is how many.
pub(crate) fn remove_of_source(work: &mut Work<'_>, source: i64, limit: i64) -> Done<usize> {
    let ids: Vec<Vec<u8>> = work
        .connection
        .prepare_cached("SELECT id FROM turns INDEXED BY turns_source WHERE source = ?1 LIMIT ?2")?
        .query_map((source, limit), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    ids.iter().try_for_each(|id| remove(work, id))?;
    Ok(ids.len())
}

/// Whether a turn that is about this delivery has not ended.
pub(crate) fn is_waited_for(connection: &Connection, place: Place) -> Done<bool> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM turns INDEXED BY turns_source WHERE source = ?1 AND delivery = ?2")?;
    Ok(statement.exists((place.source, place.delivery))?)
}

/// Removes the turns of a session. The deliveries that they were to react to have failed, and so have the actions that
/// they were to carry out.
pub(crate) fn delete_all(work: &Work<'_>, space: i64, session: &SessionId) -> Done<()> {
    const WHY: &str = "the session was deleted";
    let mut statement = work.connection.prepare_cached(
        "DELETE FROM turns WHERE space = ?1 AND session = ?2 RETURNING delivery, kind, subject",
    )?;
    let gone: Vec<(Option<i64>, u8, Vec<u8>)> = statement
        .query_map((space, session.as_str()), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (delivery, kind, subject) in gone {
        match (kind, delivery) {
            (OF_DELIVERY, Some(delivery)) => fail(work, delivery, WHY)?,
            (OF_ACTION, _) => abandon(work, space, &subject, WHY)?,
            _ => {}
        }
    }
    Ok(())
}

fn fail(work: &Work<'_>, delivery: i64, why: &str) -> Done<()> {
    work.connection
        .prepare_cached("UPDATE inbound SET status = ?2, error = ?3 WHERE number = ?1")?
        .execute((delivery, InboundStatus::Failed.code(), why))?;
    Ok(())
}

/// Ends an approved action that will not be carried out.
fn abandon(work: &Work<'_>, space: i64, action: &[u8], why: &str) -> Done<()> {
    work.connection
        .prepare_cached(
            "UPDATE actions SET status = ?4, error = ?5 WHERE space = ?1 AND id = ?2 AND status = ?3",
        )?
        .execute((space, action, ActionStatus::Approved.code(), ActionStatus::Error.code(), why))?;
    Ok(())
}
