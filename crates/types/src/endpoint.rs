//! Endpoints: where we deliver to, and how.

mod url;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{
    ATTEMPT_TIMEOUT_MS_MAX, ATTEMPT_TIMEOUT_MS_MIN, EVENT_PATTERNS_MAX, HEADERS_BYTES_MAX, HEADERS_MAX,
    RATE_PER_SECOND_MAX,
};
use crate::{
    EndpointId, Event, EventType, Invalid, PayloadFilter, ProjectId, RetryPolicy, SessionId, Space,
    Timestamp, Wire,
};

pub use self::url::EndpointUrl;

/// A place that events are delivered to. Secrets and custom headers are kept apart, encrypted.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose it is.
    pub space: Space,
    /// Only events of this project.
    pub project: Option<ProjectId>,
    /// Only events of this session.
    pub session: Option<SessionId>,
    /// What its owner may change.
    pub settings: Settings,
    /// Why it is off, when it was not its owner who switched it off.
    pub disabled_reason: Option<DisabledReason>,
    /// How its deliveries have fared.
    pub health: Health,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
}

/// What an endpoint's owner may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where to.
    pub url: EndpointUrl,
    /// Which events.
    pub events: EventFilter,
    /// For people.
    pub description: String,
    /// The envelope, headers and signature used.
    pub wire: Wire,
    /// When a failure is tried again.
    pub retry_policy: RetryPolicy,
    /// Delays sends beyond this rate; drops none.
    pub rate_limit: Option<RateLimit>,
    /// Which events wait for each other.
    pub ordering: Ordering,
    /// Time for one attempt, milliseconds, 1,000 to 30,000.
    pub timeout_ms: u32,
    /// Conditions on the payload.
    pub filter: Option<PayloadFilter>,
    /// Off: new events are not matched, and what waits goes on waiting.
    pub enabled: bool,
    /// The owner's own data.
    pub metadata: Map<String, Value>,
}

impl Settings {
    /// The settings of an endpoint of which only URL and wire format were said.
    pub fn new(url: EndpointUrl, wire: Wire) -> Self {
        Self {
            url,
            events: EventFilter::all(),
            description: String::new(),
            wire,
            retry_policy: wire.retry_policy(),
            rate_limit: None,
            ordering: Ordering::None,
            timeout_ms: wire.timeout_ms(),
            filter: None,
            enabled: true,
            metadata: Map::new(),
        }
    }
}

/// Checks an endpoint's own time limit for one attempt, milliseconds.
pub fn check_timeout_ms(timeout_ms: u32) -> Result<u32, Invalid> {
    if (ATTEMPT_TIMEOUT_MS_MIN..=ATTEMPT_TIMEOUT_MS_MAX).contains(&timeout_ms) {
        Ok(timeout_ms)
    } else {
        Err(Invalid::because(format!("must be {ATTEMPT_TIMEOUT_MS_MIN} to {ATTEMPT_TIMEOUT_MS_MAX}")))
    }
}

/// One entry of an event filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventPattern {
    /// `*`: every type.
    Any,
    /// `prefix.*`: every type that begins with the prefix and a dot.
    Prefix(EventType),
    /// This type only.
    Exact(EventType),
}

impl EventPattern {
    /// Reads `*`, `prefix.*` or an event type.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::Any);
        }
        match text.strip_suffix(".*") {
            Some(prefix) => EventType::parse(prefix).map(Self::Prefix),
            None => EventType::parse(text).map(Self::Exact),
        }
        .map_err(|invalid| {
            Invalid::because(format!("`{text}`: must be *, an event type or prefix.*; a type {invalid}"))
        })
    }

    /// True when an event of this type passes.
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => {
                event_type.as_str().strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.'))
            }
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}.*"),
            Self::Exact(exact) => exact.fmt(f),
        }
    }
}

impl TryFrom<String> for EventPattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.to_string()
    }
}

/// Which event types an endpoint wants: those that any of its patterns matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventFilter(Vec<EventPattern>);

impl EventFilter {
    /// Everything.
    pub fn all() -> Self {
        Self(vec![EventPattern::Any])
    }

    /// This type only.
    pub fn only(event_type: EventType) -> Self {
        Self(vec![EventPattern::Exact(event_type)])
    }

    /// Takes 1 to [`EVENT_PATTERNS_MAX`] patterns; repeated ones count once.
    pub fn new(patterns: impl IntoIterator<Item = EventPattern>) -> Result<Self, Invalid> {
        let mut unique = Vec::new();
        for pattern in patterns {
            if unique.len() <= EVENT_PATTERNS_MAX && !unique.contains(&pattern) {
                unique.push(pattern);
            }
        }
        if unique.is_empty() || unique.len() > EVENT_PATTERNS_MAX {
            return Err(Invalid::because(format!("must have 1 to {EVENT_PATTERNS_MAX} entries")));
        }
        Ok(Self(unique))
    }

    /// The patterns.
    pub fn patterns(&self) -> &[EventPattern] {
        &self.0
    }

    /// True when any pattern matches.
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event_type))
    }
}

/// Which of an endpoint's events wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// None.
    #[default]
    None,
    /// Those with the same ordering key, or without one, of the same session.
    Session,
    /// All.
    Endpoint,
}

impl Ordering {
    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Session => "session",
            Self::Endpoint => "endpoint",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "none" => Ok(Self::None),
            "session" => Ok(Self::Session),
            "endpoint" => Ok(Self::Endpoint),
            _ => Err(Invalid::new("must be none, session or endpoint")),
        }
    }
}

/// An endpoint's throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Sends per second, 1 to [`RATE_PER_SECOND_MAX`].
    pub per_second: u32,
    /// Sends that may go at once after a pause, at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// Checks both numbers; without a burst it is one second's worth. The error names the member at fault.
    pub fn new(per_second: u32, burst: Option<u32>) -> Result<Self, (&'static str, Invalid)> {
        let burst = burst.unwrap_or(per_second);
        for (name, value) in [("per_second", per_second), ("burst", burst)] {
            if value == 0 || value > RATE_PER_SECOND_MAX {
                return Err((name, Invalid::because(format!("must be 1 to {RATE_PER_SECOND_MAX}"))));
            }
        }
        Ok(Self { per_second, burst })
    }
}

/// Why an endpoint is off although its owner did not switch it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410 Gone.
    Gone,
    /// Nothing but failures for five days.
    Failing,
}

impl DisabledReason {
    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// How an endpoint's deliveries have fared. Kept across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Failed attempts since the last success.
    pub consecutive_failures: u32,
    /// When the present run of failures began.
    pub failing_since: Option<Timestamp>,
    /// The last 2xx.
    pub last_success_at: Option<Timestamp>,
    /// The circuit is open: nothing is sent before this, and then one probe.
    pub open_until: Option<Timestamp>,
    /// Probes that failed since it opened.
    #[serde(default)]
    pub probes_failed: u32,
}

/// Health in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    /// No failure since the last success.
    Healthy,
    /// Failing, but still tried.
    Failing,
    /// The circuit is open: waiting for the next probe.
    Open,
    /// Switched off.
    Disabled,
}

impl HealthState {
    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Open => "open",
            Self::Disabled => "disabled",
        }
    }
}

impl Endpoint {
    /// True when the endpoint's scope admits the event.
    pub fn admits(&self, event: &Event) -> bool {
        let session = self.session.as_ref().is_none_or(|own| {
            event.session.as_ref().is_some_and(|session| self.settings.wire.admits(own, session))
        });
        session && (self.project.is_none() || self.project == event.project)
    }

    /// Health in one word.
    pub fn health_state(&self) -> HealthState {
        match (self.settings.enabled, self.health.open_until, self.health.consecutive_failures) {
            (false, _, _) => HealthState::Disabled,
            (true, Some(_), _) => HealthState::Open,
            (true, None, 0) => HealthState::Healthy,
            (true, None, _) => HealthState::Failing,
        }
    }
}

/// A header that an endpoint's owner adds to deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// As it was given; compared without regard to case.
    pub name: String,
    /// Visible ASCII, spaces and tabs.
    pub value: String,
}

/// An endpoint's custom headers, applied after our own.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(Vec<Header>);

/// Headers that would break framing, or that only we may set.
const FORBIDDEN_HEADERS: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "accept-encoding",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

impl Headers {
    /// Checks names, values, number and size. The error names the header at fault.
    pub fn new(headers: BTreeMap<String, String>) -> Result<Self, (String, Invalid)> {
        if headers.len() > HEADERS_MAX {
            return Err((
                String::new(),
                Invalid::because(format!("must have at most {HEADERS_MAX} entries")),
            ));
        }
        if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_BYTES_MAX {
            return Err((
                String::new(),
                Invalid::because(format!("must be at most {HEADERS_BYTES_MAX} bytes")),
            ));
        }
        let mut checked: Vec<Header> = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            check_header(&name, &value).map_err(|invalid| (name.clone(), invalid))?;
            if checked.iter().any(|header| header.name.eq_ignore_ascii_case(&name)) {
                return Err((name, Invalid::new("is given twice, in different spellings")));
            }
            checked.push(Header { name, value });
        }
        Ok(Self(checked))
    }

    /// The headers, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// The value of one of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value.as_str())
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Names only: values may be credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|header| &header.name)).finish()
    }
}

fn check_header(name: &str, value: &str) -> Result<(), Invalid> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return Err(Invalid::new("is not a header name"));
    }
    if FORBIDDEN_HEADERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)) {
        return Err(Invalid::new("may not be set"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err(Invalid::new("must hold visible ASCII characters and spaces only"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_words() {
        let event = EventType::parse("message.created").unwrap();
        for (pattern, expected) in [
            ("*", true),
            ("message.*", true),
            ("mess.*", false),
            ("message.created", true),
            ("message", false),
            ("message.created.*", false),
        ] {
            assert_eq!(EventPattern::parse(pattern).unwrap().matches(&event), expected, "{pattern}");
        }
        for bad in ["", "**", "*.created", "message.*.x", "message*"] {
            assert!(EventPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_that_break_framing_are_refused() {
        for (name, value) in
            [("Host", "x"), ("content-length", "1"), ("a b", "x"), ("x", "a\r\nb: c"), ("", "x")]
        {
            assert!(Headers::new(BTreeMap::from([(name.to_owned(), value.to_owned())])).is_err(), "{name}");
        }
    }
}
