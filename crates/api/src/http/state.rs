//! What every handler is given.

use std::sync::Arc;
use std::time::Duration;

use posthouse_engine::Engine;
use posthouse_types::limits::{BATCH_BYTES_MAX, REQUEST_BYTES_MAX};

use super::limits::REQUEST_TIMEOUT_DEFAULT;

/// How the HTTP surface behaves; the operator's choice.
#[derive(Debug, Clone, Copy)]
pub struct ApiOptions {
    /// Time for reading a request and beginning the answer.
    pub request_timeout: Duration,
    /// Body of a request that publishes one event or manages something, bytes.
    pub request_bytes_max: usize,
    /// Body of a batch publish, bytes.
    pub batch_bytes_max: usize,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            request_timeout: REQUEST_TIMEOUT_DEFAULT,
            request_bytes_max: REQUEST_BYTES_MAX,
            batch_bytes_max: BATCH_BYTES_MAX,
        }
    }
}

/// The state of all routers.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) engine: Arc<Engine>,
    pub(crate) options: ApiOptions,
}
