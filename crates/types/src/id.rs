//! Ids: a prefix that tells the kind and a ULID that orders by time, so that listing newest first is
//! reading the primary key backwards.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Invalid, Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl $name {
            /// The text before the ULID, underscore included.
            pub const PREFIX: &'static str = $prefix;
            /// The smallest value: sorts before every real id.
            pub const MIN: Self = Self(0);
            /// The largest value: sorts after every real id.
            pub const MAX: Self = Self(u128::MAX);

            /// Takes a ULID's 128 bits.
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }

            /// The ULID's 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The stored form: 16 bytes, big endian, so that bytes sort as ids do.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The inverse of `to_bytes`; `None` unless there are exactly 16 bytes.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
            }

            /// The moment the id was made, which its first 48 bits carry.
            pub fn created_at(self) -> Timestamp {
                Timestamp::from_millis(i64::try_from(self.0 >> 80).unwrap_or(i64::MAX))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, Ulid(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.strip_prefix($prefix)
                    .filter(|rest| rest.len() == 26)
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(|ulid| Self(ulid.0))
                    .ok_or(Invalid::new(concat!("must be ", $prefix, " followed by a ULID")))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// A tenant: an organization or account.
    TenantId = "ten_";
    /// An endpoint: where we deliver to.
    EndpointId = "ep_";
    /// An event, as stored. What callers see is [`crate::EventRef`], which may be a name of their own.
    EventId = "evt_";
    /// One event for one endpoint.
    DeliveryId = "dlv_";
    /// One HTTP try of a delivery.
    AttemptId = "att_";
    /// A message of a session.
    MessageId = "msg_";
    /// An API key's handle; not the key itself.
    KeyId = "key_";
    /// A source: where we receive from.
    SourceId = "src_";
    /// An agent: a preset that reacts to what arrives.
    AgentId = "agt_";
    /// One request to a source, accepted or refused.
    InboundId = "inb_";
    /// Something that an agent did, or wants to do, to a provider.
    ActionId = "act_";
    /// One piece of work for an agent: to react to a delivery, to answer a person, to carry out an action.
    TurnId = "trn_";
}

impl TenantId {
    /// The same 128 bits as a UUID, for systems that name organizations so.
    pub const fn as_uuid(self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.0)
    }
}

/// A project: an optional subdivision of a tenant, named by a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(uuid::Uuid);

impl ProjectId {
    /// Takes a UUID.
    pub const fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(uuid)
    }

    /// A random (version 4) id.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// The stored form.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The inverse of [`ProjectId::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        uuid::Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ProjectId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // Only the hyphenated form: one spelling per id, so that ids compare as text everywhere.
        if text.len() != 36 {
            return Err(Invalid::new("must be a UUID"));
        }
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| Invalid::new("must be a UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_print() {
        let id = EventId::from_u128(0x0193_4b1c_7d2f_0000_0000_0000_0000_0001);
        assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        assert_eq!(EventId::from_bytes(&id.to_bytes()), Some(id));
        assert_eq!(id.created_at().as_millis(), 0x0193_4b1c_7d2f);
    }

    #[test]
    fn ids_of_another_kind_or_shape_are_refused() {
        for text in [
            "",
            "evt_",
            "ep_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "evt_01ARZ3NDEKTSV4RRFFQ69G5FA",
            "evt_01ARZ3NDEKTSV4RRFFQ69G5FA!",
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
        assert!("0b6dd7c2-6c2a-4c86-9bb0-6f0a4f6c1c7d".parse::<ProjectId>().is_ok());
        assert!("0b6dd7c26c2a4c869bb06f0a4f6c1c7d".parse::<ProjectId>().is_err());
    }
}
