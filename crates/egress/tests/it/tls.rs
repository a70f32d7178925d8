//! TLS: whom we trust, and for which name.

use std::sync::Arc;

use posthouse_egress::{Egress, EgressConfig, EgressError};
use posthouse_types::outcome::{Outcome, Stage};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::support::{Server, local, local_config, post, read_request};

/// A server for `name` with a certificate of its own making, and the certificate.
pub(crate) async fn self_signed(name: &str) -> (Server, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe").await.ok();
                stream.flush().await.ok();
            }
        }
    })
    .await;
    (server, made.cert.pem())
}

pub(crate) fn trusting(pem: &str) -> EgressConfig {
    EgressConfig { extra_roots_pem: pem.as_bytes().to_vec(), ..local_config() }
}

const TLS: Outcome = Outcome::Unreachable { stage: Stage::Tls };

#[tokio::test]
async fn an_unknown_certificate_is_refused_and_an_extra_root_accepted() {
    let (server, pem) = self_signed("localhost").await;
    let url = format!("https://localhost:{}/", server.address.port());
    let report = post(&local(), &url).await;
    assert_eq!(report.outcome, TLS);
    assert!(report.error.unwrap().starts_with("TLS failed: "));

    let egress = Egress::new(trusting(&pem)).unwrap();
    for spelling in [&url, &url.replace("localhost", "LOCALHOST.")] {
        let report = post(&egress, spelling).await;
        assert_eq!(report.outcome, Outcome::Delivered { status: 200 }, "{spelling} {:?}", report.error);
        assert_eq!(&report.response_body[..], b"safe");
    }
}

#[tokio::test]
async fn the_name_must_be_in_the_certificate() {
    let (server, pem) = self_signed("elsewhere.example").await;
    let egress = Egress::new(trusting(&pem)).unwrap();
    let report = post(&egress, &format!("https://localhost:{}/", server.address.port())).await;
    assert_eq!(report.outcome, TLS);
}

#[tokio::test]
async fn an_address_is_checked_as_an_address() {
    let (server, pem) = self_signed("127.0.0.1").await;
    let egress = Egress::new(trusting(&pem)).unwrap();
    for host in ["127.0.0.1", "0x7f.1"] {
        let report = post(&egress, &format!("https://{host}:{}/", server.address.port())).await;
        assert_eq!(report.outcome, Outcome::Delivered { status: 200 }, "{host} {:?}", report.error);
    }
}

#[tokio::test]
async fn plain_http_behind_https_is_a_tls_failure() {
    let server = Server::start(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
    })
    .await;
    assert_eq!(post(&local(), &format!("https://{}/", server.address)).await.outcome, TLS);
}

#[test]
fn roots_that_are_none_are_a_configuration_error() {
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    assert!(matches!(Egress::new(trusting(broken)), Err(EgressError::Pem(_))));
    let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(Egress::new(trusting(not_a_certificate)), Err(EgressError::Root(_))));
}
