//! A request as a profile sees it, and what it reads from it.

use std::borrow::Cow;

use http::HeaderMap;
use posthouse_types::ActionId;
use posthouse_types::limits::INBOUND_TEXT_CHARS_MAX;
use sha2::{Digest as _, Sha256};

use crate::lenient::one_line;

/// A request to a source.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its exact body, which need not be JSON.
    pub body: &'a [u8],
    /// A header that the source's owner says holds the type: looked at before those that the generic profile knows.
    /// Where a provider says itself what the type is, it does not count.
    pub event_header: Option<&'a str>,
}

impl<'a> Incoming<'a> {
    /// The first value of a header, when it is visible ASCII and not empty.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
    }

    /// What the provider wants to say, as text; `None` when it is not text. This is the body; or, of a form, its field
    /// `payload`, where GitHub (when told to send forms) and Slack (of interactions) put their JSON. Source: GitHub,
    /// Creating webhooks, "Content type"; Slack, Handling user interaction.
    pub fn payload(&self) -> Option<Cow<'a, str>> {
        if self.is_form() {
            let field = url::form_urlencoded::parse(self.body).find(|(name, _)| name == "payload");
            if let Some((_, payload)) = field {
                return Some(payload);
            }
        }
        std::str::from_utf8(self.body).ok().map(Cow::Borrowed)
    }

    fn is_form(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }
}

/// What routing needs of a request. Texts are at most
/// [`posthouse_types::limits::INBOUND_TEXT_CHARS_MAX`] characters, without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What kind of thing happened.
    pub event_type: Option<String>,
    /// What tells the request from others.
    pub delivery_key: Option<DeliveryKey>,
    /// What it is about: `github:owner/name:pr:7`.
    pub entity_key: Option<String>,
    /// The mark that one of our own actions left in the text of what it made (see [`crate::tool::mark`]), or its id in
    /// a check run. Only of events that tell of the making: when a person later changes or closes it, that is news.
    pub mark: Option<ActionId>,
    /// The mark stood where only who holds our credential can write: it needs no further proof.
    pub mark_is_proof: bool,
    /// The account that did what the event tells of: `sender.login` of GitHub, the user's name of GitLab.
    pub sender: Option<String>,
    /// What the provider calls the thing that the event tells of, in the form that [`crate::tool::Tool::object`]
    /// has, so that what we made is known again where no mark can be left. As with `mark`, only of events that tell
    /// of the making.
    ///
    /// | provider | thing | form | events |
    /// |---|---|---|---|
    /// | GitHub | comment on an issue, pull request or commit | `comment:<id>` | `*_comment.created` |
    /// | GitHub | review | `review:<id>` | `pull_request_review.submitted` |
    /// | GitHub | comment on a line | `review:<id>` of its review | `pull_request_review_comment.created` |
    /// | GitHub | issue | `issue:<id>` | `issues.opened` |
    /// | GitHub | check run | `check_run:<id>` | `check_run.created`, `check_run.completed` |
    /// | GitLab | comment | `note:<id>` | `note`, `note.create` |
    /// | GitLab | issue | `issue:<id>` | `issue.open` |
    ///
    /// The ids are the providers' global numbers, `id`, never `number` or `iid`.
    pub object: Option<String>,
}

/// What tells a request from others of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKey {
    /// The provider's own: a repeat has the same.
    Given(String),
    /// Made from the body: equal bodies may also be two events.
    Body(String),
}

impl DeliveryKey {
    /// The provider's key; `None` when nothing is in it. One that does not fit the bounds of a [`Reading`] is
    /// replaced by its digest, since two that differ must not become one.
    pub(crate) fn given(key: &str) -> Option<Self> {
        let key = key.trim();
        let fits = key.chars().count() <= INBOUND_TEXT_CHARS_MAX && !key.chars().any(char::is_control);
        (!key.is_empty()).then(|| Self::Given(if fits { key.to_owned() } else { digest(key.as_bytes()) }))
    }

    /// The key of a body that has none: `sha256:` and its digest in hexadecimal.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        Self::Body(digest(body))
    }

    /// The same where the type of the event stands beside the body: two types are two events, however alike their
    /// bodies. The digest is that of the type, a line feed and the body, which no type has in it.
    pub(crate) fn of_typed_body(event_type: Option<&str>, body: &[u8]) -> Self {
        match event_type {
            Some(event_type) => Self::Body(digest(&[event_type.as_bytes(), b"\n", body].concat())),
            None => Self::of_body(body),
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Given(key) | Self::Body(key) => key,
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// The type of an event: its family, and what happened to it when something is said of that.
pub(crate) fn event_type(family: &str, action: Option<&str>) -> Option<String> {
    let family = one_line(family);
    let action = action.map(one_line).filter(|action| !action.is_empty());
    match action {
        _ if family.is_empty() => None,
        None => Some(family),
        Some(action) => Some(one_line(&format!("{family}.{action}"))),
    }
}

/// What an agent is told of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// One line: what happened, where, to what, by whom.
    pub headline: String,
    /// The facts that matter, as lines of text; the longest texts cut.
    pub text: String,
}
