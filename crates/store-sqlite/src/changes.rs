//! What an accept changes beside its events. Each change is looked at when those before it are made, so that it
//! sees what they leave; when one does not fit, all of them are undone.

use posthouse_store::{Accept, Change};
use posthouse_types::{Timestamp, Turn, Work as Subject};

use crate::fault::Done;
use crate::turns::NewTurn;
use crate::work::Work;
use crate::{actions, catalogue, inbound, messages, turns};

/// When a change was made.
pub(crate) fn made_at(change: &Change) -> Timestamp {
    match change {
        Change::Message(message) => message.created_at,
        Change::Vote { vote, .. } => vote.updated_at,
        Change::Session(session) => session.updated_at,
        Change::Turn(turn) => turn.queued_at,
        Change::TurnStarted(_, at) | Change::Decide { at, .. } | Change::Rerun { at, .. } => *at,
        Change::TurnEnded(ended) => ended.at,
        Change::Action(action) => action.updated_at,
    }
}

/// The bytes that a change carries, roughly, beside those of a row.
pub(crate) fn bytes_of(change: &Change) -> usize {
    match change {
        Change::Message(message) => {
            message.content.len() + messages::calls(message).map_or(0, |text| text.len())
        }
        Change::Action(action) => action.input.len() + action.output.as_ref().map_or(0, String::len),
        Change::Vote { .. }
        | Change::Session(_)
        | Change::Turn(_)
        | Change::TurnStarted(..)
        | Change::TurnEnded(_)
        | Change::Decide { .. }
        | Change::Rerun { .. } => 0,
    }
}

/// Makes all changes of an accept, or none: false when one of them does not fit.
pub(crate) fn make(work: &mut Work<'_>, space: i64, accept: &Accept) -> Done<bool> {
    let connection = work.connection;
    let run = |sql| -> Done<()> { Ok(connection.prepare_cached(sql)?.execute([]).map(drop)?) };
    // One change looks before it writes, and needs no way back.
    let several = accept.changes.len() > 1;
    if several {
        run("SAVEPOINT changes")?;
    }
    for change in &accept.changes {
        if !make_one(work, space, accept, change)? {
            if several {
                run("ROLLBACK TO changes")?;
                run("RELEASE changes")?;
            }
            return Ok(false);
        }
    }
    if several {
        run("RELEASE changes")?;
    }
    Ok(true)
}

/// False, and nothing written, when the change does not fit.
fn make_one(work: &mut Work<'_>, space: i64, accept: &Accept, change: &Change) -> Done<bool> {
    match change {
        Change::Message(message) => messages::add(work, space, accept, message),
        Change::Vote { message, vote, previous } => {
            messages::vote(work, space, *message, vote, previous.as_deref())
        }
        Change::Session(session) => catalogue::register(work, space, session).map(|_new| true),
        Change::Turn(turn) => queue(work, space, turn),
        Change::TurnStarted(turn, at) => turns::start(work, space, *turn, *at),
        Change::TurnEnded(ended) => turns::end(work, space, ended).map(|()| true),
        Change::Action(action) => match inbound::place(work, space, action.delivery)? {
            None => Ok(false),
            Some(place) => actions::put(work, space, place, action).map(|()| true),
        },
        Change::Decide { action, from, to, at } => actions::decide(work, space, *action, (*from, *to), *at),
        Change::Rerun { delivery, turn, at } => inbound::rerun(work, space, *delivery, (*turn, *at)),
    }
}

fn queue(work: &mut Work<'_>, space: i64, turn: &Turn) -> Done<bool> {
    let of = match turn.work {
        Subject::Message(_) => None,
        Subject::Delivery(id) => inbound::place(work, space, id)?,
        Subject::Action(id) => actions::place(work, space, id)?,
    };
    if of.is_none() && !matches!(turn.work, Subject::Message(_)) {
        return Ok(false);
    }
    let new = NewTurn {
        id: turn.id,
        space,
        session: &turn.session,
        work: turn.work,
        of,
        starts: turn.starts,
        queued_at: turn.queued_at,
    };
    turns::insert(work, &new).map(|()| true)
}
