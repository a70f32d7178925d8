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
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;

/// The due time of a turn behind another one of its session.
const WAITS: i64 = Timestamp::NEVER.as_millis();
/// Turns of deleted sources that one claim takes away: a few milliseconds of the writer's time.
const DEAD_MAX: usize = 500;
/// Turns tried again that one claim calls up, likewise.
const CALLED_UP_MAX: usize = 500;

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

/// Turns that have not ended, but for those of deleted sources.
pub(crate) fn waiting(reading: &Reading) -> Done<u64> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT count(*) FROM turns
         WHERE source IS NULL OR source IN (SELECT number FROM sources WHERE deleted = 0)",
    )?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Where a turn lies.
struct Key {
    space: i64,
    /// Its bytes: it may be damaged, and the turn has to be found all the same.
    session: Vec<u8>,
    id: Vec<u8>,
}

/// The cells of a session's id.
fn session_bytes(row: &Row<'_>, index: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get_ref(index)?.as_bytes_or_null()?.unwrap_or_default().to_vec())
}

/// A due turn as a claim finds it.
struct Due {
    key: Key,
    since: i64,
    delivery: Option<i64>,
    /// `None`: it is to go.
    turn: Option<Turn>,
    dead: bool,
}

/// Takes turns that are due. What it meets of deleted sources it takes away, so that a long queue of those is
/// walked once.
pub(crate) fn claim(work: &mut Work<'_>, claim: &ClaimTurns) -> Done<ClaimedTurns> {
    let now = claim.now.as_millis();
    let is_more = call_up(work, now)?;
    let mut taken = Vec::new();
    let next_due = take_fairly(work, claim, &mut taken)?;
    taken.sort_unstable_by_key(|(since, turn)| (*since, turn.id));
    Ok(ClaimedTurns {
        turns: taken.into_iter().map(|(_, turn)| turn).collect(),
        next_due: if is_more { Some(claim.now) } else { next_due },
    })
}

/// Lets turns whose time has come join those that can be claimed; whether there may be more of them.
fn call_up(work: &Work<'_>, now: i64) -> Done<bool> {
    let keys: Vec<Key> = work
        .connection
        .prepare_cached(
            "SELECT space, session, id FROM turns INDEXED BY turns_later
             WHERE later = 1 AND due_at <= ?1 ORDER BY due_at LIMIT ?2",
        )?
        .query_map((now, limit(CALLED_UP_MAX)), |row| {
            Ok(Key { space: row.get(0)?, session: session_bytes(row, 1)?, id: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut statement = work.connection.prepare_cached(
        "UPDATE turns SET later = 0 WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id = ?3",
    )?;
    for Key { space, session, id } in &keys {
        statement.execute((space, session, id))?;
    }
    Ok(keys.len() >= CALLED_UP_MAX)
}

/// Takes turns round after round, going on behind the space where the last claim ended, so that no space waits for the
/// backlog of another. One that holds half of all gets no more before the others have what they want. Answers when
/// there is something to claim again.
fn take_fairly(
    work: &mut Work<'_>,
    claim: &ClaimTurns,
    taken: &mut Vec<(i64, Turn)>,
) -> Done<Option<Timestamp>> {
    let now = claim.now.as_millis();
    let mut held = held(work)?;
    let share = (held.values().sum::<usize>() + claim.limit).div_ceil(2);
    let mut lost = 0;
    loop {
        let room = claim.limit - taken.len();
        // Two at the most hold half of all.
        let (ready, next) = ready_spaces(work, now, if room == 0 { 1 } else { room + 2 })?;
        if ready.is_empty() {
            return Ok(next.into_iter().chain(next_later(work)?).min().map(Timestamp::from_millis));
        }
        if room == 0 || lost >= DEAD_MAX {
            return Ok(Some(claim.now));
        }
        let holds = |space: &i64| held.get(space).copied().unwrap_or_default();
        let modest: Vec<i64> = ready.iter().copied().filter(|space| holds(space) < share).collect();
        let (takers, share) = if modest.is_empty() { (ready, usize::MAX) } else { (modest, share) };
        let each = (room / takers.len()).max(1);
        for space in takers {
            let holds = held.entry(space).or_default();
            let wanted = each.min(share - *holds).min(claim.limit - taken.len());
            for due in find_due(work, (space, now), wanted, DEAD_MAX - lost)? {
                work.turns_after = space;
                match take(work, due)? {
                    Some(turn) => {
                        *holds += 1;
                        taken.push(turn);
                    }
                    None => lost += 1,
                }
            }
            if lost >= DEAD_MAX {
                break;
            }
        }
    }
}

/// Takes a turn, due since then, or takes it away.
fn take(work: &mut Work<'_>, due: Due) -> Done<Option<(i64, Turn)>> {
    let Due { key, since, delivery, turn, dead } = due;
    let Some(turn) = turn else {
        if let Some(delivery) = delivery.filter(|_| !dead) {
            fail(work, delivery, "what was to be done can not be read")?;
        }
        return remove(work, &key).map(|()| None);
    };
    work.connection
        .prepare_cached(
            "UPDATE turns SET due_at = NULL WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id = ?3",
        )?
        .execute((key.space, key.session, key.id))?;
    if let (Subject::Delivery(_), Some(delivery)) = (turn.work, delivery) {
        work.connection
            .prepare_cached("UPDATE inbound SET status = ?2 WHERE number = ?1 AND status <> ?2")?
            .execute((delivery, InboundStatus::Queued.code()))?;
    }
    Ok(Some((since, turn)))
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

/// Spaces that have due turns, `limit` at the most, in their order behind the one of which a turn was claimed last; and
/// when, if there is none, the first of what is not yet due will be. One look at the index for each space.
fn ready_spaces(work: &Work<'_>, now: i64, limit: usize) -> Done<(Vec<i64>, Option<i64>)> {
    let mut statement = work.connection.prepare_cached(
        "SELECT space, due_at FROM turns INDEXED BY turns_ready
         WHERE later = 0 AND due_at < 9223372036854775807 AND space > ?1 AND space <= ?2
         ORDER BY space, due_at LIMIT 1",
    )?;
    let (mut ready, mut next): (Vec<i64>, Option<i64>) = (Vec::new(), None);
    for (from, to) in [(work.turns_after, i64::MAX), (i64::MIN, work.turns_after)] {
        let mut after = from;
        while ready.len() < limit {
            let found = statement.query_row((after, to), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((space, due_at)) = found else { break };
            after = space;
            if due_at <= now {
                ready.push(space);
            } else {
                next = next.into_iter().chain([due_at]).min();
            }
        }
    }
    Ok((ready, next))
}

/// The oldest due turns of a space: so many, and those among them that are to go, as long as these are not too many.
fn find_due(work: &mut Work<'_>, (space, now): (i64, i64), wanted: usize, dead_max: usize) -> Done<Vec<Due>> {
    let sql = format!(
        "SELECT t.id, t.space, t.session, t.kind, t.subject, t.starts, t.queued_at, t.delivery, t.due_at, {DEAD}
         FROM turns t INDEXED BY turns_ready
         WHERE t.later = 0 AND t.due_at < 9223372036854775807 AND t.space = ?1 AND t.due_at <= ?2
         ORDER BY t.due_at, t.id"
    );
    let connection = work.connection;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((space, now))?;
    let (mut found, mut live) = (Vec::new(), 0);
    while live < wanted && found.len() - live < dead_max {
        let Some(row) = rows.next()? else { break };
        let due = due(work, row)?;
        live += usize::from(due.turn.is_some());
        found.push(due);
    }
    Ok(found)
}

/// A row of [`find_due`].
fn due(work: &mut Work<'_>, row: &Row<'_>) -> Done<Due> {
    let dead = row.get(9)?;
    let turn = if dead { None } else { unless_corrupt(turn(work, row))? };
    let key = Key { id: row.get(0)?, space: row.get(1)?, session: session_bytes(row, 2)? };
    Ok(Due { key, since: row.get(8)?, delivery: row.get(7)?, turn, dead })
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

/// When the first of those is due that are tried again.
fn next_later(work: &Work<'_>) -> Done<Option<i64>> {
    let sql = format!(
        "SELECT t.due_at FROM turns t INDEXED BY turns_later WHERE t.later = 1 AND NOT {DEAD}
         ORDER BY t.due_at LIMIT 1"
    );
    Ok(work.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?)
}

/// Gives claimed turns back.
pub(crate) fn release(work: &mut Work<'_>, turns: &[TurnId]) -> Done<()> {
    for id in turns {
        work.connection
            .prepare_cached(
                "UPDATE turns INDEXED BY turns_claimed SET due_at = queued_at WHERE id = ?1 AND due_at IS NULL",
            )?
            .execute([id.to_bytes()])?;
    }
    work.effects.wake_turns = true;
    Ok(())
}

/// A claimed turn.
struct Found {
    key: Key,
    delivery: Option<i64>,
    kind: u8,
    dead: bool,
}

impl Found {
    /// The delivery that an agent reacts to in this turn.
    fn reacts_to(&self) -> Option<i64> {
        self.delivery.filter(|_| self.kind == OF_DELIVERY)
    }
}

fn find_claimed(work: &Work<'_>, space: i64, id: TurnId) -> Done<Option<Found>> {
    let sql = format!(
        "SELECT t.session, t.delivery, t.kind, {DEAD} FROM turns t INDEXED BY turns_claimed
         WHERE t.id = ?1 AND t.due_at IS NULL AND t.space = ?2"
    );
    let id = id.to_bytes();
    let found = work
        .connection
        .prepare_cached(&sql)?
        .query_row((id, space), |row| {
            let key = Key { space, session: session_bytes(row, 0)?, id: id.to_vec() };
            Ok(Found { key, delivery: row.get(1)?, kind: row.get(2)?, dead: row.get(3)? })
        })
        .optional()?;
    Ok(found)
}

/// Begins a claimed turn; false when there is none.
pub(crate) fn start(work: &Work<'_>, space: i64, id: TurnId, at: Timestamp) -> Done<bool> {
    let Some(found) = find_claimed(work, space, id)?.filter(|found| !found.dead) else { return Ok(false) };
    let delivery = found.reacts_to();
    let Key { space, session, id } = found.key;
    work.connection
        .prepare_cached(
            "UPDATE turns SET starts = min(starts + 1, 65535) WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id = ?3",
        )?
        .execute((space, session, id))?;
    if let Some(delivery) = delivery {
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

/// Ends a claimed turn, or puts it off; one that is gone is passed over, and one of a deleted source goes.
pub(crate) fn end(work: &mut Work<'_>, space: i64, ended: &TurnEnded) -> Done<()> {
    let Some(found) = find_claimed(work, space, ended.id)? else { return Ok(()) };
    if found.dead {
        return remove(work, &found.key);
    }
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
    match ended.end {
        TurnEnd::Done | TurnEnd::Failed(_) => remove(work, &found.key),
        TurnEnd::RetryAt(due, _) => {
            let Key { space, session, id } = found.key;
            work.connection
                .prepare_cached(
                    "UPDATE turns SET due_at = ?4, later = 1 WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id = ?3",
                )?
                .execute((space, session, id, due.as_millis().min(WAITS - 1)))?;
            work.effects.wake_turns = true;
            Ok(())
        }
    }
}

/// Removes a turn. When it was the head of its session, the first of those behind it takes its place.
fn remove(work: &mut Work<'_>, key: &Key) -> Done<()> {
    let Key { space, session, id } = key;
    let due_at: Option<Option<i64>> = work
        .connection
        .prepare_cached(
            "DELETE FROM turns WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id = ?3 RETURNING due_at",
        )?
        .query_row((space, session, id), |row| row.get(0))
        .optional()?;
    if due_at.is_none_or(|due_at| due_at == Some(WAITS)) {
        return Ok(());
    }
    let called = work
        .connection
        .prepare_cached(
            "UPDATE turns SET due_at = min(queued_at, 9223372036854775806)
             WHERE space = ?1 AND session = CAST(?2 AS TEXT) AND id =
                 (SELECT id FROM turns WHERE space = ?1 AND session = CAST(?2 AS TEXT) ORDER BY id LIMIT 1)",
        )?
        .execute((space, session))?;
    work.effects.wake_turns |= called > 0;
    Ok(())
}

/// Removes turns of a source in a session, `limit` at the most; the answer is how many.
pub(crate) fn remove_of_source(
    work: &mut Work<'_>,
    source: i64,
    (space, session): (i64, &str),
    limit: i64,
) -> Done<usize> {
    let ids: Vec<Vec<u8>> = work
        .connection
        .prepare_cached("SELECT id FROM turns WHERE space = ?1 AND session = ?2 AND source = ?3 LIMIT ?4")?
        .query_map((space, session, source, limit), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count = ids.len();
    for id in ids {
        remove(work, &Key { space, session: session.into(), id })?;
    }
    Ok(count)
}

/// Whether a turn that is to carry out an action of this delivery has not ended.
pub(crate) fn is_to_act(connection: &Connection, delivery: i64, (space, session): (i64, &str)) -> Done<bool> {
    if !acts(connection, delivery)? {
        return Ok(false);
    }
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM turns WHERE space = ?1 AND session = ?2 AND delivery = ?3")?;
    Ok(statement.exists((space, session, delivery))?)
}

/// Whether an action of this delivery is to be carried out, or being.
pub(crate) fn acts(connection: &Connection, delivery: i64) -> Done<bool> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM actions WHERE delivery = ?1 AND status IN (?2, ?3)")?;
    Ok(statement.exists((delivery, ActionStatus::Running.code(), ActionStatus::Approved.code()))?)
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
