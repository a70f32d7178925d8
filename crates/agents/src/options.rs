//! What the operator decides about agents.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use posthouse_egress::Sender;
use posthouse_engine::Clock;
use posthouse_types::limits::AGENT_SECONDS_MAX;
use posthouse_types::{EndpointUrl, LlmProvider, SecretText};
use serde::{Deserialize, Deserializer};

/// Seconds that a program may run when its table does not say.
const COMMAND_SECONDS_DEFAULT: u32 = 60;
/// Bytes that a program may write when its table does not say: what a message of a session may have.
const COMMAND_OUTPUT_BYTES_DEFAULT: u32 = 64 * 1024;
/// The most bytes that a program may be allowed to write.
const COMMAND_OUTPUT_BYTES_MAX: u32 = 1024 * 1024;

/// What agents run with.
pub struct RunnersOptions {
    /// Calls addresses that users wrote, hence with the address policy for those: what `http` agents name, an `llm`
    /// agent's own `base_url`, and the providers' public addresses.
    pub sender: Arc<dyn Sender>,
    /// Calls the addresses in `providers`. They are the operator's, so they may be private.
    pub trusted: Arc<dyn Sender>,
    /// Stamps what `http` agents are sent.
    pub clock: Arc<dyn Clock>,
    /// The programs that `command` agents may run, by the name that agents know them by.
    pub commands: BTreeMap<String, Command>,
    /// What `llm` agents use that do not bring their own.
    pub providers: HashMap<LlmProvider, ProviderDefaults>,
}

/// A program that agents may run: the table `[commands.NAME]` of a configuration file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program, as an absolute path. It is started directly, without a shell.
    pub program: PathBuf,
    /// Its arguments; none by default. Nothing of an event or an agent is put into them.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables that it gets besides PATH, HOME, LANG, POSTHOUSE_SESSION and POSTHOUSE_AGENT.
    #[serde(default, deserialize_with = "secrets")]
    pub env: BTreeMap<String, SecretText>,
    /// Seconds after which it is killed, 1 to 3,600; 60 by default. The limits of the agent count as well.
    #[serde(default = "command_seconds")]
    pub max_seconds: u32,
    /// Bytes it may write to its standard output, 1 to 1 MiB; 64 KiB by default. When it writes more it is killed.
    #[serde(default = "command_output_bytes")]
    pub max_output_bytes: u32,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}

/// What the operator set for a provider of language models: the table `[llm.PROVIDER]` of a configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderDefaults {
    /// Where agents without a `base_url` of their own call; may be a private address. By default the provider's
    /// public address; Ollama has none.
    pub base_url: Option<EndpointUrl>,
    /// The key that such agents use when they have none of their own. Never sent to an agent's own `base_url`.
    #[serde(deserialize_with = "secret")]
    pub api_key: Option<SecretText>,
}

/// Why options make no runners.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunnersError {
    /// A program of `commands` can not be run as configured.
    #[error("commands.{name}: {problem}")]
    Command {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// An entry of `providers` can not be used.
    #[error("llm.{provider}: {problem}")]
    Provider {
        /// Whose.
        provider: LlmProvider,
        /// What is wrong.
        problem: &'static str,
    },
}

impl RunnersOptions {
    /// Finds what can never work.
    pub(crate) fn check(&self) -> Result<(), RunnersError> {
        for (name, command) in &self.commands {
            if let Some(problem) = problem_of_command(command) {
                return Err(RunnersError::Command { name: name.clone(), problem });
            }
        }
        for (&provider, defaults) in &self.providers {
            if defaults.base_url.as_ref().is_some_and(EndpointUrl::has_query) {
                let problem = "base_url must not hold a query: paths are put behind it";
                return Err(RunnersError::Provider { provider, problem });
            }
        }
        Ok(())
    }
}

/// True for a URL that nothing can be put behind.
fn problem_of_command(command: &Command) -> Option<&'static str> {
    if !command.program.is_absolute() {
        return Some("program must be an absolute path");
    }
    if !(1..=AGENT_SECONDS_MAX).contains(&command.max_seconds) {
        return Some("max_seconds must be 1 to 3600");
    }
    if !(1..=COMMAND_OUTPUT_BYTES_MAX).contains(&command.max_output_bytes) {
        return Some("max_output_bytes must be 1 to 1048576");
    }
    None
}

const fn command_seconds() -> u32 {
    COMMAND_SECONDS_DEFAULT
}

const fn command_output_bytes() -> u32 {
    COMMAND_OUTPUT_BYTES_DEFAULT
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretText>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|(name, text)| (name, SecretText::new(text))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_read_with_defaults_and_without_unknown_keys() {
        let command: Command = serde_json::from_value(json!({ "program": "/bin/true" })).unwrap();
        assert_eq!((command.max_seconds, command.max_output_bytes), (60, 65_536));
        assert!(problem_of_command(&command).is_none());
        assert!(serde_json::from_value::<Command>(json!({ "program": "/bin/true", "shell": true })).is_err());

        let table = json!({ "base_url": "http://127.0.0.1:11434", "api_key": "sk-operator" });
        let provider: ProviderDefaults = serde_json::from_value(table).unwrap();
        assert_eq!(provider.api_key.as_ref().map(SecretText::expose), Some("sk-operator"));
        assert!(!format!("{provider:?}").contains("sk-operator"));
        assert!(serde_json::from_value::<ProviderDefaults>(json!({ "key": "x" })).is_err());
        let by_name: HashMap<LlmProvider, ProviderDefaults> =
            serde_json::from_value(json!({ "openai": {} })).unwrap();
        assert!(by_name.contains_key(&LlmProvider::Openai));
    }

    #[test]
    fn environment_of_programs_is_not_shown() {
        let table = json!({ "program": "/bin/true", "env": { "TOKEN": "tk-secret" } });
        let command: Command = serde_json::from_value(table).unwrap();
        assert_eq!(command.env["TOKEN"].expose(), "tk-secret");
        assert!(!format!("{command:?}").contains("tk-secret"));
    }

    #[test]
    fn programs_are_named_by_absolute_path_and_bounded() {
        for (table, problem) in [
            (json!({ "program": "true" }), "program"),
            (json!({ "program": "/bin/true", "max_seconds": 0 }), "max_seconds"),
            (json!({ "program": "/bin/true", "max_output_bytes": 1_048_577 }), "max_output_bytes"),
        ] {
            let command: Command = serde_json::from_value(table).unwrap();
            assert!(problem_of_command(&command).unwrap().starts_with(problem));
        }
    }
}
