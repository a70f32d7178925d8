//! A runner that answers as scripted, calls the tools it is told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use posthouse_engine::{AgentReply, AgentRun, AgentRunner, RunError, ToolOutput, ToolSpec, Toolbox};
use posthouse_types::Tokens;
use serde_json::Value;
use tokio::sync::Notify;

/// One scripted run.
enum Scripted {
    /// Tools to call, in order, then the result.
    Run { calls: Vec<(String, Value)>, result: Result<AgentReply, RunError> },
    /// It never ends.
    Hang,
}

/// What a scripted run costs, whatever comes of it.
const SPENT: Tokens = Tokens { input: 100, output: 20 };

/// A run as it was asked for, with what its tools answered.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The run.
    pub run: AgentRun,
    /// The tools it had.
    pub tools: Vec<ToolSpec>,
    /// What they answered.
    pub outputs: Vec<ToolOutput>,
}

/// Answers with the scripted runs in turn, then `done` for ever.
#[derive(Default)]
pub struct ScriptedRunner {
    script: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<Asked>>,
    begun: Notify,
}

impl ScriptedRunner {
    /// Adds a run that calls these tools and then answers.
    pub fn script(&self, calls: &[(&str, Value)], result: Result<&str, RunError>) {
        let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone())).collect();
        let result = result.map(|content| AgentReply { content: content.to_owned(), tokens: Some(SPENT) });
        self.script.lock().push_back(Scripted::Run { calls, result });
    }

    /// Adds a run that never ends.
    pub fn hang(&self) {
        self.script.lock().push_back(Scripted::Hang);
    }

    /// Waits until a run has begun that no earlier call has waited for.
    pub async fn begun(&self) {
        self.begun.notified().await;
    }

    /// What was asked since the last call, in order.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock())
    }
}

#[async_trait]
impl AgentRunner for ScriptedRunner {
    async fn run(&self, run: AgentRun, tools: Arc<dyn Toolbox>) -> Result<AgentReply, RunError> {
        let scripted = self.script.lock().pop_front();
        let mut asked = Asked { run, tools: tools.specs(), outputs: Vec::new() };
        self.begun.notify_one();
        let (calls, result) = match scripted {
            Some(Scripted::Run { calls, result }) => {
                tools.spent(SPENT);
                (calls, result)
            }
            Some(Scripted::Hang) => {
                tools.spent(SPENT);
                std::future::pending().await
            }
            None => (Vec::new(), Ok(AgentReply { content: "done".to_owned(), tokens: None })),
        };
        for (name, arguments) in calls {
            asked.outputs.push(tools.call(&name, arguments).await);
        }
        self.asked.lock().push(asked);
        result
    }
}
