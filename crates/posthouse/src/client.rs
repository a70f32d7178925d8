//! The commands' own HTTP client: calls a Posthouse server through egress, like every other call out.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use posthouse_egress::{AddressPolicy, Egress, EgressConfig, SendRequest, Sender as _};
use serde_json::Value;

use crate::error::Error;

/// Time for a whole request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server and a key for it.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    /// Base URL of the server
    #[arg(long, env = "POSTHOUSE_URL", default_value = "http://127.0.0.1:8400")]
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
        let base = self.url.trim_end_matches('/');
        let uri = format!("{base}{path}")
            .parse()
            .map_err(|_| Error::Usage(format!("`{}` is not a URL", self.url)))?;
        let mut request = SendRequest::post(uri, body);
        request.timeout = TIMEOUT;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key))
            .map_err(|_| Error::Usage("the API key holds characters that no key has".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, bearer);
        if let Some(key) = idempotency_key {
            let value = HeaderValue::try_from(key)
                .map_err(|_| Error::Usage("the idempotency key must be visible ASCII".to_owned()))?;
            request.headers.insert(HeaderName::from_static("idempotency-key"), value);
        }
        // The operator's own server: any address will do.
        let policy = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
        let egress = Egress::new(EgressConfig { policy, ..EgressConfig::default() })?;
        let report = egress.send(request).await;
        let Some(status) = report.outcome.status() else {
            return Err(Error::Unreachable(self.url.clone(), report.error.unwrap_or_default()));
        };
        let text = String::from_utf8_lossy(&report.response_body).into_owned();
        if report.outcome.is_delivered() && report.response_truncated {
            // A large batch: accepted, with more ids than are read of an answer.
            return Ok(Value::Null);
        }
        if report.outcome.is_delivered() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        Err(Error::Answer(status, text))
    }
}
