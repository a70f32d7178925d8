//! Agents: presets that react to what arrives.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{
    AGENT_SECONDS_DEFAULT, AGENT_SECONDS_MAX, AGENT_TOKENS_DEFAULT, AGENT_TOKENS_MAX, AGENT_TURNS_DEFAULT,
    AGENT_TURNS_MAX, TOOL_POLICY_ENTRIES_MAX,
};
use crate::{AgentId, EndpointUrl, Invalid, Name, ProjectId, Space, Timestamp};

/// A preset: what runs, with which instructions, tools and budgets.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Whose it is.
    pub space: Space,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// What its owner may change.
    pub settings: AgentSettings,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What an agent's owner may change, secrets apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// For people.
    pub name: Name,
    /// What runs.
    pub runner: Runner,
    /// The model, for runners that have one.
    pub model: Option<String>,
    /// Standing instructions.
    pub system_prompt: String,
    /// Which tools it may use; `None`: those that only read.
    pub tools: Option<ToolPolicy>,
    /// What one run may take.
    pub limits: AgentLimits,
    /// Actions wait until a person approves them.
    pub approval: bool,
}

impl AgentSettings {
    /// The defaults for an agent of this name that runs so.
    pub fn new(name: Name, runner: Runner) -> Self {
        Self {
            name,
            runner,
            model: None,
            system_prompt: String::new(),
            tools: None,
            limits: AgentLimits::default(),
            approval: false,
        }
    }
}

/// What runs when an agent is woken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Runner {
    /// Built in, no model: a factual summary.
    Digest,
    /// A language model.
    Llm {
        /// Whose protocol.
        provider: LlmProvider,
        /// Where, when it is not the provider's own address.
        base_url: Option<EndpointUrl>,
    },
    /// A program that the operator allowed, by the name it has in the server's configuration. The message is its
    /// standard input, the reply its standard output.
    Command {
        /// That name.
        command: String,
    },
    /// A POST of the message; the answer is the reply.
    Http {
        /// To where.
        url: EndpointUrl,
    },
}

/// Characters of a model's name.
const MODEL_CHARS_MAX: usize = 256;

/// Whether a language model may be called this. The name is part of the path in Gemini's protocol, so it must not be
/// able to leave its place there.
pub fn is_model_name(model: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    (1..=MODEL_CHARS_MAX).contains(&model.len())
        && model.bytes().all(of_a_name)
        && !model.contains("..")
        && !model.starts_with('/')
}

impl Runner {
    /// The name used everywhere outside.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Llm { .. } => "llm",
            Self::Command { .. } => "command",
            Self::Http { .. } => "http",
        }
    }
}

/// A protocol in which language models are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LlmProvider {
    /// OpenAI's chat completions, which many others speak as well.
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Ollama.
    Ollama,
}

impl LlmProvider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Openai, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// The name used everywhere outside.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}

impl fmt::Display for LlmProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LlmProvider {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str() == text)
            .ok_or(Invalid::new("must be openai, anthropic, gemini or ollama"))
    }
}

/// Which tools may be used: those that an entry of `allow` names and none of `deny`. An entry is a tool's name, or
/// the beginning of one with `*` behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolPolicy {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl ToolPolicy {
    /// Checks the entries; the error says which list is at fault.
    pub fn new(allow: Vec<String>, deny: Vec<String>) -> Result<Self, (&'static str, Invalid)> {
        for (name, list) in [("allow", &allow), ("deny", &deny)] {
            if list.len() > TOOL_POLICY_ENTRIES_MAX {
                let message = format!("must have at most {TOOL_POLICY_ENTRIES_MAX} entries");
                return Err((name, Invalid::because(message)));
            }
            if let Some(bad) = list.iter().find(|entry| !is_tool_pattern(entry)) {
                let message = format!("`{bad}`: must be a tool's name, or the beginning of one and *");
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

    /// True when this tool may be used.
    pub fn permits(&self, tool: &str) -> bool {
        names(&self.allow, tool) && !self.denies(tool)
    }

    /// True when this tool is ruled out by name.
    pub fn denies(&self, tool: &str) -> bool {
        names(&self.deny, tool)
    }
}

fn names(list: &[String], tool: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(start) => tool.starts_with(start),
        None => entry == tool,
    })
}

fn is_tool_pattern(entry: &str) -> bool {
    let name = entry.strip_suffix('*').unwrap_or(entry);
    !entry.is_empty()
        && entry.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// What one run of an agent may take. When it takes more, it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLimits {
    /// How often the model is asked.
    pub turns: u32,
    /// Tokens, in and out together.
    pub tokens: u32,
    /// Seconds.
    pub seconds: u32,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self { turns: AGENT_TURNS_DEFAULT, tokens: AGENT_TOKENS_DEFAULT, seconds: AGENT_SECONDS_DEFAULT }
    }
}

impl AgentLimits {
    /// Checks the numbers; the error names the member at fault.
    pub fn check(self) -> Result<Self, (&'static str, Invalid)> {
        for (name, value, max) in [
            ("turns", self.turns, AGENT_TURNS_MAX),
            ("tokens", self.tokens, AGENT_TOKENS_MAX),
            ("seconds", self.seconds, AGENT_SECONDS_MAX),
        ] {
            if value == 0 || value > max {
                return Err((name, Invalid::because(format!("must be 1 to {max}"))));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> ToolPolicy {
        let texts = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
        ToolPolicy::new(texts(allow), texts(deny)).unwrap()
    }

    #[test]
    fn deny_wins_and_nothing_is_allowed_unnamed() {
        let policy = policy(&["github_*", "webhook_get_full_payload"], &["github_merge_pr"]);
        assert!(policy.permits("github_post_comment"));
        assert!(policy.permits("webhook_get_full_payload"));
        assert!(!policy.permits("github_merge_pr"));
        assert!(!policy.permits("stripe_issue_refund"));
        assert!(!ToolPolicy::default().permits("webhook_get_full_payload"));
    }

    #[test]
    fn entries_are_names_or_beginnings() {
        for bad in ["", "a b", "*a", "a*b", "é"] {
            assert!(ToolPolicy::new(vec![bad.to_owned()], vec![]).is_err(), "{bad}");
            assert_eq!(ToolPolicy::new(vec![], vec![bad.to_owned()]).unwrap_err().0, "deny");
        }
        assert!(policy(&["*"], &[]).permits("anything"));
    }

    #[test]
    fn limits_are_bounded() {
        assert!(AgentLimits::default().check().is_ok());
        let none = AgentLimits { turns: 0, ..AgentLimits::default() };
        assert_eq!(none.check().unwrap_err().0, "turns");
        let long = AgentLimits { seconds: AGENT_SECONDS_MAX + 1, ..AgentLimits::default() };
        assert_eq!(long.check().unwrap_err().0, "seconds");
    }

    #[test]
    fn models_are_names_and_no_paths() {
        for good in ["gpt-5.2", "qwen3:4b", "openai/gpt-4o", "hf.co/x/y-GGUF:Q4_K_M", "gemini-2.5-flash@001"]
        {
            assert!(is_model_name(good), "{good}");
        }
        for bad in ["", "../../v1/files", "a?key=b", "a b", "a#b", "/x", "a%2e", "é"] {
            assert!(!is_model_name(bad), "{bad}");
        }
    }
}
