//! Requests of REST APIs: addresses that arguments can not leave, credentials that are not printed.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use posthouse_types::SecretText;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Call, Unable};

/// What a segment of a path, or a value in a query, may hold as it is: the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much is said of what does not fit the arguments, in characters.
const COMPLAINT_CHARS_MAX: usize = 300;

const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Posthouse/", env!("CARGO_PKG_VERSION")));

/// Where a REST API begins, without a slash at its end.
#[derive(Debug)]
pub(super) struct Root(String);

impl Root {
    /// The source's own address of the API, else the provider's.
    pub(super) fn new(base_url: Option<&str>, otherwise: &str) -> Result<Self, Unable> {
        let wrong =
            || Unable::new("the address of the provider's API in this source's settings is not usable");
        let url = Url::parse(base_url.unwrap_or(otherwise)).map_err(|_| wrong())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(wrong());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The same with this path at its end, when it is not there yet.
    pub(super) fn ending_in(self, path: &str) -> Self {
        if self.0.ends_with(path) { self } else { Self(self.0 + path) }
    }

    /// The address of these segments below the root, each percent-encoded as a whole.
    pub(super) fn at(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Uri, Unable> {
        let mut address = self.0.clone();
        for segment in segments {
            address.push('/');
            address.push_str(&encoded_segment(segment)?);
        }
        for (index, (name, value)) in query.iter().enumerate() {
            address.push(if index == 0 { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            address.extend(utf8_percent_encode(value, ENCODED));
        }
        address.parse().map_err(|_| Unable::new("the address that the arguments make is too long"))
    }
}

/// Encodes what is to be one segment of a path. Dots alone lead out of it, between encoded slashes as well: there are
/// servers that decode an address before they resolve it, and a dot may be written `%2e` then. Source: WHATWG URL,
/// 4.3, single-dot and double-dot URL path segments.
fn encoded_segment(segment: &str) -> Result<String, Unable> {
    let is_dots = |part: &str| matches!(&*part.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    let leads_out = segment.split(['/', '\\']).any(is_dots);
    if segment.is_empty() || leads_out || segment.chars().any(char::is_control) {
        return Err(Unable::new(format!("{segment:?} can not be part of an address")));
    }
    Ok(utf8_percent_encode(segment, ENCODED).to_string())
}

/// The parts of the path of a file in a repository. None may be empty or dots alone.
pub(super) fn file_parts(path: &str) -> Result<Vec<&str>, Unable> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) || path.chars().any(char::is_control) {
        return Err(Unable::new(
            "path must be that of a file in the repository, from its root: src/main.rs, not /src/main.rs or ../x",
        ));
    }
    Ok(parts)
}

/// A header with a credential in it.
pub(super) fn credential(scheme: &str, token: &SecretText) -> Result<HeaderValue, Unable> {
    let mut value = HeaderValue::try_from(format!("{scheme}{}", token.expose()))
        .map_err(|_| Unable::new("the provider token in this source's settings is not usable"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The headers that every request has.
pub(super) fn common_headers() -> HeaderMap {
    HeaderMap::from_iter([(USER_AGENT, OUR_USER_AGENT)])
}

/// A request without a body.
pub(super) fn bare(method: Method, uri: Uri, headers: HeaderMap) -> Call {
    Call { method, uri, headers, body: Bytes::new() }
}

/// A request with a JSON body. Members that are null are left out of it.
pub(super) fn json(method: Method, uri: Uri, mut headers: HeaderMap, mut body: Value) -> Call {
    drop_nulls(&mut body);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Call { method, uri, headers, body: body.to_string().into() }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Reads arguments. They fit the schema when they come here; what the schema can not say is said by the error.
pub(super) fn read<'a, T: Deserialize<'a>>(arguments: &'a Value) -> Result<T, Unable> {
    T::deserialize(arguments).map_err(|error| {
        let why: String = error.to_string().chars().take(COMPLAINT_CHARS_MAX).collect();
        Unable::new(format!("the arguments do not fit: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base_url: &str, segments: &[&str]) -> Result<String, Unable> {
        Ok(Root::new(Some(base_url), "https://api.example")?.at(segments, &[])?.to_string())
    }

    #[test]
    fn the_root_may_end_in_a_slash_and_have_a_path() {
        for base_url in
            ["https://ghe.example/api/v3", "https://ghe.example/api/v3/", "https://ghe.example/api/v3//"]
        {
            assert_eq!(at(base_url, &["user"]).unwrap(), "https://ghe.example/api/v3/user");
        }
        let root = |base_url| Root::new(Some(base_url), "").unwrap().ending_in("/api/v4").0;
        assert_eq!(root("https://git.example"), "https://git.example/api/v4");
        assert_eq!(root("https://git.example/gitlab/"), "https://git.example/gitlab/api/v4");
        assert_eq!(root("https://git.example/api/v4/"), "https://git.example/api/v4");
    }

    #[test]
    fn an_unusable_root_is_named_as_such() {
        for base_url in [
            "",
            "git.example",
            "ftp://git.example",
            "mailto:git@example.org",
            "https://name:word@git.example",
            "https://git.example?x",
            "https://git.example#x",
        ] {
            assert!(at(base_url, &["user"]).is_err(), "{base_url}");
        }
    }

    #[test]
    fn a_segment_stays_one_segment() {
        let root = "https://api.example";
        for (segment, encoded) in [
            ("area/api", "area%2Fapi"),
            ("a//b..", "a%2F%2Fb.."),
            ("a?b#c", "a%3Fb%23c"),
            ("%2f", "%252f"),
            ("%2e%2e%2e", "%252e%252e%252e"),
            ("a\\b", "a%5Cb"),
            ("a b;c", "a%20b%3Bc"),
            ("grün", "gr%C3%BCn"),
            ("...", "..."),
        ] {
            assert_eq!(at(root, &["labels", segment]).unwrap(), format!("{root}/labels/{encoded}"));
        }
        for segment in
            ["", ".", "..", "../user", "a/./b", "a\\..\\b", "%2e%2E", ".%2e\\", "a\nb", "\0", "a\u{7f}"]
        {
            assert!(at(root, &["labels", segment]).is_err(), "{segment:?}");
        }
    }

    #[test]
    fn an_address_without_end_is_refused() {
        assert!(at("https://api.example", &[&"é".repeat(20_000)]).is_err());
    }

    #[test]
    fn what_is_null_is_left_out() {
        let uri = Uri::from_static("https://api.example/");
        let body = serde_json::json!({ "a": null, "b": [{ "c": null, "d": 1 }], "e": { "f": null } });
        let call = json(Method::POST, uri, HeaderMap::new(), body);
        assert_eq!(call.body, r#"{"b":[{"d":1}],"e":{}}"#);
    }

    #[test]
    fn credentials_are_not_printed() {
        let value = credential("Bearer ", &SecretText::new("word".to_owned())).unwrap();
        assert_eq!(value, "Bearer word");
        assert_eq!(format!("{value:?}"), "Sensitive");
        let error = credential("Bearer ", &SecretText::new("wo\nrd".to_owned())).unwrap_err();
        assert!(!error.to_string().contains("rd in"), "{error}");
    }
}
