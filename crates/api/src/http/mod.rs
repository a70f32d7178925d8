//! Request handling written once, for every dialect: who calls, what may be sent, how errors leave.
//!
//! Handlers and extractors answer [`Refusal`]s, which carry the engine's error and no shape. One
//! [`Shell`] per dialect stands outside of everything else and puts the dialect's clothes on them.

mod body;
mod caller;
mod confidential;
mod depth;
mod describe;
mod fields;
mod idempotency;
mod json;
mod limits;
mod members;
mod page;
mod path;
mod place;
mod query;
mod remote;
mod render;
mod room;
mod shorten;
mod slots;
mod state;

pub(crate) use body::{
    BatchBody, EventBody, JsonBody, OptionalJson, RepeatableJson, RepeatableOptionalJson, collect_into,
    declared_length, parse,
};
pub(crate) use caller::{Credentials, Manager, Writer};
pub(crate) use confidential::Confidential;
pub(crate) use depth::is_too_deep;
pub(crate) use describe::{ErrorDocs, entitle};
pub(crate) use fields::Fields;
pub(crate) use idempotency::Idempotency;
pub(crate) use json::{Object, nullable, present};
pub(crate) use limits::{
    ATTEMPTS_PAGE_BYTES_MAX, PAYLOAD_DEPTH_MAX, PAYLOAD_SHARED_BYTES_MIN, STREAM_FRAMES_MAX,
    STREAM_MESSAGE_BYTES_MAX, STREAM_SILENCE_MAX,
};
pub(crate) use page::{Cursor, cursor_text, page_request};
pub(crate) use path::{Id, Segments, path_id};
pub(crate) use place::Place;
pub(crate) use query::Query;
pub(crate) use remote::remote_address;
pub(crate) use render::{
    Answer, Refusal, Render, Shell, error_headers, fault_location, fault_text, fresh_id, unknown_path,
    wrong_method,
};
pub(crate) use room::{Room, Share};
pub(crate) use slots::{Slot, Slots};
pub(crate) use state::Api;
pub use state::{ApiOptions, Metrics};
