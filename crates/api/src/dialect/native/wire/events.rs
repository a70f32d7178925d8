//! Events on the wire.

use std::borrow::Cow;
use std::fmt;

use posthouse_types::limits::BATCH_EVENTS_MAX;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::http::Object;

// Borrows from the request: the payload is not read, only checked to be JSON.
/// An event to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishEvent<'a> {
    /// What kind of thing happened: words of letters, digits, `_` and `-`, separated by single dots.
    #[serde(rename = "type", borrow)]
    #[schema(value_type = String, min_length = 1, max_length = 128,
        pattern = r"^[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*$", example = "message.created")]
    pub(crate) event_type: Cow<'a, str>,
    /// Any JSON value, at most 1 MiB and 127 levels deep; delivered byte for byte as it stands here.
    #[serde(borrow)]
    #[schema(value_type = serde_json::Value)]
    pub(crate) payload: &'a RawValue,
    /// The session it belongs to; registered with the event when it is not known yet.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128, pattern = r"^[!-~]+$")]
    pub(crate) session_id: Option<Cow<'a, str>>,
    /// The project it belongs to.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub(crate) project_id: Option<Cow<'a, str>>,
    /// Orders it among others at endpoints that ask for order.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    pub(crate) ordering_key: Option<Cow<'a, str>>,
    /// When it happened (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) occurred_at: Option<Cow<'a, str>>,
    /// Your own id for the event, unique in your environment; made when absent.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9_\-]+$")]
    pub(crate) id: Option<Cow<'a, str>>,
}

/// Events to publish in one transaction: all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishBatch<'a> {
    /// The events, in order.
    #[serde(borrow, deserialize_with = "at_most_a_batch")]
    #[schema(value_type = Vec<PublishEvent>, min_items = 1, max_items = 1000)]
    pub(crate) events: Vec<Object<PublishEvent<'a>>>,
}

/// Stops reading at the limit: a body of small events could otherwise fill the memory before anyone counts them.
fn at_most_a_batch<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Object<PublishEvent<'de>>>, D::Error> {
    struct Events;

    impl<'de> Visitor<'de> for Events {
        type Value = Vec<Object<PublishEvent<'de>>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of events")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut events = Vec::new();
            while let Some(event) = elements.next_element()? {
                if events.len() == BATCH_EVENTS_MAX {
                    return Err(A::Error::custom(format_args!("must have 1 to {BATCH_EVENTS_MAX} entries")));
                }
                events.push(event);
            }
            Ok(events)
        }
    }

    reader.deserialize_seq(Events)
}

/// An event that was accepted: durable, and queued for its endpoints.
#[derive(Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Its id: yours, or one we made.
    #[schema(example = "evt_01JB3X8Z5K2Q7M4N9P6R1S0T8V")]
    pub(crate) id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// How many endpoints it goes to.
    pub(crate) deliveries: u32,
}

/// The events of a batch that was accepted.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcceptedBatch {
    /// In the order given.
    pub(crate) data: Vec<Accepted>,
}

/// An event.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its id: the publisher's own, or one we made.
    pub(crate) id: String,
    /// What kind of thing happened.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The publisher's JSON, byte for byte.
    #[schema(value_type = serde_json::Value)]
    pub(crate) payload: Box<RawValue>,
    /// The session it belongs to.
    pub(crate) session_id: Option<String>,
    /// The project it belongs to.
    pub(crate) project_id: Option<String>,
    /// What orders it among others.
    pub(crate) ordering_key: Option<String>,
    /// When the publisher says it happened.
    #[schema(format = DateTime)]
    pub(crate) occurred_at: Option<String>,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

/// Why each endpoint got an event, or did not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The event.
    pub(crate) event_id: String,
    /// Every endpoint that the caller sees.
    pub(crate) endpoints: Vec<Explained>,
}

/// Why one endpoint got an event, or did not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Explained {
    /// The endpoint.
    pub(crate) endpoint_id: String,
    /// `delivered`, `waiting`, `dead`, `cancelled`, `scope`, `filter`, `disabled` or `missed`.
    pub(crate) verdict: &'static str,
    /// The same in a sentence.
    pub(crate) reason: String,
    /// The delivery, when there is one.
    pub(crate) delivery_id: Option<String>,
}

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Events on a page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<String>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// Of this type only.
    #[serde(rename = "type")]
    pub(crate) event_type: Option<String>,
}

/// Which events to follow.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Begin after this event instead of now. The `Last-Event-ID` header says the same and goes first.
    pub(crate) last_event_id: Option<String>,
    /// Only events that one of these patterns matches, separated by commas: `*`, a type, or `prefix.*`.
    pub(crate) types: Option<String>,
}
