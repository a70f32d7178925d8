//! The keys that say where callers reach the server.

use std::sync::Arc;

use super::{Config, ConfigurationError};

impl Config {
    /// Where callers reach the server, when the operator says.
    pub(crate) fn public_url(&self) -> Result<Option<Arc<str>>, ConfigurationError> {
        let Some(text) = self.public_url.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let uri = text.parse::<http::Uri>().ok();
        let is_origin = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
        });
        if !is_origin {
            let reason = "must be an http or https URL such as https://hooks.example.com".to_owned();
            return Err(ConfigurationError::Value { key: "public_url", reason });
        }
        Ok(Some(Arc::from(text.trim_end_matches('/'))))
    }

    /// Host names that one dialect has to itself, and the dialects.
    pub(crate) fn hosts(&self) -> Result<Arc<[(String, String)]>, ConfigurationError> {
        self.hosts.iter().map(|entry| host(entry)).collect()
    }
}

fn host(entry: &str) -> Result<(String, String), ConfigurationError> {
    let wrong = |reason: String| ConfigurationError::Value { key: "hosts", reason };
    let (host, dialect) = entry
        .split_once('=')
        .ok_or_else(|| wrong(format!("`{entry}` must be host=dialect, such as api.molroo.example=molroo")))?;
    let (host, dialect) = (host.trim(), dialect.trim());
    if !posthouse_api::dialects().any(|name| name == dialect) {
        let known: Vec<&str> = posthouse_api::dialects().collect();
        return Err(wrong(format!("`{entry}` names none of the dialects {}", known.join(", "))));
    }
    let is_name =
        host.parse::<http::uri::Authority>().is_ok_and(|authority| authority.as_str() == authority.host());
    if !is_name {
        return Err(wrong(format!("`{entry}` must begin with a host name, without a port")));
    }
    Ok((host.to_ascii_lowercase(), dialect.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_a_dialect() {
        assert_eq!(
            host("API.Molroo.example=molroo").unwrap(),
            ("api.molroo.example".into(), "molroo".into())
        );
        for wrong in ["molroo", "a.example=nobody", "=molroo", "a.example:80=molroo", "a b=molroo"] {
            assert!(host(wrong).unwrap_err().to_string().starts_with("hosts: "), "{wrong}");
        }
    }

    #[test]
    fn the_public_url_has_no_slash_at_its_end() {
        let url = |text: &str| Config { public_url: Some(text.to_owned()), ..Config::default() }.public_url();
        assert_eq!(url("https://hooks.example/").unwrap().as_deref(), Some("https://hooks.example"));
        assert_eq!(url("").unwrap(), None);
        for wrong in ["hooks.example", "ftp://a.example", "https://a.example/?x"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
