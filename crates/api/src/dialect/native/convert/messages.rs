//! Messages of a session.

use posthouse_engine::{Error, MessageDetail, PostMessage};
use posthouse_types::{Message, Poll, ToolCall};

use super::super::wire;
use crate::http::Fields;

/// Reads what is to be said. Members of the other kind are refused: someone meant something by them.
pub(crate) fn post_message(request: wire::PostMessage) -> Result<PostMessage, Error> {
    let kind = request.kind.as_deref().unwrap_or("text");
    let mut fields = Fields::default();
    let is_poll = match kind {
        "text" => false,
        "poll" => true,
        other => {
            fields.read(other, |_| Err::<(), _>("must be text or poll"), || "body.kind".to_owned());
            return fields.finish_with(None);
        }
    };
    let stray = [
        ("content", request.content.is_some() && is_poll),
        ("question", request.question.is_some() && !is_poll),
        ("options", request.options.is_some() && !is_poll),
        ("multiple", request.multiple.is_some() && !is_poll),
    ];
    for (member, _) in stray.iter().filter(|(_, is_stray)| *is_stray) {
        fields.refuse(format!("body.{member}"), format!("does not belong to a {kind}"));
    }
    let needed = [
        ("content", request.content.is_none() && !is_poll),
        ("question", request.question.is_none() && is_poll),
        ("options", request.options.is_none() && is_poll),
    ];
    for (member, _) in needed.iter().filter(|(_, is_missing)| *is_missing) {
        fields.refuse(format!("body.{member}"), "is required");
    }
    fields.finish()?;
    let content = request.content.or(request.question).unwrap_or_default();
    let poll = request.options.map(|options| Poll::new(&content, options, request.multiple.unwrap_or(false)));
    let poll =
        poll.transpose().map_err(|(member, invalid)| Error::field(format!("body.{member}"), invalid))?;
    Ok(PostMessage { content, poll })
}

/// A message that was said just now.
pub(crate) fn message_out(message: Message) -> wire::Message {
    message_detail_out(MessageDetail { message, votes: Vec::new() })
}

pub(crate) fn message_detail_out(detail: MessageDetail) -> wire::Message {
    let MessageDetail { message, votes } = detail;
    let votes = votes.into_iter().map(|vote| wire::Vote {
        voter: vote.voter,
        selected: vote.selected,
        updated_at: vote.updated_at.to_string(),
    });
    let poll = message.poll.map(|poll| wire::Poll {
        options: poll.options().to_vec(),
        multiple: poll.multiple(),
        votes: votes.collect(),
    });
    wire::Message {
        id: message.id.to_string(),
        session_id: message.session.to_string(),
        kind: if poll.is_some() { "poll" } else { "text" },
        role: message.role.as_str(),
        content: message.content,
        poll,
        delivery_id: message.delivery.map(|id| id.to_string()),
        tool_calls: message.tool_calls.into_iter().map(tool_call_out).collect(),
        tokens: message.tokens.map(|tokens| wire::Tokens { input: tokens.input, output: tokens.output }),
        created_at: message.created_at.to_string(),
    }
}

fn tool_call_out(call: ToolCall) -> wire::ToolCall {
    wire::ToolCall {
        name: call.name,
        arguments: call.arguments,
        action_id: call.action.map(|id| id.to_string()),
    }
}
