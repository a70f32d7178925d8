//! An endpoint made ready for sending: parsed once when it changes, not once per delivery.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use posthouse_egress::SendRequest;
use posthouse_store::{EndpointRecord, Sealed};
use posthouse_types::{Endpoint, EndpointId, Headers};

use crate::signing::{Keys, Secret};
use crate::vault::{DoesNotOpen, Vault};

/// An endpoint with everything a delivery needs.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) uri: http::Uri,
    /// The URL as attempts record it.
    pub(crate) url: Arc<str>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The same as their owner gave them.
    pub(crate) own_headers: Headers,
    pub(crate) timeout: Duration,
    pub(crate) keys: Keys,
}

impl Target {
    /// Opens what is sealed and parses what is text.
    pub(crate) fn new(record: &EndpointRecord, vault: &Vault) -> Result<Self, DoesNotOpen> {
        let endpoint = record.endpoint.clone();
        let secrets = open_secrets(vault, endpoint.id, &record.secrets)?;
        let headers = open_headers(vault, endpoint.id, &record.headers)?;
        Ok(Self {
            uri: endpoint.settings.url.normalised().parse().map_err(|_| DoesNotOpen)?,
            timeout: Duration::from_millis(endpoint.settings.timeout_ms.into()),
            url: Arc::from(endpoint.settings.url.normalised()),
            keys: Keys::read(endpoint.settings.wire, &secrets).map_err(|_| DoesNotOpen)?,
            headers: headers
                .iter()
                .map(|header| {
                    let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| DoesNotOpen)?;
                    let mut value = HeaderValue::from_str(&header.value).map_err(|_| DoesNotOpen)?;
                    // Owners put credentials here: the mark keeps them out of logs and recorded attempts.
                    value.set_sensitive(true);
                    Ok((name, value))
                })
                .collect::<Result<_, DoesNotOpen>>()?,
            own_headers: headers,
            endpoint,
        })
    }
}

/// The headers of a request as an attempt records them: sensitive values replaced.
pub(crate) fn recorded_headers(request: &SendRequest) -> Vec<(String, String)> {
    request.headers.iter().map(|(name, value)| (name.as_str().to_owned(), visible(value))).collect()
}

/// A header value for people.
pub(crate) fn visible(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        "[redacted]".to_owned()
    } else {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    }
}

pub(crate) fn seal_secrets(vault: &Vault, id: EndpointId, secrets: &[Secret]) -> Sealed {
    vault.seal_json(&format!("endpoint-secrets:{id}"), secrets)
}

pub(crate) fn open_secrets(
    vault: &Vault,
    id: EndpointId,
    sealed: &Sealed,
) -> Result<Vec<Secret>, DoesNotOpen> {
    vault.open_json(&format!("endpoint-secrets:{id}"), sealed)
}

pub(crate) fn seal_headers(vault: &Vault, id: EndpointId, headers: &Headers) -> Sealed {
    vault.seal_json(&format!("endpoint-headers:{id}"), headers)
}

pub(crate) fn open_headers(vault: &Vault, id: EndpointId, sealed: &Sealed) -> Result<Headers, DoesNotOpen> {
    vault.open_json(&format!("endpoint-headers:{id}"), sealed)
}
