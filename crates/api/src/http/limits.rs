//! The bounds of the HTTP surface. Those of values are in `posthouse_types::limits`.

use std::time::Duration;

/// Time for reading a request and beginning the answer, when the operator does not say.
pub(crate) const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Levels of arrays and objects in a payload: as many as `serde_json` reads back.
pub(crate) const PAYLOAD_DEPTH_MAX: usize = 127;
/// A payload shorter than this is copied out of its request; a longer one shares the request's memory if it is
/// most of it. So an event that waits never holds more than twice its size.
pub(crate) const PAYLOAD_SHARED_BYTES_MIN: usize = 16 * 1024;
/// Wrong members that one answer lists.
pub(crate) const FIELD_ERRORS_MAX: usize = 20;
/// Characters of a wrong value that an answer repeats; longer ones are left out.
pub(crate) const VALUE_CHARS_MAX: usize = 128;
/// Characters of a parser's message that an answer repeats.
pub(crate) const MESSAGE_CHARS_MAX: usize = 400;
/// Characters of a caller's request id.
pub(crate) const REQUEST_ID_CHARS_MAX: usize = 128;
/// A live stream says at least this often that it is there.
pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A WebSocket that says nothing for this long, not even a pong, is gone.
pub(crate) const STREAM_SILENCE_MAX: Duration = Duration::from_secs(60);
/// A WebSocket that takes nothing for this long is gone.
pub(crate) const STREAM_SEND_TIMEOUT: Duration = Duration::from_secs(30);
