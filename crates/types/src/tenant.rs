//! Who owns what: a tenant's data is split into environments, and nothing crosses either line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Invalid, TenantId};

/// Which half of a tenant a key speaks for. Fixed by the key; nothing crosses from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Production traffic.
    Live,
    /// Trial traffic.
    Test,
}

impl Environment {
    /// The name used everywhere outside: `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(Invalid::new("must be live or test")),
        }
    }
}

/// The wall that nothing crosses: one tenant in one environment. Every read and write names its space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Space {
    /// The owner.
    pub tenant: TenantId,
    /// Live or test.
    pub environment: Environment,
}
