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

/// Sources of one tenant in one environment.
pub const SOURCES_PER_SPACE_MAX: usize = 1_000;
/// Agents of one tenant in one environment.
pub const AGENTS_PER_SPACE_MAX: usize = 1_000;
/// Body of a request to a source when the source does not say, bytes. Source: Moltis.
pub const INGEST_BODY_BYTES_DEFAULT: u32 = 1_048_576;
/// The most a source may allow, bytes: what GitHub caps its deliveries at.
pub const INGEST_BODY_BYTES_MAX: u32 = 25 * 1024 * 1024;
/// Accepted requests a minute of one source when it does not say. Source: Moltis.
pub const SOURCE_RATE_PER_MINUTE_DEFAULT: u32 = 60;
/// Accepted requests a minute over all sources when the operator does not say. Source: Moltis.
pub const INGEST_GLOBAL_PER_MINUTE_DEFAULT: u32 = 300;
/// The most that either limit may be set to.
pub const INGEST_PER_MINUTE_MAX: u32 = 100_000_000;
/// Entries of a source's allow list, and of its deny list.
pub const SOURCE_FILTER_ENTRIES_MAX: usize = 200;
/// Accounts whose doings a source passes over.
pub const SOURCE_SENDERS_MAX: usize = 100;
/// Networks on a source's allow list.
pub const SOURCE_CIDRS_MAX: usize = 100;
/// Characters of a type, key or reason taken from a request to a source; the rest is cut.
pub const INBOUND_TEXT_CHARS_MAX: usize = 512;
/// Headers kept of a request to a source, names and values together, bytes.
pub const INBOUND_HEADERS_BYTES_MAX: usize = 8 * 1024;
/// System prompt of an agent, suffix or template of a source, bytes.
pub const PROMPT_BYTES_MAX: usize = 32 * 1024;
/// Entries of either list of a tool policy.
pub const TOOL_POLICY_ENTRIES_MAX: usize = 100;
/// For how long a request without a key of its own keeps an equal one out, when the source does not say, seconds.
pub const DEDUP_BY_BODY_S_DEFAULT: u32 = 300;
/// The longest that can be set, seconds.
pub const DEDUP_BY_BODY_S_MAX: u32 = 24 * 3600;
/// Turns of a model, tokens and seconds that one run of an agent may take, when the agent does not say …
pub const AGENT_TURNS_DEFAULT: u32 = 12;
/// … tokens, in and out together …
pub const AGENT_TOKENS_DEFAULT: u32 = 200_000;
/// … seconds.
pub const AGENT_SECONDS_DEFAULT: u32 = 600;
/// The most that an agent may be given of turns …
pub const AGENT_TURNS_MAX: u32 = 100;
/// … tokens …
pub const AGENT_TOKENS_MAX: u32 = 10_000_000;
/// … and seconds.
pub const AGENT_SECONDS_MAX: u32 = 3600;
/// How often a piece of work is started before it counts as failed: crashes count as starts.
pub const TURN_STARTS_MAX: u16 = 3;
/// Arguments or output of one action, bytes of JSON text; what is longer is cut.
pub const ACTION_BYTES_MAX: usize = 64 * 1024;
/// Actions of one inbound delivery.
pub const ACTIONS_PER_DELIVERY_MAX: usize = 200;
