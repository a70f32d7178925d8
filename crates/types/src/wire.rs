//! Wire formats: what each is called, and what its system fixes about delivering. How a delivery looks on the
//! wire is the engine's business; the numbers and rules that go with it are here, in one table.

use serde::{Deserialize, Serialize};

use crate::limits::{ATTEMPT_TIMEOUT_MS_DEFAULT, RETRY_DELAY_MAX};
use crate::retry::{RetryPolicy, Schedule, Steps};
use crate::{Invalid, SessionId};

/// The wire format of deliveries: envelope, headers, signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// Standard Webhooks; the body is the payload as published.
    Standard,
    /// Molroo's envelope, `X-Molroo-Signature`.
    Molroo,
    /// Sonzai's envelope, `Sonzai-Signature`.
    Sonzai,
    /// WhatsApp Gateway's envelope, `X-Webhook-Hmac`.
    Whatsapp,
    /// tellcasey's envelope; Standard Webhooks headers, under Svix's names too.
    Casey,
}

/// What follows when a receiver refuses a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is tried again, as long as the retry policy says.
    Retry,
    /// The delivery has failed; the endpoint goes on.
    Final,
    /// The delivery has failed, and the endpoint is switched off: its receiver said that it is gone.
    Gone,
}

impl Wire {
    /// All of them, in the order of their stored codes.
    pub const ALL: [Self; 5] = [Self::Standard, Self::Molroo, Self::Sonzai, Self::Whatsapp, Self::Casey];

    /// The stored code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The inverse of [`Wire::code`].
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Molroo => "molroo",
            Self::Sonzai => "sonzai",
            Self::Whatsapp => "whatsapp",
            Self::Casey => "casey",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|wire| wire.as_str() == text)
            .ok_or(Invalid::new("must be one of standard, molroo, sonzai, whatsapp, casey"))
    }

    /// When a failure is tried again, unless the endpoint's owner says otherwise.
    ///
    /// Sources: Standard Webhooks' recommendation, also for Molroo (the numbers of its SDK, three tries within a
    /// second, would lose events); Sonzai's demo application (four attempts; the waits are ours); WhatsApp Gateway,
    /// its "Create a webhook" page (2 s, 4 s, 8 s, … for up to 15 attempts); for tellcasey Svix's schedule, which its
    /// API points to.
    pub fn retry_policy(self) -> RetryPolicy {
        let custom = |waits: &[f64]| Schedule::Custom(waits.to_vec());
        let (schedule, jitter) = match self {
            Self::Standard | Self::Molroo => return RetryPolicy::default(),
            Self::Sonzai => (custom(&[1.0, 5.0, 25.0]), Some(0.2)),
            Self::Whatsapp => (Schedule::Exponential(WHATSAPP_STEPS), Some(0.2)),
            Self::Casey => (custom(&[5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0]), None),
        };
        RetryPolicy::new(schedule, jitter).expect("the numbers of the table are within the limits")
    }

    /// Time for one attempt, milliseconds, unless the endpoint's owner says otherwise. Sources: Molroo's SDK has 5 s,
    /// Svix 15 s; the others are ours.
    pub const fn timeout_ms(self) -> u32 {
        match self {
            Self::Standard | Self::Casey => ATTEMPT_TIMEOUT_MS_DEFAULT,
            Self::Molroo => 5_000,
            Self::Sonzai | Self::Whatsapp => 10_000,
        }
    }

    /// What follows when a receiver answers with this status, which is no 2xx.
    ///
    /// Sources: Standard Webhooks (410 means gone), which Svix and so tellcasey follow; Molroo's SDK ends at any 4xx;
    /// Sonzai retries on 5xx, and 408 and 429 are no verdict (ours); WhatsApp Gateway retries whatever is not 2xx
    /// (its "Create a webhook" page), 410 included.
    pub const fn after_refusal(self, status: u16) -> Refusal {
        match (self, status) {
            (Self::Whatsapp, _) | (Self::Sonzai, 408 | 429) => Refusal::Retry,
            (_, 410) => Refusal::Gone,
            (Self::Molroo | Self::Sonzai, 400..500) => Refusal::Final,
            _ => Refusal::Retry,
        }
    }

    /// Endpoint URLs must be `https`. Source: Molroo's "The HTTPS URL to receive webhook payloads".
    pub const fn needs_https(self) -> bool {
        matches!(self, Self::Molroo)
    }

    /// An endpoint may have no secret; its deliveries are not signed then. Source: WhatsApp Gateway, "If you set
    /// a `secret`, every `POST` is signed".
    pub const fn may_be_unsigned(self) -> bool {
        matches!(self, Self::Whatsapp)
    }

    /// An endpoint may name a session before anything else does. Source: WhatsApp Gateway's "Create a webhook" page,
    /// which knows no error for a session that is not there; elsewhere an unknown session is refused.
    pub const fn takes_unknown_sessions(self) -> bool {
        matches!(self, Self::Whatsapp)
    }

    /// Endpoints that one session may have in this format. Ours: nothing is published.
    pub const fn per_session_max(self) -> Option<usize> {
        match self {
            Self::Molroo => Some(20),
            Self::Standard | Self::Sonzai | Self::Whatsapp | Self::Casey => None,
        }
    }

    /// True when an endpoint limited to `limit` gets events of `session`. WhatsApp Gateway writes one session with
    /// and without `sess_`, so there the two are the same.
    pub fn admits(self, limit: &SessionId, session: &SessionId) -> bool {
        limit == session || (self == Self::Whatsapp && bare(limit) == bare(session))
    }
}

/// WhatsApp Gateway's numbers where nothing is said; no wait of its own is longer than the cap.
pub const WHATSAPP_STEPS: Steps = Steps { delay_s: 2, attempts: 15, cap_s: WHATSAPP_CAP_S };

/// The longest single wait of a WhatsApp Gateway policy, seconds: 6 h (ours).
const WHATSAPP_CAP_S: u64 = RETRY_DELAY_MAX.as_secs() / 4;

const SESSION_PREFIX: &str = "sess_";

fn bare(session: &SessionId) -> &str {
    let text = session.as_str();
    text.strip_prefix(SESSION_PREFIX).unwrap_or(text)
}

/// The other way in which WhatsApp Gateway may write a session's id: with `sess_`, or without.
pub fn session_twin(session: &SessionId) -> Option<SessionId> {
    let text = session.as_str();
    match text.strip_prefix(SESSION_PREFIX) {
        Some(rest) => SessionId::parse(rest).ok(),
        None => SessionId::parse(&format!("{SESSION_PREFIX}{text}")).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_read_back() {
        for wire in Wire::ALL {
            assert_eq!(Wire::parse(wire.as_str()), Ok(wire));
            assert_eq!(Wire::from_code(wire.code().into()), Some(wire));
            assert_eq!(serde_json::to_value(wire).unwrap(), wire.as_str(), "stored by name");
        }
        assert_eq!(Wire::from_code(5), None);
    }

    #[test]
    fn presets_are_those_of_the_systems() {
        let attempts = Wire::ALL.map(|wire| wire.retry_policy().attempts());
        assert_eq!(attempts, [10, 10, 4, 15, 8]);
        // 2 + 4 + … + 2^14 s, and no wait is cut.
        let whatsapp = Wire::Whatsapp.retry_policy();
        let total: u64 = (1..15).map(|n| whatsapp.wait_after(n, None, 0.5).unwrap().as_secs()).sum();
        assert_eq!(total, (1 << 15) - 2);
    }

    #[test]
    fn refusals_lead_where_each_system_says() {
        use Refusal::{Final, Gone, Retry};
        for (status, expected) in [
            (302, [Retry, Retry, Retry, Retry, Retry]),
            (400, [Retry, Final, Final, Retry, Retry]),
            (408, [Retry, Final, Retry, Retry, Retry]),
            (410, [Gone, Gone, Gone, Retry, Gone]),
            (429, [Retry, Final, Retry, Retry, Retry]),
            (500, [Retry, Retry, Retry, Retry, Retry]),
        ] {
            assert_eq!(Wire::ALL.map(|wire| wire.after_refusal(status)), expected, "{status}");
        }
    }

    #[test]
    fn sessions_have_two_spellings_in_one_format_only() {
        let [plain, prefixed, other] = ["01J9", "sess_01J9", "01JA"].map(|id| SessionId::parse(id).unwrap());
        assert!(Wire::Whatsapp.admits(&plain, &prefixed) && Wire::Whatsapp.admits(&prefixed, &plain));
        assert!(!Wire::Whatsapp.admits(&plain, &other) && !Wire::Standard.admits(&plain, &prefixed));
        assert!(Wire::Standard.admits(&plain, &plain));
        assert_eq!(session_twin(&plain), Some(prefixed.clone()));
        assert_eq!(session_twin(&prefixed), Some(plain));
    }
}
