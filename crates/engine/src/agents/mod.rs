//! Agents: presets, and what runs them.

mod presets;
mod runner;

pub use presets::{AgentDetail, CreateAgent, UpdateAgent};
pub(crate) use presets::{Presets, open_secret};
pub use runner::{AgentReply, AgentRun, AgentRunner, RunError, Said, ToolOutput, ToolSpec, Toolbox};
