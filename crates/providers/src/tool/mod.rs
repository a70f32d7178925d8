//! What an agent can do at a provider: arguments in, requests of the provider's REST API out.
//!
//! A tool is a row of a table: what the model is told of it, and a pure function that makes its requests. Where a
//! request goes is decided by the source (the base URL, the credential) and by the delivery (the repository, the
//! project, the customer); arguments fill places inside that, percent-encoded, and can not leave them.

pub mod github;
pub mod gitlab;
pub mod payload;
mod request;
mod schema;
pub mod stripe;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use posthouse_types::{ActionId, SecretText};
use serde_json::Value;

/// Something that can be done at a provider. The repository, project or account is that of the delivery, never the
/// agent's choice.
#[derive(Debug)]
pub struct Tool {
    /// Its name: `github_post_comment`.
    pub name: &'static str,
    /// For the model.
    pub description: &'static str,
    /// JSON Schema of its arguments; the caller checks them against it.
    pub parameters: fn() -> Value,
    /// It changes something; false for tools that only look.
    pub writes: bool,
    /// Makes the requests that carry it out, in order; each is sent only when the one before it succeeded.
    /// Arguments are valid under `parameters`.
    pub prepare: fn(&Context<'_>, &Value) -> Result<Vec<Call>, Unable>,
    /// What the provider calls that which was made, from its answer to the last request; as in
    /// [`crate::Reading::object`].
    pub object: fn(&Value) -> Option<String>,
}

/// What a tool acts on behalf of.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The delivery's payload, from which the repository, project or account is taken.
    pub payload: &'a Value,
    /// Where the provider's REST API is, when it is not at the provider's own address.
    pub base_url: Option<&'a str>,
    /// The source's credential there.
    pub token: &'a SecretText,
    /// The action: its mark is left in texts that others see, and it keys requests that must not be repeated.
    pub action: ActionId,
    /// What earlier actions on the same delivery made, as [`Tool::object`] named it: they may be acted on, too.
    pub made: &'a [String],
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Where.
    pub uri: Uri,
    /// Its headers, credentials among them; those are marked as sensitive, so that `Debug` hides them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A tool can not be carried out, and why, for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unable(pub String);

impl Unable {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The tool of this name.
pub fn find<'t>(tools: &'t [Tool], name: &str) -> Option<&'t Tool> {
    tools.iter().find(|tool| tool.name == name)
}

const MARK_START: &str = "<!-- posthouse:";
const MARK_END: &str = " -->";

/// The mark that an action leaves in texts it writes, so that the event which tells of them is known as our own. As
/// an HTML comment it is not seen in rendered Markdown.
pub fn mark(action: ActionId) -> String {
    format!("{MARK_START}{action}{MARK_END}")
}

/// The mark in a text: its last line that is not blank. Elsewhere it proves nothing: who quotes us, quotes the mark
/// as well.
pub fn find_mark(text: &str) -> Option<ActionId> {
    let last = text.trim_end().lines().next_back()?;
    last.strip_prefix(MARK_START)?.strip_suffix(MARK_END)?.parse().ok()
}

/// A text with the mark of an action as its last line.
fn marked(text: &str, action: ActionId) -> String {
    format!("{}\n\n{}", text.trim_end(), mark(action))
}

/// The [`Tool::object`] of tools whose doing has no id of its own.
fn no_object(_answer: &Value) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_the_last_line() {
        let action = ActionId::from_u128(7);
        let text = marked("Looks good.\n\n", action);
        assert_eq!(text, format!("Looks good.\n\n<!-- posthouse:{action} -->"));
        assert_eq!(find_mark(&text), Some(action));
        // Providers may change line breaks, or end the text with one.
        assert_eq!(find_mark(&format!("{}\r\n", text.replace('\n', "\r\n"))), Some(action));
    }

    #[test]
    fn a_mark_elsewhere_is_none_of_ours() {
        let mark = mark(ActionId::from_u128(7));
        for text in [
            format!("> {mark}"),
            format!("> Looks good.\n> {mark}\n\nI do not think so."),
            format!("{mark}\nand more"),
            format!("text {mark}"),
            "<!-- posthouse:act_nonsense -->".to_owned(),
            "<!-- posthouse: -->".to_owned(),
            String::new(),
        ] {
            assert_eq!(find_mark(&text), None, "{text}");
        }
    }

    #[test]
    fn the_last_of_several_marks_counts() {
        let (first, second) = (ActionId::from_u128(1), ActionId::from_u128(2));
        assert_eq!(find_mark(&marked(&marked("x", first), second)), Some(second));
    }
}
