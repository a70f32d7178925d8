//! Requests of providers, and what is to be made of them: `tests/vectors/<provider>/<name>.json`.

use std::fs;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::{DeliveryKey, Incoming};
use serde_json::Value;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Vector {
    pub(crate) profile: &'static str,
    pub(crate) name: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// `event_type`, `delivery_key` (with the kind before it), `entity_key`, `mark`, `object`, `headline`, and the
    /// lines of `text`. What is not there is none.
    pub(crate) expect: Value,
}

impl Vector {
    pub(crate) fn incoming(&self) -> Incoming<'_> {
        Incoming { headers: &self.headers, body: &self.body, event_header: None }
    }
}

/// All of a profile's, by name.
pub(crate) fn of(profile: &'static str) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(profile);
    let mut vectors: Vec<Vector> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            Vector {
                profile,
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                headers: headers(&file["headers"]),
                body: match &file["body"] {
                    Value::String(text) => text.clone().into_bytes(),
                    value => value.to_string().into_bytes(),
                },
                expect: file["expect"].clone(),
            }
        })
        .collect();
    vectors.sort_by(|left, right| left.name.cmp(&right.name));
    vectors
}

fn headers(members: &Value) -> HeaderMap {
    let header = |(name, value): (&String, &Value)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.as_str().unwrap()).unwrap())
    };
    members.as_object().unwrap().iter().map(header).collect()
}

/// What is made of a request, in the form of [`Vector::expect`].
pub(crate) fn made_of(profile: &str, incoming: &Incoming<'_>) -> Value {
    let profile = posthouse_providers::find(profile).unwrap();
    let reading = (profile.read)(incoming);
    let summary = (profile.summarise)(incoming, reading.event_type.as_deref());
    let members = [
        ("event_type", reading.event_type),
        (
            "delivery_key",
            reading.delivery_key.map(|key| match key {
                DeliveryKey::Given(key) => format!("given {key}"),
                DeliveryKey::Body(key) => format!("body {key}"),
            }),
        ),
        ("entity_key", reading.entity_key),
        ("mark", reading.mark.map(|mark| mark.to_string())),
        ("object", reading.object),
        ("headline", Some(summary.headline)),
    ];
    let mut made: Value = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))))
        .collect();
    made["text"] = summary.text.split('\n').collect();
    made
}
