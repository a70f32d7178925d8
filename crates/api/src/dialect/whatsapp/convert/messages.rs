//! Votes in polls.

use posthouse_engine::{CastVote, Error, Voted};
use posthouse_types::{MessageId, SessionId};

use super::super::wire;
use crate::http::{Fields, path_id};

/// Characters of a chat or sender, which are passed on as they are. Ours: a WhatsApp address is much shorter.
const ADDRESS_CHARS_MAX: usize = 256;

/// A vote in the poll that the path names.
pub(crate) fn cast_vote(session: &str, message: &str, request: wire::Vote) -> Result<CastVote, Error> {
    let session = path_id::<SessionId>(session)?;
    let message = path_id::<MessageId>(message)?;
    let mut fields = Fields::default();
    for (name, text) in [("chat", &request.chat), ("sender", &request.sender)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > ADDRESS_CHARS_MAX) {
            fields.refuse(format!("body.{name}"), format!("must be at most {ADDRESS_CHARS_MAX} characters"));
        }
    }
    fields.finish()?;
    let wire::Vote { options, chat, sender } = request;
    Ok(CastVote { session, message, options, chat, sender })
}

/// A vote that stands.
pub(crate) fn send_result(message: MessageId, voted: &Voted) -> wire::SendResult {
    wire::SendResult {
        message_id: message.to_string(),
        mode: "sync",
        outbox_id: voted.event.map(|event| event.to_string()),
        replayed: voted.unchanged,
        status: "sent",
    }
}
