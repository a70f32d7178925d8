//! Reads an answer while counting, and stops at the limits.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::limits::{RESPONSE_HEADERS_KEPT_BYTES_MAX, RESPONSE_HEADERS_KEPT_MAX};

/// The start of a body.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) bytes: Bytes,
    pub(crate) truncated: bool,
}

/// Reads until the end or until `kept_max` bytes are kept, whichever is first. Dropping an
/// unread rest closes the connection. The bytes are copied: a slice would hold the connection's read buffer.
pub(crate) async fn read_kept(mut body: Incoming, kept_max: usize) -> Result<Kept, hyper::Error> {
    if body.is_end_stream() {
        return Ok(Kept::default());
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut kept = Vec::with_capacity(expected.min(kept_max));
    while let Some(frame) = body.frame().await {
        // What is not data are trailers, which end the body.
        let Ok(data) = frame?.into_data() else { continue };
        let room = kept_max - kept.len();
        if data.len() >= room {
            kept.extend_from_slice(&data[..room]);
            let truncated = data.len() > room || !body.is_end_stream();
            return Ok(Kept { bytes: kept.into(), truncated });
        }
        kept.extend_from_slice(&data);
    }
    Ok(Kept { bytes: kept.into(), truncated: false })
}

/// Drops the headers beyond the limits; nearly always there are none.
pub(crate) fn bound_headers(headers: HeaderMap) -> HeaderMap {
    let size = |headers: &HeaderMap| -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
    };
    if headers.len() <= RESPONSE_HEADERS_KEPT_MAX && size(&headers) <= RESPONSE_HEADERS_KEPT_BYTES_MAX {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(RESPONSE_HEADERS_KEPT_MAX);
    let mut bytes = 0;
    for (name, value) in headers.iter().take(RESPONSE_HEADERS_KEPT_MAX) {
        bytes += name.as_str().len() + value.len();
        if bytes > RESPONSE_HEADERS_KEPT_BYTES_MAX {
            break;
        }
        kept.append(name.clone(), value.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(count: usize, value_len: usize) -> HeaderMap {
        let value = HeaderValue::try_from("v".repeat(value_len)).expect("valid");
        let name = |index| HeaderName::try_from(format!("x-{index:03}")).expect("valid");
        (0..count).map(|index| (name(index), value.clone())).collect()
    }

    #[test]
    fn headers_are_bounded_by_number_and_by_bytes() {
        assert_eq!(bound_headers(headers(64, 10)).len(), 64);
        assert_eq!(bound_headers(headers(65, 10)).len(), 64);
        // 5 bytes of name and 1,019 of value make 1 KiB.
        assert_eq!(bound_headers(headers(8, 1019)).len(), 8);
        assert_eq!(bound_headers(headers(9, 1019)).len(), 8);
        assert_eq!(bound_headers(headers(1, 9000)).len(), 0);
    }
}
