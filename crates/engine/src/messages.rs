//! What is said in sessions: messages, polls, votes.

use bytes::Bytes;
use posthouse_store::{Accept, Acceptance, Change, NewEvent, SessionRecord, StoreError};
use posthouse_types::limits::MESSAGE_BYTES_MAX;
use posthouse_types::wire::session_twin;
use posthouse_types::{
    Capability, Event, EventId, EventType, Message, MessageId, Page, PageRequest, Poll, Role, SessionId,
    Turn, TurnId, Vote, Work,
};
use serde_json::json;

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::publish::Parsed;
use crate::session_events::{Happening, message_payload};

/// How often a vote is tried again when someone else voted for the same session at the same moment.
const STALE_RETRIES: usize = 5;

/// What to say in a session.
#[derive(Debug, Clone)]
pub struct PostMessage {
    /// What is said; of a poll, its question.
    pub content: String,
    /// The choices, when it is a poll.
    pub poll: Option<Poll>,
}

/// A message with the votes that it has, when it is a poll.
#[derive(Debug, Clone)]
pub struct MessageDetail {
    /// The message.
    pub message: Message,
    /// Who has chosen what; votes that were taken back are not among them.
    pub votes: Vec<Vote>,
}

/// A vote to cast.
#[derive(Debug, Clone)]
pub struct CastVote {
    /// The session whose account votes.
    pub session: SessionId,
    /// The poll.
    pub message: MessageId,
    /// The complete choice: it takes the place of the former one, and an empty one takes that back.
    pub options: Vec<String>,
    /// Where the poll was seen, as the caller says; passed on.
    pub chat: Option<String>,
    /// Who sent the poll, as the caller says; passed on.
    pub sender: Option<String>,
}

/// A vote that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voted {
    /// The event that told of it; `None` when there was nothing to tell.
    pub event: Option<EventId>,
    /// It stood already: nothing was changed, and no event made.
    pub unchanged: bool,
}

impl Engine {
    /// Says something in a session, and tells of it. Where an agent is bound, it answers: with a turn of its own, in
    /// the same commit.
    pub async fn post_message(
        &self,
        caller: &Caller,
        session: &SessionId,
        post: PostMessage,
    ) -> Result<Message> {
        caller.need(Capability::Send)?;
        let session = self.visible_session(caller, session).await?;
        if post.content.trim().is_empty() || post.content.len() > MESSAGE_BYTES_MAX {
            return Err(Error::field("body.content", format!("must be 1 to {MESSAGE_BYTES_MAX} bytes")));
        }
        let now = self.clock.now();
        let answered = post.poll.is_none() && (session.agent.is_some() || session.source.is_some());
        let happening = Happening::in_session(&session, now);
        let message = Message {
            id: MessageId::from_u128(self.ids.next_at(now)),
            space: caller.space,
            session: session.id,
            role: Role::User,
            content: post.content,
            poll: post.poll,
            delivery: None,
            tool_calls: Vec::new(),
            tokens: None,
            created_at: now,
        };
        let mut changes = vec![Change::Message(message.clone())];
        if answered {
            changes.push(Change::Turn(Turn {
                id: TurnId::from_u128(self.ids.next_at(now)),
                space: caller.space,
                session: message.session.clone(),
                work: Work::Message(message.id),
                starts: 0,
                queued_at: now,
            }));
        }
        let events = vec![self.happened(&happening, "session.message", message_payload(&message))];
        let accept = Accept { space: caller.space, events, changes, idempotency: None };
        match self.store.accept(accept).await? {
            Acceptance::New => Ok(message),
            Acceptance::Stale => Err(Error::not_found("session", &message.session)),
            other => Err(unforeseen(&other)),
        }
    }

    /// What was said in a session, newest first.
    pub async fn messages(
        &self,
        caller: &Caller,
        session: &SessionId,
        page: PageRequest<MessageId>,
    ) -> Result<Page<MessageDetail, MessageId>> {
        let session = self.session(caller, session).await?;
        let Page { items, next } = self.store.messages(caller.space, &session.id, page).await?;
        let mut details = Vec::with_capacity(items.len());
        for message in items {
            let votes = match &message.poll {
                Some(_) => self.store.votes(caller.space, message.id).await?,
                None => Vec::new(),
            };
            let votes = votes.into_iter().filter(|vote| !vote.selected.is_empty()).collect();
            details.push(MessageDetail { message, votes });
        }
        Ok(Page { items: details, next })
    }

    /// Votes in a poll, for the account of its session: a session is one account, so it has one vote. The vote and
    /// the event `poll.vote` that tells of it are one commit.
    pub async fn vote(&self, caller: &Caller, cast: CastVote) -> Result<Voted> {
        caller.need(Capability::Send)?;
        let (session, message) = self.poll_of(caller, &cast).await?;
        let poll = message.poll.as_ref().ok_or_else(|| Error::field("path.mid", "is not a poll"))?;
        let selected = poll.choose(&cast.options).map_err(|invalid| Error::field("body.options", invalid))?;
        let voter = session.id.as_str();
        for _ in 0..STALE_RETRIES {
            let standing = self.store.votes(caller.space, message.id).await?;
            let former = standing.into_iter().find(|vote| vote.voter == voter);
            let previous = former.as_ref().map(|vote| vote.selected.clone());
            if previous.as_deref().unwrap_or_default() == selected {
                return Ok(Voted { event: former.map(|vote| vote.event), unchanged: true });
            }
            let event = self.vote_event(&session, &cast, &selected, previous.as_deref());
            let id = event.id;
            let vote = Vote {
                voter: voter.to_owned(),
                selected: selected.clone(),
                event: id,
                updated_at: event.created_at,
            };
            let mut parsed = Parsed::new(event.payload.clone());
            let new: NewEvent = self.matched(event, &mut parsed, "body")?;
            let changes = vec![Change::Vote { message: message.id, vote, previous }];
            let accept = Accept { space: caller.space, events: vec![new], changes, idempotency: None };
            match self.store.accept(accept).await? {
                Acceptance::New => return Ok(Voted { event: Some(id), unchanged: false }),
                Acceptance::Stale => {}
                other => return Err(unforeseen(&other)),
            }
        }
        Err(StoreError::Stale.into())
    }

    /// The message that is meant, and its session. WhatsApp Gateway writes one session with and without a prefix, and
    /// only there can one vote: so the message may lie under the other name.
    async fn poll_of(&self, caller: &Caller, cast: &CastVote) -> Result<(SessionRecord, Message)> {
        let mut session_is_there = false;
        for name in [Some(cast.session.clone()), session_twin(&cast.session)].into_iter().flatten() {
            let session = match self.visible_session(caller, &name).await {
                Err(Error { kind: ErrorKind::NotFound, .. }) => continue,
                session => session?,
            };
            session_is_there = true;
            if let Some(message) = self.store.message(caller.space, &session.id, cast.message).await? {
                return Ok((session, message));
            }
        }
        if session_is_there {
            return Err(Error::not_found("message", cast.message));
        }
        Err(Error::not_found("session", &cast.session))
    }

    fn vote_event(
        &self,
        session: &SessionRecord,
        cast: &CastVote,
        selected: &[String],
        previous: Option<&[String]>,
    ) -> Event {
        let mut payload = json!({
            "poll_id": cast.message.to_string(),
            "voter": session.id.as_str(),
            "selected": selected,
            "previous": previous.unwrap_or_default(),
        });
        for (name, text) in [("chat", &cast.chat), ("sender", &cast.sender)] {
            if let Some(text) = text {
                payload[name] = json!(text);
            }
        }
        let now = self.clock.now();
        Event {
            id: EventId::from_u128(self.ids.next_at(now)),
            external_id: None,
            space: session.space,
            project: session.project,
            session: Some(session.id.clone()),
            event_type: EventType::parse("poll.vote").expect("a constant event type"),
            payload: Bytes::from(payload.to_string()),
            ordering_key: None,
            occurred_at: None,
            created_at: now,
        }
    }
}

fn unforeseen(acceptance: &Acceptance) -> Error {
    Error::new(ErrorKind::Internal, format!("a change of a session was answered {acceptance:?}"))
}
