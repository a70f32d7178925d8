//! What a turn is about.

use posthouse_store::{InboundContent, StoreError};
use posthouse_types::{InboundDelivery, InboundId, Message, Turn};

use crate::Engine;
use crate::inbound::{Told, tell};
use crate::sources::Configured;

/// What a turn is about, as far as it can still be told.
pub(super) struct Context {
    pub(super) turn: Turn,
    /// The delivery that is worked on, or through whose source a conversation goes on.
    pub(super) delivery: Option<Delivered>,
    /// What a person said.
    pub(super) said: Option<Message>,
}

/// A delivery with its content.
pub(super) struct Delivered {
    pub(super) delivery: InboundDelivery,
    pub(super) content: InboundContent,
    pub(super) configured: Configured,
}

impl Delivered {
    /// What an agent is told of it.
    pub(super) fn tell(&self) -> Told {
        tell(&self.configured, &self.delivery, &self.content.body)
    }

    /// Reads it; `None` when it is not kept any more.
    pub(super) async fn load(
        engine: &Engine,
        turn: &Turn,
        id: InboundId,
    ) -> Result<Option<Self>, StoreError> {
        let Some(delivery) = engine.store.inbound(turn.space, id.into()).await? else { return Ok(None) };
        let Some(content) = engine.store.inbound_content(turn.space, id).await? else { return Ok(None) };
        let configured = Configured::read(&content.snapshot);
        Ok(configured.map(|configured| Self { delivery, content, configured }))
    }
}
