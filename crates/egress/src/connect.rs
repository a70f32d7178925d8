//! The connector: resolve once, check every address, connect to a checked one, then TLS; all within the
//! connect timeout. The pool calls it only when it has no idle connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use tower::Service;

use crate::dial::{self, BoxError, BoxFuture, Tcp};
use crate::policy::{AddressPolicy, Blocked};
use crate::proxy::Proxy;
use crate::target::{BadTarget, LOOPBACK, Target, TargetHost};

/// Why no connection was made. Its text is shown to tenants, so it names no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Target(#[from] BadTarget),
    #[error("the target is {}", .0.reason)]
    Blocked(#[from] Blocked),
    #[error("the name did not resolve: {0}")]
    Dns(#[source] io::Error),
    #[error("no connection: {0}")]
    Tcp(#[source] io::Error),
    #[error("no connection through the proxy")]
    Proxy(#[source] BoxError),
    #[error("TLS failed: {0}")]
    Tls(#[source] BoxError),
    #[error("no connection within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// TCP to checked addresses only.
#[derive(Clone)]
pub(crate) struct CheckedTcp {
    shared: Arc<Shared>,
}

struct Shared {
    policy: AddressPolicy,
    proxy: Option<Proxy>,
}

impl CheckedTcp {
    pub(crate) fn new(policy: AddressPolicy, proxy: Option<Proxy>) -> Self {
        Self { shared: Arc::new(Shared { policy, proxy }) }
    }
}

impl Service<Uri> for CheckedTcp {
    type Response = Tcp;
    type Error = ConnectError;
    type Future = BoxFuture<Tcp, ConnectError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.connect(&uri).await })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri) -> Result<Tcp, ConnectError> {
        let addresses = resolve(Target::parse(uri)?).await?;
        if let Err(blocked) = self.policy.check_all(&addresses) {
            tracing::debug!(host = uri.host(), %blocked, "address policy refused a target");
            return Err(blocked.into());
        }
        match &self.proxy {
            None => dial::direct(&addresses).await.map_err(ConnectError::Tcp),
            Some(proxy) => dial::through(proxy, &addresses).await.map_err(|error| {
                tracing::warn!(error = %chain(&*error), "the proxy made no connection");
                ConnectError::Proxy(error)
            }),
        }
    }
}

/// The one place where names become addresses.
async fn resolve(target: Target) -> Result<Vec<SocketAddr>, ConnectError> {
    let port = target.port;
    match target.host {
        TargetHost::Address(address) => Ok(vec![SocketAddr::new(address, port)]),
        TargetHost::Loopback => Ok(LOOPBACK.map(|address| SocketAddr::new(address, port)).to_vec()),
        TargetHost::Name(name) => {
            let found = tokio::net::lookup_host((name, port)).await.map_err(ConnectError::Dns)?;
            let addresses: Vec<_> = found.collect();
            if addresses.is_empty() {
                return Err(ConnectError::Dns(io::Error::new(io::ErrorKind::NotFound, "no address")));
            }
            Ok(addresses)
        }
    }
}

/// An error and its causes in one line, for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The whole way to a usable connection under one time limit, with one error type.
#[derive(Clone)]
pub(crate) struct TimedConnector {
    inner: HttpsConnector<CheckedTcp>,
    timeout: Duration,
}

impl TimedConnector {
    pub(crate) fn new(inner: HttpsConnector<CheckedTcp>, timeout: Duration) -> Self {
        Self { inner, timeout }
    }
}

impl Service<Uri> for TimedConnector {
    type Response = MaybeHttpsStream<Tcp>;
    type Error = ConnectError;
    type Future = BoxFuture<Self::Response, ConnectError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx).map_err(stage_of)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            let result = tokio::time::timeout(timeout, connecting).await;
            result.map_err(|_| ConnectError::Timeout(timeout))?.map_err(stage_of)
        })
    }
}

/// Our own errors come through `HttpsConnector` unchanged; whatever else it reports is its own, TLS.
fn stage_of(error: BoxError) -> ConnectError {
    match error.downcast::<ConnectError>() {
        Ok(ours) => *ours,
        Err(other) => ConnectError::Tls(other),
    }
}
