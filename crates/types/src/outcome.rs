//! What one attempt came to. An outcome is data, settled and stored; it is never an error.

use std::fmt;

/// The result of one HTTP attempt against an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The receiver answered 2xx.
    Delivered {
        /// The status it answered with, 200–299.
        status: u16,
    },
    /// The receiver answered anything else, redirects (3xx) included: they are not followed.
    Refused {
        /// The status it answered with.
        status: u16,
    },
    /// No complete answer arrived within the time limit (connect or total).
    Timeout,
    /// No connection could be made, or it broke before the answer's head arrived.
    Unreachable {
        /// The stage that failed.
        stage: Stage,
    },
    /// The address policy refused the target; nothing was sent.
    Blocked,
    /// The attempt was abandoned before its end: the endpoint went away or is no longer deliverable.
    Cancelled,
}

/// The stage at which a receiver could not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The name did not resolve.
    Dns,
    /// TCP (or the proxy) refused, or the connection broke.
    Connect,
    /// The TLS handshake failed.
    Tls,
}

impl Outcome {
    /// Classifies an answer by its status: 2xx is delivered, everything else refused.
    pub fn from_status(status: u16) -> Self {
        if (200..300).contains(&status) { Self::Delivered { status } } else { Self::Refused { status } }
    }

    /// True for [`Outcome::Delivered`] only.
    pub fn is_delivered(self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    /// The receiver's status, when it refused.
    pub fn refused(self) -> Option<u16> {
        match self {
            Self::Refused { status } => Some(status),
            _ => None,
        }
    }

    /// The receiver's status, when there was an answer.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Delivered { status } | Self::Refused { status } => Some(status),
            Self::Timeout | Self::Unreachable { .. } | Self::Blocked | Self::Cancelled => None,
        }
    }

    /// The stable name used in stores and on the wire, without the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Refused { .. } => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable { stage: Stage::Dns } => "unreachable_dns",
            Self::Unreachable { stage: Stage::Connect } => "unreachable_connect",
            Self::Unreachable { stage: Stage::Tls } => "unreachable_tls",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// The inverse of [`Outcome::name`] with [`Outcome::status`]; `None` for a pair that no outcome makes.
    pub fn from_parts(name: &str, status: Option<u16>) -> Option<Self> {
        Some(match (name, status) {
            ("delivered", Some(status)) => Self::Delivered { status },
            ("refused", Some(status)) => Self::Refused { status },
            ("timeout", None) => Self::Timeout,
            ("unreachable_dns", None) => Self::Unreachable { stage: Stage::Dns },
            ("unreachable_connect", None) => Self::Unreachable { stage: Stage::Connect },
            ("unreachable_tls", None) => Self::Unreachable { stage: Stage::Tls },
            ("blocked", None) => Self::Blocked,
            ("cancelled", None) => Self::Cancelled,
            _ => return None,
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status() {
            Some(status) => write!(f, "{} {status}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}
