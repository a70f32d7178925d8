//! Every bound of this crate, by name.

use std::time::Duration;

/// Bytes of a response body that are read and kept, unless a request says otherwise: 16 KiB (design, section 3).
/// Reading stops there.
pub const RESPONSE_KEPT_BYTES_MAX: usize = 16 * 1024;

/// Response headers kept, as name and value pairs; later ones are dropped.
pub const RESPONSE_HEADERS_KEPT_MAX: usize = 64;

/// Bytes of response headers kept, names and values added up: 8 KiB; what would go over is dropped.
pub const RESPONSE_HEADERS_KEPT_BYTES_MAX: usize = 8 * 1024;

/// Response headers accepted at all; an answer with more is a broken answer.
pub const RESPONSE_HEADERS_ACCEPTED_MAX: usize = 100;

/// Bytes of one connection's read buffer, hence of an acceptable response head: 64 KiB.
pub const READ_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Time for a connection to be ready to use: DNS, TCP, proxy and TLS together (design, section 3).
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// Time for a whole attempt, from the call to the last byte read (design, section 3).
pub const ATTEMPT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);

/// Idle connections kept per host. Enough for the busiest receiver; the idle time bounds the rest.
pub const IDLE_PER_HOST_DEFAULT: usize = 256;

/// How long an idle connection is kept. Shorter than the 60 s at which common load balancers close.
pub const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Addresses of one name that are tried. All of them are checked.
pub(crate) const ADDRESSES_TRIED_MAX: usize = 8;

/// Head start of one address over the next: RFC 8305, section 5.
pub(crate) const ADDRESS_STAGGER: Duration = Duration::from_millis(250);
