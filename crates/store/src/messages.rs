//! What is said in sessions, and what is voted there. Both are written by [`crate::Journal::accept`], in the
//! commit of the events that tell of them.

use async_trait::async_trait;
use posthouse_types::{Message, MessageId, Page, PageRequest, SessionId, Space, Vote};

use crate::Result;

/// Reading back messages and votes.
#[async_trait]
pub trait Messages: Send + Sync {
    /// One message of a session.
    async fn message(&self, space: Space, session: &SessionId, id: MessageId) -> Result<Option<Message>>;

    /// Messages of a session, newest first; a cursor need not exist (any more). A page ends early once its
    /// contents come to [`crate::PAGE_BYTES_MAX`]; `next` then says where to go on, as after a full page.
    async fn messages(
        &self,
        space: Space,
        session: &SessionId,
        page: PageRequest<MessageId>,
    ) -> Result<Page<Message, MessageId>>;

    /// The votes of a poll, those taken back included, by voter, in the order of bytes.
    async fn votes(&self, space: Space, message: MessageId) -> Result<Vec<Vote>>;
}
