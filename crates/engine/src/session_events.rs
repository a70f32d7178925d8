//! What happens in sessions, as events for whoever registered an endpoint for them.

use bytes::Bytes;
use posthouse_store::{NewEvent, SessionRecord};
use posthouse_types::{Event, EventId, EventType, Message, ProjectId, SessionId, Space, Timestamp};
use serde_json::{Value, json};

use crate::Engine;
use crate::publish::Parsed;

/// Where and when something happened.
pub(crate) struct Happening {
    space: Space,
    project: Option<ProjectId>,
    session: SessionId,
    at: Timestamp,
}

impl Happening {
    pub(crate) fn in_session(session: &SessionRecord, at: Timestamp) -> Self {
        Self { space: session.space, project: session.project, session: session.id.clone(), at }
    }
}

impl Engine {
    /// An event of ours with its deliveries. Its payload says what it is: as the body of a delivery it stands alone.
    pub(crate) fn happened(&self, happening: &Happening, event_type: &str, about: Value) -> NewEvent {
        let mut payload = json!({ "type": event_type, "timestamp": happening.at.to_string() });
        if let (Some(payload), Value::Object(about)) = (payload.as_object_mut(), about) {
            payload.extend(about);
        }
        let event = Event {
            id: EventId::from_u128(self.ids.next_at(happening.at)),
            external_id: None,
            space: happening.space,
            project: happening.project,
            session: Some(happening.session.clone()),
            event_type: EventType::parse(event_type).expect("a type of ours is one"),
            payload: Bytes::from(payload.to_string()),
            ordering_key: None,
            occurred_at: None,
            created_at: happening.at,
        };
        let mut parsed = Parsed::new(event.payload.clone());
        self.matched(event, &mut parsed, "body").expect("JSON that we wrote can be read")
    }
}

/// What `session.message` tells.
pub(crate) fn message_payload(message: &Message) -> Value {
    json!({
        "session_id": message.session.as_str(),
        "message_id": message.id.to_string(),
        "role": message.role.as_str(),
        "content": message.content,
        "delivery_id": message.delivery.map(|id| id.to_string()),
        "tool_calls": message.tool_calls.iter().map(|call| json!({
            "name": call.name,
            "arguments": call.arguments,
            "action_id": call.action.map(|id| id.to_string()),
        })).collect::<Vec<_>>(),
        "tokens": message.tokens,
        "created_at": message.created_at.to_string(),
    })
}
