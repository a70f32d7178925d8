//! Short texts that callers choose, each with its own alphabet and length.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::limits::{
    EVENT_TYPE_CHARS_MAX, EXTERNAL_ID_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX, NAME_CHARS_MAX,
    ORDERING_KEY_CHARS_MAX, SESSION_ID_CHARS_MAX,
};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident, $max:expr, $accepts:expr, $want:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks alphabet and length.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let accepts: fn(&str) -> bool = $accepts;
                if text.is_empty() || text.chars().count() > $max || !accepts(text) {
                    return Err(Invalid::because(format!("must be 1 to {} {}", $max, $want)));
                }
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.as_ref().to_owned()
            }
        }
    )*};
}

texts! {
    /// An event's type: dot-separated words such as `message.created`.
    EventType, EVENT_TYPE_CHARS_MAX, is_event_type,
        "letters, digits, '_' or '-', in words separated by single dots";
    /// A session's id: the platform's own, or one we made (`ses_` + ULID).
    SessionId, SESSION_ID_CHARS_MAX, is_graphic, "visible ASCII characters";
    /// An event id that the publisher chose. `evt_` followed by a ULID is ours and refused here; so is a full
    /// stop, which would make what Standard Webhooks signs ambiguous.
    ExternalId, EXTERNAL_ID_CHARS_MAX, is_external_id,
        "letters, digits, '_' or '-', and not of the form that generated ids have";
    /// What orders events among themselves: the next waits for the one before it.
    OrderingKey, ORDERING_KEY_CHARS_MAX, is_printable, "printable characters";
    /// Names a publish that may be repeated, for 24 hours. Source: the `Idempotency-Key` header.
    IdempotencyKey, IDEMPOTENCY_KEY_CHARS_MAX, is_graphic, "visible ASCII characters";
    /// A name given by a person: of a tenant, a project, a key.
    Name, NAME_CHARS_MAX, is_printable, "printable characters";
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_event_type(text: &str) -> bool {
    text.split('.').all(|word| !word.is_empty() && word.bytes().all(is_word))
}

fn is_external_id(text: &str) -> bool {
    text.bytes().all(is_word) && text.parse::<crate::EventId>().is_err()
}

fn is_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_dotted_words() {
        for good in ["a", "message.created", "on_wakeup_ready", "poll.vote-2"] {
            assert!(EventType::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a.*", "é", &"a".repeat(129)] {
            assert!(EventType::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn generated_event_ids_can_not_be_claimed() {
        assert!(ExternalId::parse("evt_01ARZ3NDEKTSV4RRFFQ69G5FAV").is_err());
        assert!(ExternalId::parse("order-17").is_ok());
    }
}
