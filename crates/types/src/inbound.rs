//! What arrives at a source, what an agent is to do about it, and what it did.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ActionId, InboundId, Invalid, MessageId, SessionId, SourceId, Space, Timestamp, TurnId};

/// One request to a source, accepted or refused.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundDelivery {
    /// Its id; orders them by arrival.
    pub id: InboundId,
    /// The same as a number, for surfaces whose ids are numbers. Given by the store; 0 before that.
    pub number: u64,
    /// Whose it is.
    pub space: Space,
    /// Where it arrived.
    pub source: SourceId,
    /// How far it got.
    pub status: InboundStatus,
    /// Why it was not taken on, in a word: of `rejected`, `filtered` and `deduplicated`.
    pub reason: Option<String>,
    /// What kind of thing happened, as the source's profile reads it.
    pub event_type: Option<String>,
    /// What it is about, as the source's profile reads it.
    pub entity_key: Option<String>,
    /// What tells it from others.
    pub dedup_key: Option<String>,
    /// Who sent it.
    pub remote_ip: Option<IpAddr>,
    /// Those of its headers that may be kept, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Length of its body, kept or not.
    pub body_bytes: u64,
    /// The session it belongs to; `None` for what was not taken on.
    pub session: Option<SessionId>,
    /// How often an agent was set to work on it.
    pub runs: u16,
    /// Why the last run failed.
    pub error: Option<String>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// When the last run began.
    pub started_at: Option<Timestamp>,
    /// When the last run ended.
    pub finished_at: Option<Timestamp>,
    /// What the last run cost.
    pub tokens: Option<Tokens>,
}

impl InboundDelivery {
    /// How long the last run took, in milliseconds.
    pub fn duration_ms(&self) -> Option<u64> {
        let (started, finished) = (self.started_at?, self.finished_at?);
        u64::try_from(finished.as_millis() - started.as_millis()).ok()
    }
}

/// An inbound delivery as callers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InboundRef {
    /// By its id.
    Id(InboundId),
    /// By its number.
    Number(u64),
}

impl From<InboundId> for InboundRef {
    fn from(id: InboundId) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for InboundRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for InboundRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // A number has one way to be written.
        let number = || text.parse().ok().filter(|number: &u64| number.to_string() == text).map(Self::Number);
        text.parse()
            .map(Self::Id)
            .ok()
            .or_else(number)
            .ok_or(Invalid::new("must be the id of an inbound delivery, or its number"))
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident, $wrong:literal: $($(#[$member:meta])* $variant:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$member])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used everywhere outside.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The stored form.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The inverse of `code`.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(Invalid::new($wrong))
            }
        }
    };
}

codes! {
    /// How far an inbound delivery got. The names are those of Moltis.
    InboundStatus,
    "must be received, filtered, deduplicated, rejected, queued, processing, completed or failed":
    /// Stored, not yet queued.
    Received = 0, "received";
    /// Its type is not wanted, or it was our own doing.
    Filtered = 1, "filtered";
    /// It was here before.
    Deduplicated = 2, "deduplicated";
    /// Authentication failed, or a rule refused it.
    Rejected = 3, "rejected";
    /// Waits for a worker, or for its turn in the session.
    Queued = 4, "queued";
    /// An agent runs.
    Processing = 5, "processing";
    /// The agent ended well.
    Completed = 6, "completed";
    /// The agent failed for good.
    Failed = 7, "failed";
}

impl InboundStatus {
    /// True when nothing follows by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Received | Self::Queued | Self::Processing)
    }
}

codes! {
    /// How far an action got.
    ActionStatus, "must be running, success, error, waiting, denied, approved or unknown":
    /// Begun.
    Running = 0, "running";
    /// Carried out.
    Success = 1, "success";
    /// Not carried out, or the provider refused it.
    Error = 2, "error";
    /// Waits for a person's approval.
    Waiting = 3, "waiting";
    /// A person denied it.
    Denied = 4, "denied";
    /// Approved, and about to be carried out.
    Approved = 5, "approved";
    /// It was cut off, or the provider's answer did not come: it may have been carried out.
    Unknown = 6, "unknown";
}

/// Something that an agent did, or wants to do, to a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// Whose it is.
    pub space: Space,
    /// The delivery whose source it acts through.
    pub delivery: InboundId,
    /// The tool.
    pub tool: String,
    /// The tool's arguments, as JSON text.
    pub input: String,
    /// What the provider answered, as text.
    pub output: Option<String>,
    /// How far it got.
    pub status: ActionStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// What the provider calls that which was made, by which it is known again when the provider tells us of it.
    pub object: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

/// One piece of work for an agent. Those of one session are done one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id; orders the turns of a session.
    pub id: TurnId,
    /// Whose it is.
    pub space: Space,
    /// The session.
    pub session: SessionId,
    /// What is to be done.
    pub work: Work,
    /// How often it was begun.
    pub starts: u16,
    /// When it was queued.
    pub queued_at: Timestamp,
}

/// What a turn is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// To react to a delivery.
    Delivery(InboundId),
    /// To answer a person.
    Message(MessageId),
    /// To carry out an approved action.
    Action(ActionId),
}

/// What a language model counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read by the model.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_what_they_print() {
        for delivery in [InboundRef::Id(InboundId::from_u128(7)), InboundRef::Number(7)] {
            assert_eq!(delivery.to_string().parse(), Ok(delivery));
        }
        for bad in ["", "+7", "07", "-1", "src_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
            assert!(bad.parse::<InboundRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn codes_and_names_lead_back() {
        for &status in InboundStatus::ALL {
            assert_eq!(InboundStatus::from_code(status.code()), Some(status));
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for &status in ActionStatus::ALL {
            assert_eq!(ActionStatus::from_code(status.code()), Some(status));
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!(InboundStatus::from_code(8), None);
        assert!("done".parse::<InboundStatus>().is_err());
    }
}
