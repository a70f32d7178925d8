//! Sources: where we receive from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{
    DEDUP_BY_BODY_S_DEFAULT, INBOUND_TEXT_CHARS_MAX, INGEST_BODY_BYTES_DEFAULT, SOURCE_FILTER_ENTRIES_MAX,
    SOURCE_RATE_PER_MINUTE_DEFAULT,
};
use crate::{AgentId, EndpointUrl, Invalid, Name, ProjectId, SourceId, Space, Timestamp, ToolPolicy};

/// Where we receive from: what Moltis calls a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// The same as a number, for surfaces whose ids are numbers. Given by the store; 0 before that.
    pub number: u64,
    /// What its URL ends with: it routes, and proves nothing.
    pub public_id: PublicId,
    /// Whose it is.
    pub space: Space,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// What its owner may change.
    pub settings: SourceSettings,
    /// How many requests it has taken on.
    pub deliveries: u64,
    /// When it last took one on.
    pub last_delivery_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A source as callers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceRef {
    /// By its id.
    Id(SourceId),
    /// By its number.
    Number(u64),
}

impl From<SourceId> for SourceRef {
    fn from(id: SourceId) -> Self {
        Self::Id(id)
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for SourceRef {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // A number has one way to be written.
        let number = || text.parse().ok().filter(|number: &u64| number.to_string() == text).map(Self::Number);
        text.parse()
            .map(Self::Id)
            .ok()
            .or_else(number)
            .ok_or(Invalid::new("must be the id of a source, or its number"))
    }
}

/// What a source's owner may change, secrets apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSettings {
    /// For people.
    pub name: Name,
    /// For people.
    pub description: String,
    /// The provider's profile, by name. Fixed once the source is made.
    pub profile: String,
    /// How requests prove who sent them.
    pub auth: AuthMode,
    /// The header that [`AuthMode::StaticHeader`] looks at, lower case.
    pub auth_header: Option<String>,
    /// Which types of events it takes on.
    pub events: TypeFilter,
    /// Accounts whose doings are passed over, as the provider names them: the one that the agent acts as, so that it
    /// does not wake itself.
    pub ignored_senders: Vec<String>,
    /// A header that holds the type, looked at before those that the profile knows; lower case.
    pub event_header: Option<String>,
    /// How deliveries become sessions.
    pub session: SessionMode,
    /// Who reacts; `None`: the built-in digest.
    pub agent: Option<AgentId>,
    /// What differs from the agent's own settings.
    pub overrides: Overrides,
    /// Requests taken on in any 60 seconds.
    pub rate_limit_per_minute: u32,
    /// The longest body, bytes.
    pub max_body_bytes: u32,
    /// Networks (or addresses) that may send; empty: all.
    pub allowed_cidrs: Vec<String>,
    /// For how long an equal body is a repeat, where the provider sends no key; 0: never. Seconds.
    pub dedup_by_body_s: u32,
    /// Where the provider's REST API is, when it is not at the provider's own address.
    pub provider_url: Option<EndpointUrl>,
    /// Takes the place of the message given to the agent; `{a.b}` stands for members of the payload.
    pub prompt_template: Option<String>,
    /// No agent runs: the message alone is put into the session.
    pub deliver_only: bool,
    /// Off: its URL answers as if there were none.
    pub enabled: bool,
}

impl SourceSettings {
    /// The defaults for a source of this name, profile and mode.
    pub fn new(name: Name, profile: &str, auth: AuthMode) -> Self {
        Self {
            name,
            description: String::new(),
            profile: profile.to_owned(),
            auth,
            auth_header: None,
            events: TypeFilter::default(),
            ignored_senders: Vec::new(),
            event_header: None,
            session: SessionMode::PerDelivery,
            agent: None,
            overrides: Overrides::default(),
            rate_limit_per_minute: SOURCE_RATE_PER_MINUTE_DEFAULT,
            max_body_bytes: INGEST_BODY_BYTES_DEFAULT,
            allowed_cidrs: Vec::new(),
            dedup_by_body_s: DEDUP_BY_BODY_S_DEFAULT,
            provider_url: None,
            prompt_template: None,
            deliver_only: false,
            enabled: true,
        }
    }
}

/// The last part of a source's URL: `wh_` and 36 hexadecimal digits. Source: Moltis.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; 18]);

impl PublicId {
    /// Takes 18 random bytes.
    pub const fn from_bytes(bytes: [u8; 18]) -> Self {
        Self(bytes)
    }

    /// The stored form.
    pub const fn to_bytes(self) -> [u8; 18] {
        self.0
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 36];
        hex::encode_to_slice(self.0, &mut digits).expect("two digits for each byte");
        f.write_str("wh_")?;
        f.write_str(str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WANTED: Invalid = Invalid::new("must be wh_ and 36 hexadecimal digits");
        let digits = text.strip_prefix("wh_").filter(|digits| digits.len() == 36).ok_or(WANTED)?;
        let mut bytes = [0; 18];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |byte: u8| match byte {
                b'0'..=b'9' => Some(byte - b'0'),
                b'a'..=b'f' => Some(byte - b'a' + 10),
                _ => None,
            };
            *byte = digit(pair[0]).ok_or(WANTED)? << 4 | digit(pair[1]).ok_or(WANTED)?;
        }
        Ok(Self(bytes))
    }
}

macro_rules! modes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// How a request to a source proves who sent it. The first nine are those of Moltis.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum AuthMode {
            $($(#[$doc])* $variant,)*
        }

        impl AuthMode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used everywhere outside.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

modes! {
    /// Not at all: for local testing.
    None = "none";
    /// A header of the owner's choice holds a token.
    StaticHeader = "static_header";
    /// `Authorization: Bearer` and a token.
    Bearer = "bearer";
    /// GitHub's `X-Hub-Signature-256`.
    GithubHmacSha256 = "github_hmac_sha256";
    /// GitLab's `X-Gitlab-Token`.
    GitlabToken = "gitlab_token";
    /// Stripe's `Stripe-Signature`.
    StripeWebhookSignature = "stripe_webhook_signature";
    /// Linear's `Linear-Signature`.
    LinearWebhookSignature = "linear_webhook_signature";
    /// PagerDuty's `X-PagerDuty-Signature`.
    PagerdutyV2Signature = "pagerduty_v2_signature";
    /// Sentry's `Sentry-Hook-Signature`.
    SentryWebhookSignature = "sentry_webhook_signature";
    /// Standard Webhooks, `webhook-signature` or `svix-signature`.
    StandardWebhooks = "standard_webhooks";
    /// Slack's `X-Slack-Signature`.
    SlackSignature = "slack_signature";
    /// Shopify's `X-Shopify-Hmac-Sha256`.
    ShopifyHmacSha256 = "shopify_hmac_sha256";
}

impl AuthMode {
    /// True when what proves it is a token that is sent, rather than a secret that signs.
    pub const fn is_token(self) -> bool {
        matches!(self, Self::StaticHeader | Self::Bearer | Self::GitlabToken)
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AuthMode {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|mode| mode.as_str()).collect();
            Invalid::because(format!("must be one of {}", names.join(", ")))
        })
    }
}

/// Which types of events a source takes on: with an empty `allow` all, else those it names; never those that
/// `deny` names. An entry is a type; without a full stop it names the whole family (`push`, `note` and `note.create`). It
/// may also be written as in an endpoint's filter: `*` is everything, `note.*` the family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeFilter {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl TypeFilter {
    /// Checks the entries; the error says which list is at fault.
    pub fn new(allow: Vec<String>, deny: Vec<String>) -> Result<Self, (&'static str, Invalid)> {
        for (name, list) in [("allow", &allow), ("deny", &deny)] {
            if list.len() > SOURCE_FILTER_ENTRIES_MAX {
                let message = format!("must have at most {SOURCE_FILTER_ENTRIES_MAX} entries");
                return Err((name, Invalid::because(message)));
            }
            let fits = |entry: &String| {
                !entry.trim().is_empty()
                    && entry.chars().count() <= INBOUND_TEXT_CHARS_MAX
                    && !entry.chars().any(char::is_control)
            };
            if !list.iter().all(fits) {
                let message = format!("each must be 1 to {INBOUND_TEXT_CHARS_MAX} printable characters");
                return Err((name, Invalid::because(message)));
            }
        }
        Ok(Self { allow, deny })
    }

    /// The entries of `allow`.
    pub fn allow(&self) -> &[String] {
        &self.allow
    }

    /// The entries of `deny`.
    pub fn deny(&self) -> &[String] {
        &self.deny
    }

    /// True when an event of this type is taken on. One without a type is, unless only listed ones are.
    pub fn admits(&self, event_type: Option<&str>) -> bool {
        let named = |list: &[String]| {
            list.iter()
                .any(|entry| entry == "*" || event_type.is_some_and(|event_type| names(entry, event_type)))
        };
        (self.allow.is_empty() || named(&self.allow)) && !named(&self.deny)
    }
}

fn names(entry: &str, event_type: &str) -> bool {
    let (entry, is_family) = match entry.strip_suffix(".*") {
        Some(family) => (family, true),
        None => (entry, !entry.contains('.')),
    };
    match event_type.strip_prefix(entry) {
        Some("") => true,
        Some(rest) => is_family && rest.starts_with('.'),
        None => false,
    }
}

/// How deliveries become sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", content = "name", rename_all = "snake_case")]
pub enum SessionMode {
    /// Each its own.
    #[default]
    PerDelivery,
    /// All about one thing together, as the profile's entity key says; what has no such key, on its own.
    PerEntity,
    /// All in one, of this name or of the source.
    NamedSession(Option<String>),
}

impl SessionMode {
    /// The name used everywhere outside.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::PerDelivery => "per_delivery",
            Self::PerEntity => "per_entity",
            Self::NamedSession(_) => "named_session",
        }
    }
}

/// What a source changes of its agent's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Another model.
    pub model: Option<String>,
    /// Put behind the agent's system prompt.
    pub system_prompt_suffix: Option<String>,
    /// Tools must be permitted by this as well.
    pub tools: Option<ToolPolicy>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_read_back_what_they_print() {
        let id = PublicId::from_bytes([0xa1; 18]);
        assert_eq!(id.to_string(), format!("wh_{}", "a1".repeat(18)));
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "wh_", &"wh_A1".repeat(8), &format!("wh_{}", "A1".repeat(18)), &"a1".repeat(18)] {
            assert!(bad.parse::<PublicId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn references_read_back_what_they_print() {
        for source in [SourceRef::Id(SourceId::from_u128(7)), SourceRef::Number(7)] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        for bad in ["", "+7", "07", "-1", "7.0", "99999999999999999999", "inb_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
            assert!(bad.parse::<SourceRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn modes_are_written_as_they_are_stored() {
        for &mode in AuthMode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
        }
    }

    #[test]
    fn filters_allow_first_and_deny_last() {
        let filter = |allow: &[&str], deny: &[&str]| {
            let texts = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
            TypeFilter::new(texts(allow), texts(deny)).unwrap()
        };
        let all = filter(&[], &[]);
        assert!(all.admits(Some("push")) && all.admits(None));
        let listed = filter(&["pull_request.opened", "note"], &[]);
        assert!(listed.admits(Some("pull_request.opened")));
        assert!(listed.admits(Some("note.create")), "without a full stop: the family");
        assert!(!listed.admits(Some("Note")));
        assert!(!listed.admits(Some("pull_request.opened.twice")));
        assert!(!listed.admits(Some("pull_request")));
        assert!(!listed.admits(None), "what has no type is not listed");
        let but = filter(&["issues"], &["issues.labeled"]);
        assert!(but.admits(Some("issues.opened")));
        assert!(!but.admits(Some("issues.labeled")), "deny wins");
        assert!(filter(&[], &["push"]).admits(None));
    }

    #[test]
    fn filters_may_be_written_as_those_of_endpoints() {
        let deny = |entry: &str| TypeFilter::new(Vec::new(), vec![entry.to_owned()]).unwrap();
        for (entry, denied, admitted) in [
            (
                "deploy.*",
                &["deploy", "deploy.completed", "deploy.a.b"][..],
                &["deployment", "redeploy.a"][..],
            ),
            ("customer.subscription.*", &["customer.subscription.created"], &["customer.created"]),
            ("*", &["a", "a.b"], &[]),
        ] {
            let filter = deny(entry);
            assert!(denied.iter().all(|one| !filter.admits(Some(one))), "{entry}");
            assert!(admitted.iter().all(|one| filter.admits(Some(one))), "{entry}");
        }
        assert!(!deny("*").admits(None));
        assert!(TypeFilter::new(vec!["*".to_owned()], Vec::new()).unwrap().admits(None), "everything");
    }

    #[test]
    fn filter_entries_are_bounded() {
        assert_eq!(TypeFilter::new(vec![String::new()], vec![]).unwrap_err().0, "allow");
        assert_eq!(TypeFilter::new(vec![], vec!["a\u{7}".to_owned()]).unwrap_err().0, "deny");
        assert!(TypeFilter::new(vec!["a".to_owned(); SOURCE_FILTER_ENTRIES_MAX + 1], vec![]).is_err());
    }
}
