//! What an error of a model means for a run.

use posthouse_engine::RunError;
use rig_core::ProviderError;
use rig_core::http_client::Error as HttpError;
use serde_json::Value;

use super::place::Place;
use super::transport::NoAnswer;
use crate::text::one_line;

/// Characters of what a provider says.
const MESSAGE_CHARS_MAX: usize = 300;

/// What is wrong, and whether trying again may help.
pub(super) struct Failure {
    pub(super) temporary: bool,
    pub(super) text: String,
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        if failure.temporary { Self::Temporary(failure.text) } else { Self::Permanent(failure.text) }
    }
}

/// Reads rig's error.
pub(super) fn failure(error: &ProviderError, place: &Place) -> Failure {
    if let ProviderError::Http(error) = error
        && let HttpError::Instance(inner) = &**error
        && let Some(no_answer) = inner.downcast_ref::<NoAnswer>()
    {
        let text = format!("the model gave no answer: {}", no_answer.text);
        return Failure { temporary: no_answer.temporary, text };
    }
    if let Some(response) = error.provider_response() {
        return answered(response.status.map_or(0, |status| status.as_u16()), &response.body, place);
    }
    // The errors' own texts may quote the answer.
    let text = match error {
        ProviderError::Request(_) | ProviderError::Url(_) | ProviderError::UnsupportedOption(_) => {
            format!("the question can not be put: {}", clean(&error.to_string(), place))
        }
        ProviderError::Json(error) => {
            format!("the model's answer is not valid: {}", clean(&error.to_string(), place))
        }
        // The answer was complete, so what rig calls cut short is a document of another kind.
        ProviderError::Truncated => "the model's answer is not of this provider's protocol".to_owned(),
        _ => format!("the model's answer can not be understood: {}", clean(&error.to_string(), place)),
    };
    Failure { temporary: false, text }
}

fn answered(status: u16, body: &str, place: &Place) -> Failure {
    let temporary = matches!(status, 408 | 409 | 425 | 429 | 500..=599);
    let mut text = match status {
        0 | 200..=299 => "the model answered with an error".to_owned(),
        _ => format!("the model answered {status}"),
    };
    if matches!(status, 401 | 403) && place.key_is_operators {
        // Providers quote parts of the key, and name the organisation that it belongs to.
        text.push_str(": the server's API key was refused");
    } else if let Some(message) = message(body) {
        text = format!("{text}: {}", clean(&message, place));
    }
    Failure { temporary, text }
}

/// What a provider says of an error: `error.message` (OpenAI, Anthropic, Gemini), `error` (Ollama) or `message`.
/// Of what is not JSON nothing is shown.
fn message(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    // Gemini answers with an array, now and then.
    let body = body.get(0).unwrap_or(&body);
    ["/error/message", "/error", "/message"]
        .into_iter()
        .find_map(|pointer| body.pointer(pointer)?.as_str().map(str::to_owned))
}

/// One short line without the key.
fn clean(text: &str, place: &Place) -> String {
    let text = match &place.key {
        Some(key) if !key.expose().is_empty() => text.replace(key.expose(), "[key]"),
        _ => text.to_owned(),
    };
    one_line(&text, MESSAGE_CHARS_MAX)
}
