//! Every bound, named, in one place. Sizes in bytes unless the name says otherwise.

use std::time::Duration;

/// Characters of an event type.
pub const EVENT_TYPE_CHARS_MAX: usize = 128;
/// Characters of a session id.
pub const SESSION_ID_CHARS_MAX: usize = 128;
/// Characters of a publisher's own event id.
pub const EXTERNAL_ID_CHARS_MAX: usize = 64;
/// Characters of an ordering key.
pub const ORDERING_KEY_CHARS_MAX: usize = 128;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 256;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 128;
/// Characters of a description or label.
pub const DESCRIPTION_CHARS_MAX: usize = 1024;
/// Characters of an endpoint URL.
pub const URL_CHARS_MAX: usize = 2048;
/// Patterns in one endpoint's event filter.
pub const EVENT_PATTERNS_MAX: usize = 100;
/// Conditions in one endpoint's payload filter.
pub const FILTER_CONDITIONS_MAX: usize = 20;
/// Pointers and values of one endpoint's payload filter together, as JSON text.
pub const FILTER_BYTES_MAX: usize = 8 * 1024;
/// Endpoints of one tenant in one environment.
pub const ENDPOINTS_PER_SPACE_MAX: usize = 20_000;
/// Projects of one tenant in one environment.
pub const PROJECTS_PER_SPACE_MAX: usize = 10_000;
/// Event types of one tenant in one environment.
pub const EVENT_TYPES_PER_SPACE_MAX: usize = 5_000;
/// Keys of one tenant in one environment.
pub const KEYS_PER_SPACE_MAX: usize = 1_000;
/// Custom headers of one endpoint.
pub const HEADERS_MAX: usize = 32;
/// Names and values of one endpoint's custom headers together.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;
/// Metadata of an endpoint or session, as JSON text.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;
/// JSON Schema of an event type, as JSON text.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Text of one message of a session.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Characters of a poll's question, as WhatsApp has it.
pub const POLL_QUESTION_CHARS_MAX: usize = 255;
/// Options of a poll, as WhatsApp has it.
pub const POLL_OPTIONS_MAX: usize = 12;
/// Characters of one option of a poll, as WhatsApp has it.
pub const POLL_OPTION_CHARS_MAX: usize = 100;

/// Payload of one event.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// Body of a request that publishes one event or manages something.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024 + 16 * 1024;
/// Body of a batch publish.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events in a batch publish.
pub const BATCH_EVENTS_MAX: usize = 1000;
/// Deliveries that one publish may make: events times the endpoints that match.
pub const DELIVERIES_PER_PUBLISH_MAX: usize = 100_000;
/// What a JSON Schema may come to once its references are unfolded, in members and elements.
pub const SCHEMA_UNFOLDED_MAX: u64 = 10_000;
/// How long an idempotency key answers with its first result.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_hours(24);

/// Items on a page when the caller does not say.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// Items on a page at the most.
pub const PAGE_ITEMS_MAX: usize = 500;

/// Time for name resolution, TCP and TLS of one attempt.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a whole attempt when the endpoint does not say, in milliseconds.
pub const ATTEMPT_TIMEOUT_MS_DEFAULT: u32 = 15_000;
/// The least an endpoint may set, in milliseconds.
pub const ATTEMPT_TIMEOUT_MS_MIN: u32 = 1_000;
/// The most an endpoint may set, in milliseconds.
pub const ATTEMPT_TIMEOUT_MS_MAX: u32 = 30_000;
/// How much of a response is read and kept.
pub const RESPONSE_KEPT_BYTES_MAX: usize = 16 * 1024;

/// Attempts a retry policy may allow.
pub const ATTEMPTS_MAX: u16 = 50;
/// A single wait between attempts.
pub const RETRY_DELAY_MAX: Duration = Duration::from_hours(24);
/// What a receiver's `Retry-After` can extend a wait to.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);
/// Attempts in flight to one endpoint at a time.
pub const ENDPOINT_CONCURRENCY_MAX: usize = 64;
/// Sends per second an endpoint's throttle may be set to.
pub const RATE_PER_SECOND_MAX: u32 = 10_000;

/// Secrets of one endpoint that are valid at a time (rotation with overlap).
pub const SECRETS_MAX: usize = 5;
/// The longest overlap of a rotation.
pub const SECRET_OVERLAP_MAX: Duration = Duration::from_hours(720);
/// The overlap of a rotation when the caller does not say.
pub const SECRET_OVERLAP_DEFAULT: Duration = Duration::from_hours(24);
