//! Why a command failed.

use std::net::SocketAddr;

use crate::configuration::ConfigurationError;
use crate::master_key::MasterKeyError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("the store failed")]
    Store(#[from] posthouse_store::StoreError),
    #[error("{0}")]
    Engine(#[from] posthouse_engine::Error),
    #[error("deliveries can not be set up")]
    Egress(#[from] posthouse_egress::EgressError),
    #[error("agents can not be set up")]
    Runners(#[from] posthouse_agents::RunnersError),
    #[error("can not listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("{0} can not be reached: {1}")]
    Unreachable(String, String),
    #[error("the server answered {0}: {1}")]
    Answer(u16, String),
    #[error("{0}")]
    Usage(String),
    #[error("the operating system refused")]
    Io(#[from] std::io::Error),
}
