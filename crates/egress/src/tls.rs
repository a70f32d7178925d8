//! TLS client configuration: ring, TLS 1.2 and 1.3, and whom to trust.

use std::sync::Arc;

use http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::config::EgressError;
use crate::connect::ConnectError;
use crate::target::{Target, TargetHost};

/// Trusts Mozilla's roots, those of the system when `native`, and the certificates in `extra_pem`.
pub(crate) fn client_config(native: bool, extra_pem: &[u8]) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if native {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "a system root certificate was not read");
        }
        roots.add_parsable_certificates(system.certs);
    }
    for certificate in CertificateDer::pem_slice_iter(extra_pem) {
        roots.add(certificate.map_err(EgressError::Pem)?).map_err(EgressError::Root)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(EgressError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// The name that the certificate must carry: the URI's host as we understand it, not as it is spelled.
pub(crate) fn server_name(uri: &Uri) -> Result<ServerName<'static>, ConnectError> {
    match Target::parse(uri)?.host {
        TargetHost::Address(address) => Ok(ServerName::IpAddress(address.into())),
        TargetHost::Loopback => dns_name("localhost"),
        TargetHost::Name(name) => dns_name(name.trim_end_matches('.')),
    }
}

fn dns_name(name: &str) -> Result<ServerName<'static>, ConnectError> {
    let name = DnsName::try_from(name).map_err(|error| ConnectError::Tls(error.into()))?;
    Ok(ServerName::DnsName(name.to_owned()))
}
