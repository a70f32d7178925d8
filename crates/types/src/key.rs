//! API keys: what they may do, and what they look like.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Environment, Invalid};

/// One thing a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Endpoints, sources, projects, sessions, event types, replay.
    Manage,
    /// Publish events.
    Publish,
    /// Write messages into sessions.
    Send,
    /// Read everything but secrets.
    Read,
    /// Keys.
    Admin,
}

impl Capability {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 5] = [Self::Manage, Self::Publish, Self::Send, Self::Read, Self::Admin];

    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manage => "manage",
            Self::Publish => "publish",
            Self::Send => "send",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Capability {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.as_str() == text)
            .ok_or(Invalid::new("must be one of manage, publish, send, read, admin"))
    }
}

/// A set of capabilities. A key without any can do nothing and is refused at creation.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Capability>", into = "Vec<Capability>")]
pub struct Capabilities(u8);

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self(0b1_1111);

    /// True when the set holds `capability`.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// True when every capability of `other` is in this set too.
    pub const fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// True for the empty set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Self {
        Self(members.into_iter().fold(0, |set, capability| set | 1 << capability as u8))
    }
}

impl From<Vec<Capability>> for Capabilities {
    fn from(members: Vec<Capability>) -> Self {
        members.into_iter().collect()
    }
}

impl From<Capabilities> for Vec<Capability> {
    fn from(set: Capabilities) -> Self {
        set.iter().collect()
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Whose keys a new key looks like: its prefix only; any key works in every dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyStyle {
    /// Ours.
    #[default]
    Posthouse,
    /// Molroo's.
    Molroo,
    /// Sonzai's.
    Sonzai,
    /// WhatsApp Gateway's.
    Whatsapp,
    /// tellcasey's.
    Casey,
}

/// Style, its name, the live prefix, the test prefix. Sources: the systems' pages on authentication.
const STYLES: [(KeyStyle, &str, &str, &str); 5] = [
    (KeyStyle::Posthouse, "posthouse", "sk_live_", "sk_test_"),
    (KeyStyle::Molroo, "molroo", "mk_live_", "mk_test_"),
    (KeyStyle::Sonzai, "sonzai", "sk_live_", "sk_test_"),
    (KeyStyle::Whatsapp, "whatsapp", "wa_live_", "wa_test_"),
    (KeyStyle::Casey, "casey", "sk_live_", "sk_test_"),
];

impl KeyStyle {
    /// The text a new key begins with.
    pub fn prefix(self, environment: Environment) -> &'static str {
        let (_, _, live, test) = STYLES.iter().find(|row| row.0 == self).expect("every style has a row");
        match environment {
            Environment::Live => live,
            Environment::Test => test,
        }
    }
}

impl FromStr for KeyStyle {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        STYLES
            .iter()
            .find(|row| row.1 == text)
            .map(|row| row.0)
            .ok_or(Invalid::new("must be one of posthouse, molroo, sonzai, whatsapp, casey"))
    }
}
