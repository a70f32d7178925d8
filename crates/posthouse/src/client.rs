//! The commands' own HTTP client: calls a Posthouse server through egress, like every other call out.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use posthouse_egress::{AddressPolicy, Egress, EgressConfig, SendRequest, Sender as _};
use serde_json::Value;

use crate::error::Error;

/// Time for a whole request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest document that is read: a page of the API, bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Where a server is when nobody says.
pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:8400";

/// A server and a key for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    /// Base URL of the server
    #[arg(long, env = "POSTHOUSE_URL", default_value = SERVER_DEFAULT)]
    pub(crate) url: String,
    /// API key
    #[arg(long, env = "POSTHOUSE_API_KEY", hide_env_values = true)]
    pub(crate) key: String,
}

impl Remote {
    /// Posts a body; the answer must be a success.
    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &'static str,
        idempotency_key: Option<&str>,
        body: Bytes,
    ) -> Result<Value, Error> {
        let mut request = SendRequest::post(self.uri(path)?, body);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(key) = idempotency_key {
            let value = HeaderValue::try_from(key)
                .map_err(|_| Error::Usage("the idempotency key must be visible ASCII".to_owned()))?;
            request.headers.insert(HeaderName::from_static("idempotency-key"), value);
        }
        self.call(request).await
    }

    /// Reads a document; the answer must be a success.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Error> {
        let mut request = SendRequest::get(self.uri(path)?);
        request.response_kept_bytes_max = DOCUMENT_BYTES_MAX;
        self.call(request).await
    }

    fn uri(&self, path: &str) -> Result<Uri, Error> {
        parse(&format!("{}{path}", self.url.trim_end_matches('/')))
    }

    async fn call(&self, mut request: SendRequest) -> Result<Value, Error> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key))
            .map_err(|_| Error::Usage("the API key holds characters that no key has".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, bearer);
        let Answer { status, text, whole } = exchange(&client()?, request).await?;
        if !(200..300).contains(&status) {
            return Err(Error::Answer(status, text));
        }
        // A large batch: accepted, with more ids than are read of an answer.
        Ok(if whole { serde_json::from_str(&text).unwrap_or(Value::String(text)) } else { Value::Null })
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// It was not longer than what is read of an answer.
    pub(crate) whole: bool,
}

/// What calls the operator's own servers: any address will do.
pub(crate) fn client() -> Result<Egress, Error> {
    let policy = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    Ok(Egress::new(EgressConfig { policy, ..EgressConfig::default() })?)
}

/// Makes a request and reads the answer, whatever it says.
pub(crate) async fn exchange(client: &Egress, mut request: SendRequest) -> Result<Answer, Error> {
    request.timeout = TIMEOUT;
    let target = request.uri.to_string();
    let report = client.send(request).await;
    let Some(status) = report.outcome.status() else {
        return Err(Error::Unreachable(target, report.error.unwrap_or_default()));
    };
    let text = String::from_utf8_lossy(&report.response_body).into_owned();
    Ok(Answer { status, text, whole: !report.response_truncated })
}

/// Reads an absolute URL.
pub(crate) fn parse(url: &str) -> Result<Uri, Error> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| uri.authority().is_some()).ok_or_else(|| Error::Usage(format!("`{url}` is not a URL")))
}
