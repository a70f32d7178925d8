//! JSON objects put together from a few texts and a payload that is passed on unread.

use bytes::Bytes;

/// Room for the members beside the payload; more is found when needed.
const FRAME_BYTES: usize = 320;

/// A JSON object in the making: members in the order in which they are added.
pub(super) struct Envelope(Vec<u8>);

impl Envelope {
    /// An empty object that will hold `payload` too.
    pub(super) fn around(payload: &[u8]) -> Self {
        let mut json = Vec::with_capacity(payload.len() + FRAME_BYTES);
        json.push(b'{');
        Self(json)
    }

    /// Adds a text.
    pub(super) fn text(self, name: &'static str, value: &str) -> Self {
        self.member(name, |json| {
            serde_json::to_writer(json, value).expect("a text has a JSON form, and memory takes it");
        })
    }

    /// Adds a text, or null.
    pub(super) fn text_or_null(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, b"null"),
        }
    }

    /// Adds a number.
    pub(super) fn number(self, name: &'static str, value: i64) -> Self {
        self.raw(name, value.to_string().as_bytes())
    }

    /// Adds what is JSON already.
    pub(super) fn raw(self, name: &'static str, json: &[u8]) -> Self {
        self.member(name, |out| out.extend_from_slice(json))
    }

    /// The object.
    pub(super) fn finish(mut self) -> Bytes {
        self.0.push(b'}');
        Bytes::from(self.0)
    }

    fn member(mut self, name: &'static str, value: impl FnOnce(&mut Vec<u8>)) -> Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        value(&mut self.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_order_and_texts_are_escaped() {
        let object = Envelope::around(b"[1, 2]")
            .text("a", "say \"hi\"\\")
            .text_or_null("b", None)
            .number("c", -5)
            .raw("d", b"[1, 2]")
            .finish();
        assert_eq!(object, r#"{"a":"say \"hi\"\\","b":null,"c":-5,"d":[1, 2]}"#);
        assert_eq!(Envelope::around(b"").finish(), "{}");
    }
}
