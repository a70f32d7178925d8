//! Messages: what is said in a session.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{POLL_OPTION_CHARS_MAX, POLL_OPTIONS_MAX, POLL_QUESTION_CHARS_MAX};
use crate::{ActionId, EventId, InboundId, Invalid, MessageId, SessionId, Space, Timestamp, Tokens};

/// Something that was said in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id; orders messages by time.
    pub id: MessageId,
    /// Whose it is.
    pub space: Space,
    /// The session.
    pub session: SessionId,
    /// Who said it.
    pub role: Role,
    /// What was said; of a poll, its question.
    pub content: String,
    /// The choices, when it is a poll.
    pub poll: Option<Poll>,
    /// The inbound delivery that it tells of: then it is no person's word, and text from outside is in it.
    pub delivery: Option<InboundId>,
    /// What an agent called while it made up its answer, in order.
    pub tool_calls: Vec<ToolCall>,
    /// What an agent's answer cost.
    pub tokens: Option<Tokens>,
    /// When it was said.
    pub created_at: Timestamp,
}

/// A tool that an agent called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// Its arguments, JSON.
    pub arguments: Value,
    /// The action that was recorded of it; calls that only read what was delivered have none.
    pub action: Option<ActionId>,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, or the platform on behalf of one.
    User,
    /// The agent of the session.
    Assistant,
}

impl Role {
    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::User, Self::Assistant]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Invalid::new("must be user or assistant"))
    }
}

/// The choices of a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    options: Vec<String>,
    multiple: bool,
}

impl Poll {
    /// Checks the question and the options; the error names the member at fault.
    pub fn new(
        question: &str,
        options: Vec<String>,
        multiple: bool,
    ) -> Result<Self, (&'static str, Invalid)> {
        let fits = |text: &str, max| !text.trim().is_empty() && text.chars().count() <= max;
        if !fits(question, POLL_QUESTION_CHARS_MAX) {
            return Err((
                "question",
                Invalid::because(format!("must be 1 to {POLL_QUESTION_CHARS_MAX} characters")),
            ));
        }
        let refused = |message: String| Err(("options", Invalid::because(message)));
        if options.len() < 2 || options.len() > POLL_OPTIONS_MAX {
            return refused(format!("must have 2 to {POLL_OPTIONS_MAX} entries"));
        }
        if !options.iter().all(|option| fits(option, POLL_OPTION_CHARS_MAX)) {
            return refused(format!("each must be 1 to {POLL_OPTION_CHARS_MAX} characters"));
        }
        if (1..options.len()).any(|index| options[..index].contains(&options[index])) {
            return refused("must all differ: a vote names them by their text".to_owned());
        }
        Ok(Self { options, multiple })
    }

    /// What can be chosen, in the order given.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// True when several may be chosen.
    pub fn multiple(&self) -> bool {
        self.multiple
    }

    /// A complete choice, as it is kept: in the order of the poll, each option once. Empty takes a vote back.
    pub fn choose(&self, chosen: &[String]) -> Result<Vec<String>, Invalid> {
        if let Some(unknown) = chosen.iter().find(|choice| !self.options.contains(choice)) {
            return Err(Invalid::because(format!("`{unknown}` is not an option of the poll")));
        }
        let selected: Vec<String> =
            self.options.iter().filter(|option| chosen.contains(option)).cloned().collect();
        if chosen.len() > 1 && !self.multiple {
            return Err(Invalid::new(
                "must have one entry, or none to clear the vote: the poll is single-choice",
            ));
        }
        Ok(selected)
    }
}

/// What someone has chosen in a poll; a vote that was taken back is an empty choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who votes: one vote each.
    pub voter: String,
    /// What was chosen, in the order of the poll.
    pub selected: Vec<String>,
    /// The event that told of it.
    pub event: EventId,
    /// When it was cast or changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn polls_have_options_that_differ() {
        for (question, options, at) in [
            ("", texts(&["a", "b"]), "question"),
            ("q", texts(&["a"]), "options"),
            ("q", texts(&["a", "a"]), "options"),
            ("q", texts(&["a", " "]), "options"),
            ("q", vec!["a".to_owned(); 13], "options"),
        ] {
            assert_eq!(Poll::new(question, options, false).unwrap_err().0, at);
        }
    }

    #[test]
    fn choices_are_complete_sets() {
        let single = Poll::new("q", texts(&["a", "b", "c"]), false).unwrap();
        let multiple = Poll::new("q", texts(&["a", "b", "c"]), true).unwrap();
        assert_eq!(multiple.choose(&texts(&["c", "a", "c"])), Ok(texts(&["a", "c"])));
        assert_eq!(single.choose(&texts(&["b"])), Ok(texts(&["b"])));
        assert_eq!(single.choose(&[]), Ok(vec![]));
        assert!(single.choose(&texts(&["a", "b"])).is_err());
        assert!(single.choose(&texts(&["a", "a"])).is_err(), "exactly one");
        assert!(multiple.choose(&texts(&["a", "d"])).is_err());
    }
}
