//! A sender that answers as scripted and remembers what it was asked.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use posthouse_egress::{SendReport, SendRequest, Sender};
use posthouse_types::Outcome;

/// Answers with the scripted reports in turn, then 204 for ever.
#[derive(Default)]
pub struct ScriptedSender {
    script: Mutex<VecDeque<SendReport>>,
    sent: Mutex<Vec<SendRequest>>,
}

impl ScriptedSender {
    /// Adds reports to the end of the script.
    pub fn script(&self, reports: impl IntoIterator<Item = SendReport>) {
        self.script.lock().extend(reports);
    }

    /// Answers 204 from now on.
    pub fn forget_script(&self) {
        self.script.lock().clear();
    }

    /// What was sent since the last call, in order.
    pub fn take_sent(&self) -> Vec<SendRequest> {
        std::mem::take(&mut self.sent.lock())
    }
}

/// A report of this outcome, without headers or body, that took 3 ms.
pub fn answer(outcome: Outcome) -> SendReport {
    SendReport {
        outcome,
        response_headers: HeaderMap::new(),
        response_body: Bytes::new(),
        response_truncated: false,
        may_have_arrived: outcome.status().is_some() || outcome == Outcome::Timeout,
        error: outcome.status().is_none().then(|| format!("scripted {outcome}")),
        duration: Duration::from_millis(3),
    }
}

#[async_trait]
impl Sender for ScriptedSender {
    async fn send(&self, request: SendRequest) -> SendReport {
        self.sent.lock().push(request);
        let scripted = self.script.lock().pop_front();
        scripted.unwrap_or_else(|| answer(Outcome::Delivered { status: 204 }))
    }
}
