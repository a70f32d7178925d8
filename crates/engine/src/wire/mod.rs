//! Wire formats of deliveries: from an event and an endpoint to the request that is sent.
//!
//! Each format has a file with two functions: the body, which is made from the event alone, so that it is the same
//! on every attempt and for every endpoint; and the headers, which carry a fresh timestamp and signature. The rules
//! and numbers of a format are in `posthouse_types::wire`.

mod casey;
mod envelope;
mod molroo;
mod sonzai;
mod standard;
mod whatsapp;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use posthouse_egress::SendRequest;
use posthouse_types::{Event, Timestamp, Wire};

use crate::signing::Keys;
use crate::target::Target;

pub use casey::message_id;
pub(crate) use whatsapp::ORGANIZATION_PREFIX;
pub use whatsapp::organization_id;

const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Posthouse/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body that delivers `event` in this format: what every attempt sends.
pub fn body(wire: Wire, event: &Event) -> Bytes {
    match wire {
        Wire::Standard => event.payload.clone(),
        Wire::Molroo => molroo::body(event),
        Wire::Sonzai => sonzai::body(event),
        Wire::Whatsapp => whatsapp::body(event),
        Wire::Casey => casey::body(event),
    }
}

/// The request that delivers `event` to `target` now. The endpoint's own headers come last, and in place of ours.
pub(crate) fn request(target: &Target, event: &Event, body: &Bytes, now: Timestamp) -> SendRequest {
    let mut headers = HeaderMap::with_capacity(8 + target.headers.len());
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(USER_AGENT, OUR_USER_AGENT);
    match &target.keys {
        Keys::Standard(keys) => standard::headers(keys, event, body, now, &mut headers),
        Keys::Molroo(keys) => molroo::headers(keys, body, now, &mut headers),
        Keys::Sonzai(keys) => sonzai::headers(keys, body, now, &mut headers),
        Keys::Whatsapp(keys) => whatsapp::headers(keys, event, body, now, &mut headers),
        Keys::Casey(keys) => casey::headers(keys, event, body, now, &mut headers),
    }
    for (name, value) in &target.headers {
        headers.insert(name.clone(), value.clone());
    }
    let mut request = SendRequest::post(target.uri.clone(), body.clone());
    request.timeout = target.timeout;
    request.headers = headers;
    request
}

/// A value that we made: ids, numbers and signatures are visible ASCII.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids and signatures are visible ASCII")
}
