//! The bounds of the HTTP surface. Those of values are in `posthouse_types::limits`.

use std::time::Duration;

/// Time for reading a request and beginning the answer, when the operator does not say.
pub(crate) const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Bodies of requests to sources, all together, that are being read or worked on, bytes: ten of the longest that a
/// source may be set to take.
pub(crate) const INGEST_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Levels of arrays and objects in a payload: as many as `serde_json` reads back.
pub(crate) const PAYLOAD_DEPTH_MAX: usize = 127;
/// A payload shorter than this is copied out of its request; a longer one shares the request's memory if it is
/// most of it. So an event that waits never holds more than twice its size.
pub(crate) const PAYLOAD_SHARED_BYTES_MIN: usize = 16 * 1024;
/// Wrong members that one answer lists.
pub(crate) const FIELD_ERRORS_MAX: usize = 20;
/// Characters of a wrong value that an answer repeats; longer ones are left out.
pub(crate) const VALUE_CHARS_MAX: usize = 128;
/// Characters of the place of an error: names of members are the caller's.
pub(crate) const LOCATION_CHARS_MAX: usize = 200;
/// Characters of what an error says.
pub(crate) const MESSAGE_CHARS_MAX: usize = 400;
/// Characters of a caller's request id.
pub(crate) const REQUEST_ID_CHARS_MAX: usize = 128;
/// A live stream says at least this often that it is there, and asks whether its key still is.
pub(crate) const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A WebSocket that says nothing for this long, not even a pong, is gone.
pub(crate) const STREAM_SILENCE_MAX: Duration = Duration::from_secs(60);
/// The reader of a stream that takes nothing for this long is gone.
pub(crate) const STREAM_SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Events that wait for the reader of server-sent events, beside those just read from the store.
pub(crate) const STREAM_FRAMES_MAX: usize = 2;
/// Live streams that one key may have open.
pub(crate) const STREAMS_PER_KEY_MAX: usize = 100;
/// What a client may say on a WebSocket, bytes. Only control frames mean anything, and they are smaller.
pub(crate) const STREAM_MESSAGE_BYTES_MAX: usize = 4096;
/// Request and response bodies on a page of attempts, beyond the first attempt's.
pub(crate) const ATTEMPTS_PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
