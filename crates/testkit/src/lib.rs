//! For tests only: a clock that is moved by hand, a scripted sender, a scripted runner of agents, a receiver that records.

mod clock;
mod receiver;
mod runner;
mod sender;

pub use clock::ManualClock;
pub use receiver::{Received, Receiver};
pub use runner::{Asked, ScriptedRunner};
pub use sender::{ScriptedSender, answer};
