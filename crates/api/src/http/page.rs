//! Pages: `limit` and an opaque `cursor`, which is the key of the last item in base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthouse_engine::{Error, ErrorKind};
use posthouse_types::{
    AgentId, AttemptId, DeliveryId, EndpointId, EventId, EventType, InboundId, KeyId, MessageId, PageRequest,
    ProjectId, SessionId, SourceId, Timestamp,
};

/// A key by which a list is ordered.
pub(crate) trait Cursor: Sized {
    /// The key as text.
    fn to_text(&self) -> String;
    /// Its inverse.
    fn from_text(text: &str) -> Option<Self>;
}

/// What a caller asks of a list.
pub(crate) fn page_request<K: Cursor>(
    limit: Option<&str>,
    cursor: Option<&str>,
) -> Result<PageRequest<K>, Error> {
    let after = cursor.map(read_cursor).transpose()?;
    let limit = match limit {
        // A number that does not fit is out of range like any other.
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(text.parse().unwrap_or(usize::MAX))
        }
        Some(_) => Some(0),
        None => None,
    };
    PageRequest::new(limit, after).map_err(|invalid| Error::field("query.limit", invalid))
}

/// A key as callers hand it back.
pub(crate) fn cursor_text<K: Cursor>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(key.to_text())
}

fn read_cursor<K: Cursor>(text: &str) -> Result<K, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let key = bytes.and_then(|bytes| K::from_text(std::str::from_utf8(&bytes).ok()?));
    key.ok_or_else(|| {
        Error::new(
            ErrorKind::Malformed { location: "query.cursor".into() },
            "the cursor is not one that this list gave out",
        )
    })
}

macro_rules! by_display {
    ($($key:ty),*) => {$(
        impl Cursor for $key {
            fn to_text(&self) -> String {
                self.to_string()
            }

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

by_display!(
    AgentId, AttemptId, DeliveryId, EndpointId, EventId, EventType, InboundId, KeyId, MessageId, ProjectId,
    SessionId, SourceId
);

/// Milliseconds and a key.
impl<K: Cursor> Cursor for (Timestamp, K) {
    fn to_text(&self) -> String {
        format!("{}:{}", self.0.as_millis(), self.1.to_text())
    }

    fn from_text(text: &str) -> Option<Self> {
        let (millis, key) = text.split_once(':')?;
        Some((Timestamp::from_millis(millis.parse().ok()?), K::from_text(key)?))
    }
}

/// A delivery and the number of one of its attempts.
impl Cursor for (DeliveryId, u16) {
    fn to_text(&self) -> String {
        format!("{}:{}", self.0, self.1)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (delivery, number) = text.split_once(':')?;
        Some((delivery.parse().ok()?, number.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_are_of_one_list() {
        let id = EventId::from_u128(7);
        let text = cursor_text(&id);
        assert_eq!(page_request::<EventId>(None, Some(&text)).unwrap().after, Some(id));
        assert!(page_request::<DeliveryId>(None, Some(&text)).is_err());
        let pair = (Timestamp::from_millis(5), SessionId::parse("a:b").unwrap());
        assert_eq!(page_request(None, Some(&cursor_text(&pair))).unwrap().after, Some(pair));
    }

    #[test]
    fn limits_are_plain_numbers_in_range() {
        let limit = |text| page_request::<EventId>(Some(text), None).map(|page| page.limit).ok();
        assert_eq!(limit("1"), Some(1));
        assert_eq!(limit("500"), Some(500));
        for bad in ["0", "501", "-1", "+5", "5.0", "ten", "", "99999999999999999999999"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
