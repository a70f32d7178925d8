//! How a step that did not fail ended.

/// A check that passed, or one that this machine cannot run. The second is never silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// All of it or a part of it; the step has said which, and what is missing.
    Skipped,
}
