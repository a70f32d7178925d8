//! Where an endpoint is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Invalid;
use crate::limits::URL_CHARS_MAX;

/// An absolute `http` or `https` URL without credentials or fragment. Whether its address may be called is
/// decided at connect, on the resolved IP; whether plain `http` is welcome is the engine's configuration.
///
/// It is called in its normalised form, and shown and stored as it was given: clients look for the URL that they
/// sent. Two that are called alike are equal.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl {
    given: Box<str>,
    url: url::Url,
}

impl EndpointUrl {
    /// Checks form and scheme.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let too_long =
            || Invalid::because(format!("must be at most {URL_CHARS_MAX} characters, once encoded"));
        if text.len() > URL_CHARS_MAX {
            return Err(too_long());
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Invalid::new("must not hold white space or control characters"));
        }
        let url = url::Url::parse(text)
            .map_err(|_| Invalid::new("must be an absolute URL such as https://example.com/webhooks"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Invalid::new("must begin with https:// or http://"));
        }
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            return Err(Invalid::new("must name a host, and a port other than 0"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Invalid::new("must not hold a user name or password; use headers"));
        }
        if url.fragment().is_some() {
            return Err(Invalid::new("must not hold a fragment"));
        }
        if url.as_str().len() > URL_CHARS_MAX {
            return Err(too_long());
        }
        // WHATWG lets through hosts such as a{b}.example that no HTTP client takes.
        if url.as_str().parse::<http::Uri>().is_err() {
            return Err(Invalid::new("must not hold characters that a URL has to encode"));
        }
        Ok(Self { given: text.into(), url })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The URL as it is called: normalised as the WHATWG URL standard says, ASCII only.
    pub fn normalised(&self) -> &str {
        self.url.as_str()
    }

    /// True for `https`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it has a query, behind which no path can be put.
    pub fn has_query(&self) -> bool {
        self.normalised().contains('?')
    }

    /// True when the host is this machine by its text alone: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// The host, for people and logs.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl PartialEq for EndpointUrl {
    fn eq(&self, other: &Self) -> bool {
        self.url == other.url
    }
}

impl Eq for EndpointUrl {}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.normalised())
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<EndpointUrl> for String {
    fn from(url: EndpointUrl) -> Self {
        url.given.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_absolute_http_without_credentials() {
        for good in [
            "https://example.com",
            "http://127.0.0.1:8080/x?y=1",
            "https://[::1]/",
            "https://bücher.example/",
        ] {
            assert!(EndpointUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "/x",
            "ftp://example.com",
            "https://",
            "https://u:p@example.com/",
            "https://example.com/#x",
            "https://exa mple.com/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://a{b}.example/",
            "javascript:alert(1)",
        ] {
            assert!(EndpointUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(EndpointUrl::parse(&format!("https://example.com/{}", "a".repeat(2048))).is_err());
        assert!(
            EndpointUrl::parse(&format!("https://example.com/{}", "é".repeat(900))).is_err(),
            "once encoded"
        );
        let accepted = EndpointUrl::parse(&format!("https://example.com/{}", "é".repeat(300))).unwrap();
        assert_eq!(EndpointUrl::parse(accepted.as_str()), Ok(accepted.clone()), "what is stored reads back");
    }

    #[test]
    fn urls_are_kept_as_given_and_called_normalised() {
        for (given, called) in [
            ("https://example.com", "https://example.com/"),
            ("https://EXAMPLE.com:443/a/../b", "https://example.com/b"),
            ("https://bücher.example/é?q=ü", "https://xn--bcher-kva.example/%C3%A9?q=%C3%BC"),
        ] {
            let url = EndpointUrl::parse(given).unwrap();
            assert_eq!((url.as_str(), url.normalised()), (given, called));
            let stored = serde_json::to_string(&url).unwrap();
            let read: EndpointUrl = serde_json::from_str(&stored).unwrap();
            assert_eq!((read.as_str(), read.normalised()), (given, called), "reads back from {stored}");
            assert_eq!(read, EndpointUrl::parse(called).unwrap(), "equal to what is called alike");
        }
    }
}
