//! Where the caller sees the dialect: scheme, host and mount point, for links and problems that name themselves.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use http::header::HOST;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Uri};

use super::Api;

/// Where a request was sent to.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    public_url: Option<Arc<str>>,
    host: Option<HeaderValue>,
    /// The path as it arrived, and as the dialect sees it.
    arrived: Option<Uri>,
    seen: Uri,
}

impl Place {
    pub(super) fn of(
        public_url: Option<Arc<str>>,
        headers: &HeaderMap,
        extensions: &Extensions,
        uri: &Uri,
    ) -> Self {
        let arrived = extensions.get::<OriginalUri>().map(|OriginalUri(uri)| uri.clone());
        Self { public_url, host: headers.get(HOST).cloned(), arrived, seen: uri.clone() }
    }

    /// A request for this path, for tests.
    #[cfg(test)]
    pub(crate) fn at(path: &str) -> Self {
        let seen = path.parse().expect("a path");
        Self {
            public_url: None,
            host: Some(HeaderValue::from_static("gateway.example")),
            arrived: None,
            seen,
        }
    }

    /// The dialect's own path of the request, without the mount point.
    pub(crate) fn path(&self) -> &str {
        self.seen.path()
    }

    /// What stands before the dialect's own paths: `http://127.0.0.1:8400/sonzai`.
    pub(crate) fn base(&self) -> String {
        let arrived = self.arrived.as_ref().unwrap_or(&self.seen).path();
        let mount = arrived.strip_suffix(self.seen.path()).unwrap_or_default();
        [&self.server(), mount].concat()
    }

    /// What stands before every path: `http://127.0.0.1:8400`. The scheme of a server behind a proxy is known from its
    /// configured URL only.
    pub(crate) fn server(&self) -> String {
        if let Some(url) = &self.public_url {
            return url.to_string();
        }
        let host = self.host.as_ref().and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
        format!("http://{}", host.unwrap_or("localhost"))
    }
}

/// A host name and port are repeated to the caller only when they hold nothing else.
fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

impl FromRequestParts<Api> for Place {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        Ok(Self::of(api.options.public_url.clone(), &parts.headers, &parts.extensions, &parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(public_url: Option<&str>, host: &str, arrived: Option<&str>, seen: &str) -> Place {
        Place {
            public_url: public_url.map(Arc::from),
            host: HeaderValue::from_str(host).ok(),
            arrived: arrived.map(|uri| uri.parse().unwrap()),
            seen: seen.parse().unwrap(),
        }
    }

    #[test]
    fn the_base_is_what_the_caller_wrote_before_the_dialects_path() {
        let mounted = place(None, "a.example:8400", Some("/sonzai/api/v1/x?y"), "/api/v1/x?y");
        assert_eq!(mounted.base(), "http://a.example:8400/sonzai");
        assert_eq!(mounted.server(), "http://a.example:8400");
        assert_eq!(place(None, "a.example", None, "/api/v1/x").base(), "http://a.example");
        let public = place(Some("https://hooks.example"), "inner", Some("/casey/v1"), "/v1");
        assert_eq!(public.base(), "https://hooks.example/casey");
        assert_eq!(place(None, "a\"b", None, "/").base(), "http://localhost");
    }
}
