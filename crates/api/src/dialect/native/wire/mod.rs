//! What goes over the wire, exactly: serde structs and their descriptions, nothing else.

mod agents;
mod catalogue;
mod deliveries;
mod endpoints;
mod events;
mod inbound;
mod messages;
mod policy;
mod problem;
mod profiles;
mod sessions;
mod sources;
mod tools;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::{nullable, present};

pub(super) use agents::{Agent, AgentLimits, AgentLimitsIn, CreateAgent, UpdateAgent};
pub(super) use catalogue::{CreateKey, CreateProject, CreatedKey, EventType, Key, Project, PutEventType};
pub(super) use deliveries::{Attempt, DeliveriesQuery, Delivery};
pub(super) use endpoints::{
    CreateEndpoint, CreatedEndpoint, Endpoint, Health, RateLimit, RateLimitIn, RetryPolicy, RotateSecret,
    Rotated, Secret, TestSent, UpdateEndpoint,
};
pub(super) use events::{
    Accepted, AcceptedBatch, Event, EventsQuery, Explained, Explanation, PublishBatch, PublishEvent,
    StreamQuery,
};
pub(super) use inbound::{Action, InboundDelivery, InboundDetail, InboundQuery};
pub(super) use messages::{Message, Poll, PostMessage, Tokens, ToolCall, Vote};
pub(super) use policy::{PolicyIn, PolicyMembers};
pub(super) use problem::{Problem, ProblemMember};
pub(super) use profiles::{Profile, ProfileEvent, ProfileTool};
pub(super) use sessions::{CreateSession, Session, SessionsQuery, UpdateSession};
pub(super) use sources::{
    CreateSource, CreatedSource, Overrides, OverridesIn, RotateSourceSecret, RotatedSourceSecret, Source,
    SourceAuth, SourceAuthIn, SourceSecret, SourceSession, SourceSessionIn, TypeFilterIn, UpdateSource,
};
pub(super) use tools::ToolsIn;

/// A page of a list, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The items: no more than `limit`. They may be fewer, or none at all, although more follow.
    pub(super) data: Vec<T>,
    /// Hand it back as `cursor` to get what follows; null on the last page.
    pub(super) next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Items on a page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500, default = 50)]
    pub(super) limit: Option<String>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// What is taken and what is not.
#[derive(Serialize, ToSchema)]
pub(super) struct Lists {
    /// What is taken.
    pub(super) allow: Vec<String>,
    /// What is not, even if `allow` names it.
    pub(super) deny: Vec<String>,
}

/// Nothing: no body, or an object without members.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A probe's answer.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// `ok` or `ready`.
    pub(super) status: &'static str,
}
