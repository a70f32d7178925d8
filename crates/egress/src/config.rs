//! What the operator decides about calling out, and how that can be wrong.

use std::time::Duration;

use crate::limits::{CONNECT_TIMEOUT_DEFAULT, IDLE_PER_HOST_DEFAULT, IDLE_TIMEOUT_DEFAULT};
use crate::policy::AddressPolicy;
use crate::proxy::Proxy;

/// How to call. The default refuses all but public addresses and uses no proxy.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Which addresses may be called.
    pub policy: AddressPolicy,
    /// Limit for a connection to be usable: DNS, TCP, proxy and TLS together. 5 s by default.
    pub connect_timeout: Duration,
    /// The proxy for every call; none by default. The environment's proxy variables are not read.
    pub proxy: Option<Proxy>,
    /// Idle connections kept per scheme, host and port. 256 by default; 0 switches keep-alive off.
    pub idle_per_host: usize,
    /// How long an idle connection is kept. 30 s by default.
    pub idle_timeout: Duration,
    /// Trust the system's root certificates beside Mozilla's. True by default.
    pub native_roots: bool,
    /// More root certificates to trust, PEM; for private CAs. Empty by default.
    pub extra_roots_pem: Vec<u8>,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            policy: AddressPolicy::default(),
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            proxy: None,
            idle_per_host: IDLE_PER_HOST_DEFAULT,
            idle_timeout: IDLE_TIMEOUT_DEFAULT,
            native_roots: true,
            extra_roots_pem: Vec::new(),
        }
    }
}

/// Why a configuration makes no client.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The extra root certificates are not PEM.
    #[error("the extra root certificates are not valid PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// An extra root certificate cannot be a trust anchor.
    #[error("an extra root certificate cannot be used")]
    Root(#[source] rustls::Error),
    /// The TLS library refused its own defaults.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
}
