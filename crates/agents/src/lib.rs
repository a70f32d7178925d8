//! What runs when an agent is woken, behind the engine's [`AgentRunner`](posthouse_engine::AgentRunner) seam.
//!
//! # Motivation
//! The engine decides when an agent runs, what it is told and which tools it has. What makes up the answer differs:
//! nothing at all (`digest`), a language model in one of four protocols (`llm`), a program that the operator
//! allowed (`command`), or someone's HTTP service (`post`). [`Runners`] chooses by the agent's settings.
//!
//! # How it works
//! - Every call leaves through [`posthouse_egress::Sender`], of which there are two: `sender` has the address policy
//!   for what users write, `trusted` is for addresses that the operator configured.
//! - The credential of a call is chosen together with its address, in one place: the operator's key never goes to an
//!   address that an agent's owner gave.
//! - A run is one future. Dropping it abandons the call under way, and kills the program.
//! - What comes back is a stranger's: bounded, cut, and without control characters where it becomes an error text.

mod command;
mod digest;
mod llm;
mod options;
mod post;
mod runners;
mod text;

pub use options::{Command, ProviderDefaults, RunnersError, RunnersOptions};
pub use runners::Runners;
