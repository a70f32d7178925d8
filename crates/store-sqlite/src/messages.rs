//! Messages of sessions, and votes: written with an accept, and read back.

use async_trait::async_trait;
use posthouse_store::{Accept, Messages, PAGE_BYTES_MAX, Result};
use posthouse_types::{
    EventId, InboundId, Message, MessageId, Page, PageRequest, Role, SessionId, Space, Vote,
};
use rusqlite::Row;

use crate::SqliteStore;
use crate::fault::Done;
use crate::lists::limit;
use crate::reader::Reading;
use crate::rows::{self, Cells};
use crate::work::Work;

#[async_trait]
impl Messages for SqliteStore {
    async fn message(&self, space: Space, session: &SessionId, id: MessageId) -> Result<Option<Message>> {
        let session = session.clone();
        self.readers.points.read(move |reading| one(reading, space, &session, id)).await
    }

    async fn messages(
        &self,
        space: Space,
        session: &SessionId,
        page: PageRequest<MessageId>,
    ) -> Result<Page<Message, MessageId>> {
        let session = session.clone();
        self.readers.lists.read(move |reading| list(reading, space, &session, &page)).await
    }

    async fn votes(&self, space: Space, message: MessageId) -> Result<Vec<Vote>> {
        self.readers.lists.read(move |reading| votes(reading, space, message)).await
    }
}

const COLUMNS: &str =
    "id, role, poll, created_at, content, tool_calls, input_tokens, output_tokens, delivery";

fn message(row: &Row<'_>, space: Space, session: &SessionId) -> Done<Message> {
    let cells = Cells::new("messages", row);
    let poll = match cells.get::<Option<String>>(2, "poll")? {
        None => None,
        Some(_) => Some(cells.json(2, "poll")?),
    };
    let tool_calls = match cells.get::<Option<String>>(5, "tool_calls")? {
        None => Vec::new(),
        Some(_) => cells.json(5, "tool_calls")?,
    };
    Ok(Message {
        id: cells.id(0, "id", MessageId::from_bytes)?,
        space,
        session: session.clone(),
        role: cells.text::<Role>(1, "role")?,
        content: cells.get(4, "content")?,
        poll,
        delivery: cells.id_or_none(8, "delivery", InboundId::from_bytes)?,
        tool_calls,
        tokens: cells.tokens(6)?,
        created_at: cells.time(3, "created_at")?,
    })
}

fn one(reading: &Reading, space: Space, session: &SessionId, id: MessageId) -> Done<Option<Message>> {
    let Some(number) = reading.space(space)? else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE space = ?1 AND session = ?2 AND id = ?3");
    let mut statement = reading.connection().prepare_cached(&sql)?;
    rows::first(&mut statement, (number, session.as_str(), id.to_bytes()), |row| message(row, space, session))
}

/// Along the primary key, from the newest down.
fn list(
    reading: &Reading,
    space: Space,
    session: &SessionId,
    page: &PageRequest<MessageId>,
) -> Done<Page<Message, MessageId>> {
    let mut listed = Page { items: Vec::new(), next: None };
    let Some(number) = reading.space(space)? else { return Ok(listed) };
    let below = if page.after.is_some() { "AND id < ?3" } else { "AND ?3 IS NULL" };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE space = ?1 AND session = ?2 {below} ORDER BY id DESC LIMIT ?4"
    );
    let mut statement = reading.connection().prepare_cached(&sql)?;
    let after = page.after.map(MessageId::to_bytes);
    let mut rows = statement.query((number, session.as_str(), after, limit(page.limit + 1)))?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if listed.items.len() >= page.limit || bytes >= PAGE_BYTES_MAX {
            listed.next = listed.items.last().map(|message: &Message| message.id);
            break;
        }
        let message = message(row, space, session)?;
        bytes += message.content.len() + row.get_ref(5)?.as_str_or_null().ok().flatten().map_or(0, str::len);
        listed.items.push(message);
    }
    Ok(listed)
}

fn votes(reading: &Reading, space: Space, message: MessageId) -> Done<Vec<Vote>> {
    let Some(number) = reading.space(space)? else { return Ok(Vec::new()) };
    let mut statement = reading.connection().prepare_cached(
        "SELECT voter, selected, event, updated_at FROM votes WHERE space = ?1 AND message = ?2 ORDER BY voter",
    )?;
    rows::collect(&mut statement, (number, message.to_bytes()), |row| {
        let cells = Cells::new("votes", row);
        Ok(Vote {
            voter: cells.get(0, "voter")?,
            selected: cells.json(1, "selected")?,
            event: cells.id(2, "event", EventId::from_bytes)?,
            updated_at: cells.time(3, "updated_at")?,
        })
    })
}

/// Whether a session is registered, or will be by an event of the same accept.
fn has_session(work: &Work<'_>, space: i64, accept: &Accept, session: &SessionId) -> Done<bool> {
    if accept.events.iter().any(|new| new.event.session.as_ref() == Some(session)) {
        return Ok(true);
    }
    let mut statement =
        work.connection.prepare_cached("SELECT 1 FROM sessions WHERE space = ?1 AND id = ?2")?;
    Ok(statement.exists((space, session.as_str()))?)
}

fn is_message(work: &Work<'_>, space: i64, id: MessageId) -> Done<bool> {
    let mut statement = work
        .connection
        .prepare_cached("SELECT 1 FROM messages INDEXED BY messages_id WHERE space = ?1 AND id = ?2")?;
    Ok(statement.exists((space, id.to_bytes()))?)
}

/// Whether a vote is what `previous` says.
fn is_still(
    work: &Work<'_>,
    space: i64,
    (message, voter): (MessageId, &str),
    previous: Option<&[String]>,
) -> Done<bool> {
    let mut statement = work.connection.prepare_cached(
        "SELECT voter, selected FROM votes WHERE space = ?1 AND message = ?2 AND voter = ?3",
    )?;
    let stored: Option<Vec<String>> =
        rows::first(&mut statement, (space, message.to_bytes(), voter), |row| {
            Cells::new("votes", row).json(1, "selected")
        })?;
    Ok(stored.as_deref() == previous)
}

/// What an agent called for a message, as JSON text.
pub(crate) fn calls(message: &Message) -> Option<String> {
    (!message.tool_calls.is_empty()).then(|| rows::to_json(&message.tool_calls))
}

/// Adds a message; false when its session is not there.
pub(crate) fn add(work: &Work<'_>, space: i64, accept: &Accept, message: &Message) -> Done<bool> {
    if !has_session(work, space, accept, &message.session)? {
        return Ok(false);
    }
    let (input, output) = rows::tokens(message.tokens);
    work.connection
        .prepare_cached(
            "INSERT INTO messages (id, space, session, role, poll, created_at, content, tool_calls, input_tokens,
                                   output_tokens, delivery)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute((
            message.id.to_bytes(),
            space,
            message.session.as_str(),
            message.role.as_str(),
            message.poll.as_ref().map(rows::to_json),
            message.created_at.as_millis(),
            &message.content,
            calls(message),
            input,
            output,
            message.delivery.map(InboundId::to_bytes),
        ))?;
    Ok(true)
}

/// Puts a vote in place of the voter's former one; false when its message is not there, or the former one is not
/// what `previous` says.
pub(crate) fn vote(
    work: &Work<'_>,
    space: i64,
    message: MessageId,
    vote: &Vote,
    previous: Option<&[String]>,
) -> Done<bool> {
    if !is_message(work, space, message)? || !is_still(work, space, (message, &vote.voter), previous)? {
        return Ok(false);
    }
    work.connection
        .prepare_cached(
            "INSERT OR REPLACE INTO votes (voter, space, message, selected, event, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            &vote.voter,
            space,
            message.to_bytes(),
            rows::to_json(&vote.selected),
            vote.event.to_bytes(),
            vote.updated_at.as_millis(),
        ))?;
    Ok(true)
}

/// Removes the messages of a session, and their votes.
pub(crate) fn delete_all(work: &Work<'_>, space: i64, session: &SessionId) -> Done<()> {
    let votes = "DELETE FROM votes WHERE space = ?1
                     AND message IN (SELECT id FROM messages WHERE space = ?1 AND session = ?2)";
    let messages = "DELETE FROM messages WHERE space = ?1 AND session = ?2";
    for sql in [votes, messages] {
        work.connection.prepare_cached(sql)?.execute((space, session.as_str()))?;
    }
    Ok(())
}
