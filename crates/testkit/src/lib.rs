//! For tests only: a clock that is moved by hand, a scripted sender, a receiver that records.

mod clock;
mod receiver;
mod sender;

pub use clock::ManualClock;
pub use receiver::{Received, Receiver};
pub use sender::{ScriptedSender, answer};
