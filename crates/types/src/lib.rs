//! The vocabulary of Posthouse: ids, scopes, events, endpoints, deliveries, outcomes, retry policies, limits.
//!
//! Values are valid by construction: the only way to an [`EndpointUrl`], an [`EventType`] or a
//! [`RetryPolicy`] is a constructor that checks it, so nothing further in ever checks again. No I/O, no
//! clock, no wire format. Where a type derives `serde`, that is its *stored* form; wire forms are twins that
//! live with their dialect.

pub mod agent;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod filter;
pub mod id;
pub mod inbound;
pub mod invalid;
pub mod key;
pub mod limits;
pub mod message;
pub mod outcome;
pub mod page;
pub mod retry;
pub mod secret;
pub mod source;
pub mod tenant;
pub mod text;
pub mod time;
pub mod wire;

pub use agent::{Agent, AgentLimits, AgentSettings, LlmProvider, Runner, ToolPolicy, is_model_name};
pub use delivery::{Attempt, Delivery, DeliveryState};
pub use endpoint::{
    DisabledReason, Endpoint, EndpointUrl, EventFilter, EventPattern, Header, Headers, Health, HealthState,
    Ordering, RateLimit, Settings,
};
pub use event::{Event, EventRef};
pub use filter::PayloadFilter;
pub use id::{
    ActionId, AgentId, AttemptId, DeliveryId, EndpointId, EventId, InboundId, KeyId, MessageId, ProjectId,
    SourceId, TenantId, TurnId,
};
pub use inbound::{Action, ActionStatus, InboundDelivery, InboundRef, InboundStatus, Tokens, Turn, Work};
pub use invalid::Invalid;
pub use key::{Capabilities, Capability, KeyStyle};
pub use message::{Message, Poll, Role, ToolCall, Vote};
pub use outcome::{Outcome, Stage};
pub use page::{Page, PageRequest};
pub use retry::RetryPolicy;
pub use secret::SecretText;
pub use source::{AuthMode, Overrides, PublicId, SessionMode, Source, SourceRef, SourceSettings, TypeFilter};
pub use tenant::{Environment, Space};
pub use text::{EventType, ExternalId, IdempotencyKey, Name, OrderingKey, SessionId};
pub use time::Timestamp;
pub use wire::Wire;
