//! Removing what arrived, in slices. What is old is looked up beside the writer, which then removes what still has
//! to go and may. What deleted sources have left goes first: others wait behind it.

use std::collections::BTreeSet;

use posthouse_store::{PruneInbound, PrunedInbound};
use posthouse_types::{InboundId, InboundStatus, TenantId, Timestamp};
use rusqlite::OptionalExtension;

use crate::fault::{Done, unless_corrupt};
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::turns;
use crate::work::Work;

/// How far the walks have come, so that the next slice finds the places without a search.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// The last delivery of the last slice.
    delivery: Option<Reached>,
    /// The last session; `None`: the walk along sessions begins.
    session: Option<SessionPlace>,
}

/// A session by its time and its row.
type SessionPlace = (i64, i64);

/// A delivery by both its names.
#[derive(Debug, Clone, Copy)]
struct Reached {
    id: InboundId,
    number: i64,
}

/// What one slice has to look at.
pub(super) struct Slice {
    /// In order of arrival.
    deliveries: Vec<Reached>,
    more_deliveries: bool,
    messages: Vec<(i64, String, Vec<u8>)>,
    more_messages: bool,
    sessions: Vec<i64>,
    /// Where the walk along sessions goes on; `None`: it is over.
    session: Option<SessionPlace>,
}

/// What removing costs the writer: a few tens of milliseconds.
struct Budget {
    actions: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { actions: 2000, bytes: 32 * 1024 * 1024 }
    }
}

impl Budget {
    fn spend(&mut self, actions: usize, bytes: i64) {
        self.actions = self.actions.saturating_sub(actions);
        self.bytes = self.bytes.saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    fn is_spent(&self) -> bool {
        self.actions == 0 || self.bytes == 0
    }
}

/// Finds what may have to go.
pub(super) fn look(reading: &Reading, prune: &PruneInbound, progress: Progress) -> Done<Slice> {
    let count = prune.limit.max(1);
    let from = place_after(reading, prune, progress)?;
    let (mut deliveries, mut more_deliveries) = (Vec::new(), false);
    // Times follow the order of arrival closely, not exactly: a part without a single old one ends the search.
    for (table, before) in [(DELIVERIES, prune.before), (BODIES, prune.bodies_before)] {
        let aged = after(reading, table, None, (from, count))?;
        let old = aged.iter().filter(|(_, received_at)| *received_at < before);
        let found = deliveries.len();
        deliveries.extend(old.map(|(reached, _)| *reached));
        more_deliveries |= aged.len() >= count && deliveries.len() > found;
    }
    for space in crowded_spaces(reading, prune.tenant_bytes_max)? {
        let kept = after(reading, BODIES_OF_SPACE, Some(space), (from, count))?;
        more_deliveries |= kept.len() >= count;
        deliveries.extend(kept.into_iter().map(|(reached, _)| reached));
    }
    deliveries.sort_unstable_by_key(|reached| reached.number);
    deliveries.dedup_by_key(|reached| reached.number);
    more_deliveries |= deliveries.len() > count;
    deliveries.truncate(count);
    let messages = old_messages(reading, prune, count)?;
    let more_messages = messages.len() >= count;
    // Sessions come last: what they wait for are their messages.
    let (sessions, session) = if more_messages {
        (Vec::new(), progress.session)
    } else {
        old_sessions(reading, prune, progress, count)?
    };
    Ok(Slice { deliveries, more_deliveries, messages, more_messages, sessions, session })
}

/// Where the last slice ended. Usually that is remembered; after a restart it is looked up, and when the delivery is
/// gone the round begins anew, which costs time and nothing else.
fn place_after(reading: &Reading, prune: &PruneInbound, progress: Progress) -> Done<i64> {
    let Some(id) = prune.after else { return Ok(i64::MIN) };
    if let Some(reached) = progress.delivery.filter(|reached| reached.id == id) {
        return Ok(reached.number);
    }
    let found = reading
        .connection()
        .prepare_cached(
            "SELECT d.number FROM spaces s CROSS JOIN inbound d INDEXED BY inbound_space
             ON d.space = s.number AND d.id = ?1 LIMIT 1",
        )?
        .query_row([id.to_bytes()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(i64::MIN))
}

const DELIVERIES: &str =
    "SELECT d.id, d.number, d.received_at FROM inbound d WHERE d.number > ?1 AND ?3 IS NULL
     ORDER BY d.number LIMIT ?2";
const BODIES: &str =
    "SELECT d.id, d.number, d.received_at FROM bodies b CROSS JOIN inbound d ON d.number = b.number
     WHERE b.number > ?1 AND ?3 IS NULL ORDER BY b.number LIMIT ?2";
const BODIES_OF_SPACE: &str = "SELECT d.id, d.number, d.received_at FROM bodies b INDEXED BY bodies_space
     CROSS JOIN inbound d ON d.number = b.number
     WHERE b.number > ?1 AND b.space = ?3 ORDER BY b.number LIMIT ?2";

fn after(
    reading: &Reading,
    sql: &str,
    space: Option<i64>,
    (from, count): (i64, usize),
) -> Done<Vec<(Reached, Timestamp)>> {
    rows::collect(&mut *reading.connection().prepare_cached(sql)?, (from, limit(count), space), |row| {
        let cells = Cells::new("inbound", row);
        let reached =
            Reached { id: cells.id(0, "id", InboundId::from_bytes)?, number: cells.get(1, "number")? };
        Ok((reached, cells.time(2, "received_at")?))
    })
}

/// The spaces of tenants that keep too much.
fn crowded_spaces(reading: &Reading, bytes_max: u64) -> Done<Vec<i64>> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT s.number FROM usage u CROSS JOIN spaces s ON s.tenant = u.tenant WHERE u.inbound > ?1",
    )?;
    rows::collect(&mut statement, [rows::stored(bytes_max)], |row| Ok(row.get(0)?))
}

/// Messages that are too old, but for those of which the answer is waited for.
fn old_messages(reading: &Reading, prune: &PruneInbound, count: usize) -> Done<Vec<(i64, String, Vec<u8>)>> {
    let mut statement = reading.connection().prepare_cached(
        "SELECT m.space, m.session, m.id FROM messages m INDEXED BY messages_age
         WHERE m.created_at < ?1 AND NOT EXISTS
             (SELECT 1 FROM turns t INDEXED BY turns_message
              WHERE t.kind = 1 AND t.subject = m.id AND t.space = m.space)
         ORDER BY m.created_at LIMIT ?2",
    )?;
    rows::collect(&mut statement, (prune.sessions_before.as_millis(), limit(count)), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
}

/// Sessions that sources made and that did not change for long, and where to go on.
fn old_sessions(
    reading: &Reading,
    prune: &PruneInbound,
    progress: Progress,
    count: usize,
) -> Done<(Vec<i64>, Option<SessionPlace>)> {
    let (time, row) = progress.session.unwrap_or((i64::MIN, i64::MIN));
    let mut statement = reading.connection().prepare_cached(
        "SELECT updated_at, rowid FROM sessions INDEXED BY sessions_made
         WHERE source IS NOT NULL AND updated_at < ?1 AND (updated_at, rowid) > (?2, ?3)
         ORDER BY updated_at, rowid LIMIT ?4",
    )?;
    let params = (prune.sessions_before.as_millis(), time, row, limit(count));
    let found: Vec<SessionPlace> =
        rows::collect(&mut statement, params, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let reached = found.last().copied().filter(|_| found.len() >= count);
    Ok((found.into_iter().map(|(_, row)| row).collect(), reached))
}

/// Removes what still has to go and may.
pub(super) fn remove(
    work: &mut Work<'_>,
    prune: &PruneInbound,
    slice: &Slice,
) -> Done<(PrunedInbound, Progress)> {
    let mut budget = Budget::default();
    let mut pruned = PrunedInbound::default();
    pruned.more |= remove_leftovers(work, prune, &mut pruned, &mut budget)?;
    let mut reached = slice.deliveries.last().copied().filter(|_| slice.more_deliveries);
    for candidate in &slice.deliveries {
        unless_corrupt(remove_old(work, prune, candidate.number, (&mut pruned, &mut budget)))?;
        if budget.is_spent() {
            reached = Some(*candidate);
            break;
        }
    }
    for (space, session, id) in &slice.messages {
        pruned.messages += remove_message(work, (*space, session, id))?;
    }
    for row in &slice.sessions {
        pruned.sessions += remove_session(work, prune, *row)?;
    }
    let snapshots = work.remove_snapshots(limit(prune.limit.max(1)))?;
    pruned.more |= slice.more_messages || slice.session.is_some() || snapshots >= prune.limit.max(1);
    pruned.next = reached.map(|reached| reached.id);
    Ok((pruned, Progress { delivery: reached, session: slice.session }))
}

/// Removes what deleted sources have left, turns before deliveries; whether there is more of it.
fn remove_leftovers(
    work: &mut Work<'_>,
    prune: &PruneInbound,
    pruned: &mut PrunedInbound,
    budget: &mut Budget,
) -> Done<bool> {
    let mut room = prune.limit.max(1);
    let mut statement = work
        .connection
        .prepare_cached("SELECT number FROM sources INDEXED BY sources_deleted WHERE deleted = 1 LIMIT ?1")?;
    let sources: Vec<i64> = rows::collect(&mut statement, [limit(room)], |row| Ok(row.get(0)?))?;
    let full = sources.len() >= room;
    for source in sources {
        let left = leftovers(work, source, room)?;
        for session in with_turns(work, &left)? {
            let turns = turns::remove_of_source(work, source, session, limit(room))?;
            if turns >= room {
                return Ok(true);
            }
            room -= turns;
        }
        for Leftover { number, space, .. } in &left {
            let space = unless_corrupt(work.spaces.space(work.connection, *space))?;
            remove_delivery(work, *number, space.map(|space| space.tenant), budget)?;
            pruned.deliveries += 1;
            if budget.is_spent() {
                return Ok(true);
            }
        }
        if left.len() >= room {
            return Ok(true);
        }
        room -= left.len();
        work.connection.prepare_cached("DELETE FROM sources WHERE number = ?1")?.execute([source])?;
    }
    Ok(full)
}

/// A delivery of a deleted source.
struct Leftover {
    number: i64,
    space: i64,
    status: u8,
    session: Option<String>,
}

fn leftovers(work: &Work<'_>, source: i64, count: usize) -> Done<Vec<Leftover>> {
    let mut statement = work.connection.prepare_cached(
        "SELECT number, space, status, session FROM inbound INDEXED BY inbound_source WHERE source = ?1 LIMIT ?2",
    )?;
    rows::collect(&mut statement, (source, limit(count)), |row| {
        Ok(Leftover { number: row.get(0)?, space: row.get(1)?, status: row.get(2)?, session: row.get(3)? })
    })
}

/// The sessions in which there may be turns about these, by space. Not all of them: a queue may be long, and what is
/// others' in it is walked past.
fn with_turns<'a>(work: &Work<'_>, left: &'a [Leftover]) -> Done<BTreeSet<(i64, &'a str)>> {
    let mut sessions = BTreeSet::new();
    for Leftover { number, space, status, session } in left {
        let is_over = InboundStatus::from_code(*status).is_some_and(InboundStatus::is_final);
        if let Some(session) = session
            && (!is_over || turns::acts(work.connection, *number)?)
        {
            sessions.insert((*space, session.as_str()));
        }
    }
    Ok(sessions)
}

/// Removes a delivery that is too old, or only its body, unless it has not ended or a turn carries out an action of it.
fn remove_old(
    work: &mut Work<'_>,
    prune: &PruneInbound,
    number: i64,
    (pruned, budget): (&mut PrunedInbound, &mut Budget),
) -> Done<()> {
    let mut statement = work.connection.prepare_cached(
        "SELECT id, status, space, received_at, EXISTS (SELECT 1 FROM bodies b WHERE b.number = d.number), session
         FROM inbound d WHERE number = ?1",
    )?;
    let found = rows::first(&mut statement, [number], |row| {
        let cells = Cells::new("inbound", row);
        let status =
            InboundStatus::from_code(cells.get(1, "status")?).ok_or_else(|| cells.corrupt("status"))?;
        let session: Option<String> = cells.get(5, "session")?;
        let has_body: bool = cells.get(4, "number")?;
        Ok((status, cells.get::<i64>(2, "space")?, cells.time(3, "received_at")?, has_body, session))
    })?;
    let Some((status, space, received_at, has_body, session)) = found else { return Ok(()) };
    let acts = |session| turns::is_to_act(work.connection, number, (space, session));
    if !status.is_final() || session.as_deref().map_or(Ok(false), acts)? {
        return Ok(());
    }
    let tenant = work.spaces.space(work.connection, space)?.tenant;
    if received_at < prune.before {
        remove_delivery(work, number, Some(tenant), budget)?;
        pruned.deliveries += 1;
    } else if has_body
        && (received_at < prune.bodies_before || keeps_too_much(work, tenant, prune.tenant_bytes_max)?)
    {
        let bytes = remove_body(work, number, Some(tenant))?;
        budget.spend(0, bytes);
        pruned.bodies += 1;
    }
    Ok(())
}

fn keeps_too_much(work: &Work<'_>, tenant: TenantId, bytes_max: u64) -> Done<bool> {
    Ok(work.tally.kept(work.connection, tenant)?.inbound > rows::stored(bytes_max))
}

fn remove_delivery(
    work: &mut Work<'_>,
    number: i64,
    tenant: Option<TenantId>,
    budget: &mut Budget,
) -> Done<()> {
    let actions =
        work.connection.prepare_cached("DELETE FROM actions WHERE delivery = ?1")?.execute([number])?;
    let bytes = remove_body(work, number, tenant)?;
    work.connection.prepare_cached("DELETE FROM inbound WHERE number = ?1")?.execute([number])?;
    budget.spend(actions, bytes);
    Ok(())
}

/// Removes the body of a delivery that has one; the answer is its length.
fn remove_body(work: &mut Work<'_>, number: i64, tenant: Option<TenantId>) -> Done<i64> {
    let removed: Option<(i64, i64)> = work
        .connection
        .prepare_cached("DELETE FROM bodies WHERE number = ?1 RETURNING snapshot, length(body)")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((snapshot, bytes)) = removed else { return Ok(0) };
    work.tally.count_uses(snapshot, -1);
    if let Some(tenant) = tenant {
        work.tally.count_inbound(tenant, -bytes);
    }
    Ok(bytes)
}

fn remove_message(work: &Work<'_>, (space, session, id): (i64, &str, &[u8])) -> Done<usize> {
    let removed = work
        .connection
        .prepare_cached(
            "DELETE FROM messages WHERE space = ?1 AND session = ?2 AND id = ?3
                 AND NOT EXISTS (SELECT 1 FROM turns t INDEXED BY turns_message
                                 WHERE t.kind = 1 AND t.subject = ?3 AND t.space = ?1)",
        )?
        .execute((space, session, id))?;
    if removed > 0 {
        work.connection
            .prepare_cached("DELETE FROM votes WHERE space = ?1 AND message = ?2")?
            .execute((space, id))?;
    }
    Ok(removed)
}

fn remove_session(work: &Work<'_>, prune: &PruneInbound, row: i64) -> Done<usize> {
    let removed = work
        .connection
        .prepare_cached(
            "DELETE FROM sessions WHERE rowid = ?1 AND source IS NOT NULL AND updated_at < ?2
                 AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.space = sessions.space AND m.session = sessions.id)
                 AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.space = sessions.space AND t.session = sessions.id)",
        )?
        .execute((row, prune.sessions_before.as_millis()))?;
    Ok(removed)
}
