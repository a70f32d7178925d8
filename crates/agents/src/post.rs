//! Agents that are someone's HTTP service.
//!
//! # Protocol
//! Ours: a POST of JSON ([`Asked`]), answered with 2xx and JSON `{"content": "…"}` or plain text; 204 says nothing.
//! The signature is that of Standard Webhooks (the specification, “Webhook headers”).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};
use posthouse_egress::{SendReport, SendRequest, Sender};
use posthouse_engine::{AgentReply, AgentRun, Clock, IdSource, RunError, Toolbox};
use posthouse_sign::standard::StandardKey;
use posthouse_types::{EndpointUrl, MessageId, Outcome, SecretText, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::one_line;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Asks HTTP services.
pub(crate) struct Poster {
    sender: Arc<dyn Sender>,
    clock: Arc<dyn Clock>,
    ids: IdSource,
}

/// What a service is asked.
#[derive(Serialize)]
struct Asked<'a> {
    session_id: &'a SessionId,
    message: &'a str,
    headline: Option<&'a str>,
    history: Vec<AskedSaid<'a>>,
    system_prompt: &'a str,
    model: Option<&'a str>,
    tools: Vec<AskedTool>,
}

#[derive(Serialize)]
struct AskedSaid<'a> {
    role: &'static str,
    content: &'a str,
}

/// A tool that a model behind the service would have had; it can not be called from there.
#[derive(Serialize)]
struct AskedTool {
    name: String,
    description: String,
    parameters: Value,
}

/// What it answers.
#[derive(Deserialize)]
struct Answer {
    content: String,
}

impl Poster {
    pub(crate) fn new(sender: Arc<dyn Sender>, clock: Arc<dyn Clock>) -> Self {
        Self { sender, ids: IdSource::new(Arc::clone(&clock)), clock }
    }

    pub(crate) async fn run(
        &self,
        url: &EndpointUrl,
        run: &AgentRun,
        tools: &dyn Toolbox,
    ) -> Result<AgentReply, RunError> {
        let permanent = |text: &str| RunError::Permanent(text.to_owned());
        let uri: Uri =
            url.normalised().parse().map_err(|_| permanent("the agent's URL can not be called"))?;
        let body = serde_json::to_vec(&asked(run, tools))
            .map_err(|_| permanent("the question can not be written as JSON"))?;
        let headers = self.headers(run.secret.as_ref(), &body)?;
        let request = SendRequest {
            headers,
            timeout: Duration::from_secs(run.agent.limits.seconds.into()),
            response_kept_bytes_max: ANSWER_BYTES_MAX,
            ..SendRequest::post(uri, Bytes::from(body))
        };
        let content = content(&self.sender.send(request).await)?;
        Ok(AgentReply { content, tokens: None })
    }

    fn headers(&self, secret: Option<&SecretText>, body: &[u8]) -> Result<HeaderMap, RunError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let Some(secret) = secret else { return Ok(headers) };
        let key = StandardKey::parse(secret.expose()).map_err(|_| {
            RunError::Permanent("the agent's secret is none of Standard Webhooks (whsec_…)".to_owned())
        })?;
        let now = self.clock.now();
        let id = MessageId::from_u128(self.ids.next_at(now)).to_string();
        let seconds = now.as_millis().div_euclid(1000);
        let signature = key.sign(&id, seconds, body);
        for (name, value) in
            [(WEBHOOK_ID, id), (WEBHOOK_TIMESTAMP, seconds.to_string()), (WEBHOOK_SIGNATURE, signature)]
        {
            headers.insert(
                name,
                HeaderValue::try_from(value).expect("ids, numbers and base64 are visible ASCII"),
            );
        }
        Ok(headers)
    }
}

fn asked<'a>(run: &'a AgentRun, tools: &dyn Toolbox) -> Asked<'a> {
    let tools = tools.specs().into_iter().map(|spec| AskedTool {
        name: spec.name,
        description: spec.description,
        parameters: spec.parameters,
    });
    Asked {
        session_id: &run.session,
        message: &run.message,
        headline: run.headline.as_deref(),
        history: run
            .history
            .iter()
            .map(|said| AskedSaid { role: said.role.as_str(), content: &said.content })
            .collect(),
        system_prompt: &run.agent.system_prompt,
        model: run.agent.model.as_deref(),
        tools: tools.collect(),
    }
}

fn content(report: &SendReport) -> Result<String, RunError> {
    let status = match report.outcome {
        Outcome::Delivered { status } => status,
        Outcome::Refused { status } => {
            let text = format!("the agent's service answered {status}");
            return Err(match status {
                408 | 425 | 429 | 500..=599 => RunError::Temporary(text),
                _ => RunError::Permanent(text),
            });
        }
        Outcome::Blocked => {
            return Err(RunError::Permanent(
                "the agent's service is at an address that may not be called".to_owned(),
            ));
        }
        Outcome::Timeout | Outcome::Unreachable { .. } | Outcome::Cancelled => {
            let reason = one_line(report.error.as_deref().unwrap_or_default(), 200);
            return Err(RunError::Temporary(format!("the agent's service could not be reached: {reason}")));
        }
    };
    if report.response_truncated {
        return Err(RunError::Permanent(format!(
            "the agent's service answered with more than {ANSWER_BYTES_MAX} bytes"
        )));
    }
    if status == 204 || report.response_body.is_empty() {
        return Ok(String::new());
    }
    let of_type = |wanted: &str| {
        let value = report.response_headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(wanted)
    };
    if of_type("text/plain") {
        return Ok(String::from_utf8_lossy(&report.response_body).into_owned());
    }
    if !of_type("application/json") {
        return Err(RunError::Permanent(
            "the agent's service must answer with application/json or text/plain".to_owned(),
        ));
    }
    let answer: Answer = serde_json::from_slice(&report.response_body).map_err(|_| {
        RunError::Permanent("the agent's service must answer with {\"content\": \"…\"}".to_owned())
    })?;
    Ok(answer.content)
}
