//! The operator's proxy, through which all calls go when one is set.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use url::Url;

/// A proxy between us and every target. It is the operator's choice, so its own address is not policed;
/// the target's is, and the proxy is asked for the checked address, never for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxy {
    /// `http://[user:password@]host:port`: a CONNECT tunnel, for `http` targets too. Port 80 by default.
    Http(ProxyServer),
    /// `socks5://[user:password@]host:port`: RFC 1928 and 1929. Port 1080 by default.
    Socks5(ProxyServer),
}

/// Where a proxy listens and who we are to it. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    uri: Uri,
    user: Option<(String, String)>,
}

/// Why a text is no proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL with a host.
    #[error("the proxy is not a URL of the form scheme://[user:password@]host:port")]
    Url,
    /// Another scheme than the two.
    #[error(
        "the proxy's scheme is not http or socks5 (socks5h would resolve names where they cannot be checked)"
    )]
    Scheme,
    /// Something behind the port.
    #[error("the proxy's URL has a path, query or fragment")]
    Path,
    /// Not UTF-8 once decoded, or longer than the 255 bytes that SOCKS5 allows.
    #[error("the proxy's user or password cannot be sent")]
    Credentials,
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|_| ProxyError::Url)?;
        match url.scheme() {
            "http" => Ok(Self::Http(ProxyServer::from_url(&url, 80)?)),
            "socks5" => Ok(Self::Socks5(ProxyServer::from_url(&url, 1080)?)),
            _ => Err(ProxyError::Scheme),
        }
    }
}

impl ProxyServer {
    fn from_url(url: &Url, port_default: u16) -> Result<Self, ProxyError> {
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Path);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyError::Url)?;
        let port = url.port().unwrap_or(port_default);
        let uri = format!("http://{host}:{port}").parse().map_err(|_| ProxyError::Url)?;
        let user = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((decode(user)?, decode(password.unwrap_or_default())?)),
        };
        Ok(Self { uri, user })
    }

    /// Host and port, as a URI whose scheme means nothing.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn user(&self) -> Option<&(String, String)> {
        self.user.as_ref()
    }

    /// The value of `Proxy-Authorization`.
    pub(crate) fn basic_auth(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Some(HeaderValue::try_from(value).expect("base64 is a valid header value"))
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|(user, _)| user);
        f.debug_struct("ProxyServer").field("uri", &self.uri).field("user", &user).finish_non_exhaustive()
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, ProxyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    let decoded = String::from_utf8(bytes).map_err(|_| ProxyError::Credentials)?;
    if decoded.len() > 255 { Err(ProxyError::Credentials) } else { Ok(decoded) }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_with_and_without_user() {
        let Ok(Proxy::Http(http)) = "http://us%40er:p%3Ass@proxy.internal:3128".parse() else {
            panic!("an HTTP proxy")
        };
        assert_eq!(http.uri(), "http://proxy.internal:3128/");
        assert_eq!(http.user(), Some(&("us@er".to_owned(), "p:ss".to_owned())));
        assert_eq!(http.basic_auth().expect("has a user"), "Basic dXNAZXI6cDpzcw==");
        let Ok(Proxy::Socks5(socks)) = "socks5://[::1]".parse() else { panic!("a SOCKS5 proxy") };
        assert_eq!((socks.uri().to_string().as_str(), socks.user()), ("http://[::1]:1080/", None));
        let Ok(Proxy::Http(default_port)) = "http://proxy".parse() else { panic!("an HTTP proxy") };
        assert_eq!(default_port.uri(), "http://proxy:80/");
    }

    #[test]
    fn anything_else_is_refused() {
        for (text, expected) in [
            ("proxy:3128x", ProxyError::Scheme),
            ("3128", ProxyError::Url),
            ("https://proxy", ProxyError::Scheme),
            ("socks5h://proxy", ProxyError::Scheme),
            ("http://proxy/path", ProxyError::Path),
            ("socks5://", ProxyError::Url),
            ("http://u:%ff@proxy", ProxyError::Credentials),
        ] {
            assert_eq!(text.parse::<Proxy>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_password() {
        let proxy: Proxy = "http://user:hunter2@proxy".parse().expect("valid");
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
