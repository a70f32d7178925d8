//! Reading JSON that someone else wrote: what is absent or of another type than expected is simply not there.
//!
//! # Motivation
//! A profile wants a dozen members of a document of megabytes, whoever sent it. A tree of all of it would cost more
//! than everything else that is done with a request, and structures that serde derives refuse the whole document for
//! one member of the wrong type, or one that stands there twice. Here a document stays text. [`Json::pick`] walks over it
//! once and notes where the wanted members stand; what is in them is looked at when it is asked for.
//!
//! Members that are not wanted are skipped without recursion, so the depth of a document does not matter.

use std::borrow::Cow;
use std::fmt;

use posthouse_types::limits::INBOUND_TEXT_CHARS_MAX;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::de::StrRead;
use serde_json::value::RawValue;

/// A JSON value, as the text that it was sent as; or none, when what was looked for is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Json<'a>(Option<&'a str>);

impl<'a> Json<'a> {
    /// A whole document, which need not be JSON: then nothing is found in it.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(Some(text))
    }

    /// The text that it was sent as.
    pub(crate) const fn raw(self) -> Option<&'a str> {
        self.0
    }

    /// True when it is there and is JSON, to its end.
    pub(crate) fn is_valid(self) -> bool {
        self.0.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    }

    /// True of an object. Of a whole document its first character alone is looked at.
    pub(crate) fn is_object(self) -> bool {
        self.0.is_some_and(|text| text.trim_start().starts_with('{'))
    }

    /// The values at several paths, `repository.full_name`: in one pass, or one more for each object on the way. Of
    /// members that stand there twice the last counts, as in most parsers. Nothing is found in what is not JSON to its
    /// end.
    pub(crate) fn pick<const N: usize>(self, paths: [&str; N]) -> [Self; N] {
        self.pick_some(paths.map(Some))
    }

    /// The value at one path.
    pub(crate) fn at(self, path: &str) -> Self {
        let [value] = self.pick([path]);
        value
    }

    /// The first of several paths whose value is there and not null.
    pub(crate) fn first<const N: usize>(self, paths: [&str; N]) -> Self {
        self.pick(paths)
            .into_iter()
            .find(|value| value.0.is_some_and(|raw| raw != "null"))
            .unwrap_or_default()
    }

    /// The text, when it is one. What a sender cut in the middle of a character is replaced.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let raw = self.0?.trim();
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        self.read(|parser| OwnedText.deserialize(parser)).map(Cow::Owned)
    }

    /// The text as one line (see [`one_line`]); `None` when nothing is in it.
    pub(crate) fn line(self) -> Option<String> {
        self.text().map(|text| one_line(&text)).filter(|line| !line.is_empty())
    }

    /// The number, when it is a whole one.
    pub(crate) fn integer(self) -> Option<i64> {
        self.0?.trim().parse().ok()
    }

    /// The truth value, when it is one.
    pub(crate) fn boolean(self) -> Option<bool> {
        self.0?.trim().parse().ok()
    }

    /// An id: a text, or a whole number however large, fit to be [a part of a key](key_part).
    pub(crate) fn id(self) -> Option<String> {
        let raw = self.0?.trim();
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return key_part(raw);
        }
        key_part(&self.text()?)
    }

    /// The first elements of an array, and how many there are.
    pub(crate) fn elements(self, max: usize) -> (Vec<Self>, usize) {
        self.read(|parser| parser.deserialize_seq(Elements { max })).unwrap_or_default()
    }

    /// The first members of an object in the order in which they stand, and how many there are.
    pub(crate) fn members(self, max: usize) -> (Vec<(String, Self)>, usize) {
        self.read(|parser| parser.deserialize_map(Members { max })).unwrap_or_default()
    }

    /// Paths that are `None` lead nowhere: so the array keeps its length while paths with different first names go
    /// their ways.
    fn pick_some<const N: usize>(self, paths: [Option<&str>; N]) -> [Self; N] {
        let steps = paths.map(|path| path.map(Step::new));
        let mut found = self.named(steps.map(|step| step.map(|step| step.name)));
        let mut gone = [false; N];
        for index in 0..N {
            let Some(Step { name, rest: Some(_) }) = steps[index] else { continue };
            if gone[index] {
                continue;
            }
            let beyond = steps.map(|step| step.filter(|step| step.name == name).and_then(|step| step.rest));
            let inner = found[index].pick_some(beyond);
            for other in (index..N).filter(|&other| beyond[other].is_some()) {
                found[other] = inner[other];
                gone[other] = true;
            }
        }
        found
    }

    fn named<const N: usize>(self, names: [Option<&str>; N]) -> [Self; N] {
        self.read(|parser| parser.deserialize_map(Named(names))).unwrap_or([Self(None); N])
    }

    fn read<T>(
        self,
        read: impl FnOnce(&mut Deserializer<StrRead<'a>>) -> serde_json::Result<T>,
    ) -> Option<T> {
        let mut parser = Deserializer::from_str(self.0?);
        let value = read(&mut parser).ok()?;
        parser.end().ok()?;
        Some(value)
    }
}

#[derive(Clone, Copy)]
struct Step<'p> {
    name: &'p str,
    rest: Option<&'p str>,
}

impl<'p> Step<'p> {
    fn new(path: &'p str) -> Self {
        match path.split_once('.') {
            Some((name, rest)) => Self { name, rest: Some(rest) },
            None => Self { name: path, rest: None },
        }
    }
}

/// Notes where the members with these names stand.
struct Named<'p, const N: usize>([Option<&'p str>; N]);

impl<'de, const N: usize> Visitor<'de> for Named<'_, N> {
    type Value = [Json<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [Json(None); N];
        while let Some(wanted) = map.next_key_seed(Matches(&self.0))? {
            if wanted.contains(&true) {
                let value = Json(Some(map.next_value::<&RawValue>()?.get()));
                for (slot, _) in found.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted) {
                    *slot = value;
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Which of the names a member has. As bytes, because a name need not be good Unicode either.
struct Matches<'p, const N: usize>(&'p [Option<&'p str>; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Matches<'_, N> {
    type Value = [bool; N];

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_bytes(self)
    }
}

impl<const N: usize> Visitor<'_> for Matches<'_, N> {
    type Value = [bool; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.map(|wanted| wanted.is_some_and(|wanted| wanted.as_bytes() == name)))
    }
}

struct Elements {
    max: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = (Vec<Json<'de>>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        let mut count = 0;
        while let Some(value) = seq.next_element::<&RawValue>()? {
            if first.len() < self.max {
                first.push(Json(Some(value.get())));
            }
            count += 1;
        }
        Ok((first, count))
    }
}

struct Members {
    max: usize,
}

impl<'de> Visitor<'de> for Members {
    type Value = (Vec<(String, Json<'de>)>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        let mut count = 0;
        while let Some(name) = map.next_key_seed(OwnedText)? {
            let value = map.next_value::<&RawValue>()?;
            if first.len() < self.max {
                first.push((name, Json(Some(value.get()))));
            }
            count += 1;
        }
        Ok((first, count))
    }
}

/// A text, with what is not good Unicode in it replaced.
struct OwnedText;

impl<'de> DeserializeSeed<'de> for OwnedText {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<String, D::Error> {
        // As bytes, because only so serde_json takes half a surrogate pair, `"\ud83d"`.
        parser.deserialize_bytes(self)
    }
}

impl Visitor<'_> for OwnedText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// A text from outside as one line: control characters and line breaks become spaces, what is longer than
/// [`INBOUND_TEXT_CHARS_MAX`] characters is cut.
pub(crate) fn one_line(text: &str) -> String {
    let printable = |c: char| if is_break(c) { ' ' } else { c };
    let line: String = text.trim().chars().take(INBOUND_TEXT_CHARS_MAX).map(printable).collect();
    match line.trim() {
        trimmed if trimmed.len() == line.len() => line,
        trimmed => trimmed.to_owned(),
    }
}

/// A name from outside as a part of a key such as `github:owner/name:pr:7`; `None` when nothing is in it. It can not
/// be taken for more than one part: colons, spaces and what does not print become `_`. At most [`KEY_PART_CHARS_MAX`]
/// characters.
pub(crate) fn key_part(text: &str) -> Option<String> {
    let plain = |c: char| if c == ':' || c.is_whitespace() || is_break(c) { '_' } else { c };
    let part: String = text.trim().chars().take(KEY_PART_CHARS_MAX).map(plain).collect();
    (!part.is_empty()).then_some(part)
}

/// Characters of one part of a key, so that a key with its few other parts is a bounded text itself.
const KEY_PART_CHARS_MAX: usize = INBOUND_TEXT_CHARS_MAX / 2 - 64;

/// Control characters, and the two that Unicode has for the end of a line and of a paragraph.
pub(crate) fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::{Json, key_part, one_line};

    fn text(json: Json<'_>) -> Option<String> {
        json.text().map(Into::into)
    }

    #[test]
    fn members_are_picked_at_any_depth() {
        let json = Json::new(r#" {"a":{"b":{"c":"deep"},"d":1},"e":true,"a.b":"not a path"} "#);
        let [deep, number, flag, whole, nothing] = json.pick(["a.b.c", "a.d", "e", "a", "a.b.x"]);
        assert_eq!(text(deep).as_deref(), Some("deep"));
        assert_eq!(number.integer(), Some(1));
        assert_eq!(flag.boolean(), Some(true));
        assert_eq!(whole.at("d").integer(), Some(1));
        assert_eq!(nothing, Json::default());
        assert!(whole.is_object() && !deep.is_object() && !nothing.is_object());
    }

    #[test]
    fn of_members_that_stand_twice_the_last_counts() {
        let json = Json::new(r#"{"a":{"b":1,"b":2},"c":1,"c":"x","a":{"d":3}}"#);
        let [b, c, d] = json.pick(["a.b", "c", "a.d"]);
        assert_eq!((b.integer(), c.integer(), d.integer()), (None, None, Some(3)));
        assert_eq!(text(c).as_deref(), Some("x"));
    }

    #[test]
    fn other_types_count_as_absent() {
        let json = Json::new(r#"{"text":1,"number":"1","flag":1,"half":1.5,"list":{},"object":[]}"#);
        let [number_as_text, text_as_number, flag, half, list, object] =
            json.pick(["text", "number", "flag", "half", "list", "object"]);
        assert_eq!(text(number_as_text), None);
        assert_eq!((text_as_number.integer(), half.integer(), half.id()), (None, None, None));
        assert_eq!(flag.boolean(), None);
        assert_eq!((list.elements(5), object.members(5)), ((vec![], 0), (vec![], 0)));
        assert_eq!(object.at("x"), Json::default());
        assert_eq!(json.at("text.deeper"), Json::default());
    }

    #[test]
    fn what_is_not_json_to_its_end_has_nothing_in_it() {
        for broken in [
            "",
            "x",
            "{",
            r#"{"a":1"#,
            r#"{"a":1} x"#,
            r#"{"a":1,}"#,
            r#"{"a":1,"b":tru}"#,
            r#"{"a":1,"b":"\x"}"#,
        ] {
            assert_eq!(Json::new(broken).at("a"), Json::default(), "{broken}");
            assert!(!Json::new(broken).is_valid(), "{broken}");
        }
        assert_eq!(Json::new("[1]").at("a"), Json::default());
        assert!(Json::new("[1]").is_valid());
    }

    #[test]
    fn texts_are_read_with_their_escapes() {
        let json = Json::new(r#"{"\u0061":"\u00e9\n\"\ud83c\udf89","half":"x\ud83dy","\ud83d":1}"#);
        assert_eq!(text(json.at("a")).as_deref(), Some("é\n\"🎉"));
        let half = text(json.at("half")).unwrap();
        assert!(half.starts_with("x\u{fffd}") && half.ends_with("\u{fffd}y"), "{half}");
    }

    #[test]
    fn ids_are_texts_or_whole_numbers_of_any_length() {
        for (raw, id) in [
            ("12", Some("12")),
            ("-1", Some("-1")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            (r#""a:b c""#, Some("a_b_c")),
            (r#""""#, None),
            ("1e5", None),
            ("null", None),
            ("[1]", None),
        ] {
            let json = format!(r#"{{"id":{raw}}}"#);
            assert_eq!(Json::new(&json).at("id").id().as_deref(), id, "{raw}");
        }
    }

    #[test]
    fn lists_are_counted_to_their_end() {
        let json = Json::new(r#"{"list":[1,"two",{"three":3}],"object":{"b":1,"a":2}}"#);
        let (first, count) = json.at("list").elements(2);
        assert_eq!((first.len(), count), (2, 3));
        assert_eq!(text(first[1]).as_deref(), Some("two"));
        assert_eq!(json.at("list").elements(3).1, 3);
        let (members, count) = json.at("object").members(1);
        assert_eq!((members.len(), members[0].0.as_str(), count), (1, "b", 2));
    }

    #[test]
    fn the_first_value_that_is_not_null_is_found() {
        let json = Json::new(r#"{"a":null,"b":0,"c":1}"#);
        assert_eq!(json.first(["x", "a", "b", "c"]).integer(), Some(0));
        assert_eq!(json.first(["x", "a"]), Json::default());
    }

    #[test]
    fn lines_and_parts_of_keys_are_bounded_and_plain() {
        assert_eq!(one_line(" a\r\nb\u{2028}c\u{0}d\u{85}"), "a  b c d");
        assert_eq!(one_line("\u{7}"), "");
        assert_eq!(one_line(&"é".repeat(600)), "é".repeat(512));
        assert_eq!(key_part(" a/b:c d\t\u{2029}\u{0} ").as_deref(), Some("a/b_c_d___"));
        assert_eq!(key_part(" \n"), None);
        assert_eq!(key_part(&"é".repeat(600)).unwrap().chars().count(), 192);
    }
}
