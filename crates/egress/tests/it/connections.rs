//! Making, failing to make and reusing connections.

use posthouse_egress::{Egress, EgressConfig};
use posthouse_types::outcome::{Outcome, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{LONG, SHORT, Server, local, local_config, post, read_request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_refused_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let report = post(&local(), &url).await;
    assert_eq!(report.outcome, Outcome::Unreachable { stage: Stage::Connect });
    assert!(!report.may_have_arrived);
    assert!(report.error.unwrap().starts_with("no connection: "));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    // A label of 64 bytes is no name, so no resolver is asked over the network.
    let report = post(&local(), &format!("http://{}.invalid/", "a".repeat(64))).await;
    assert_eq!(report.outcome, Outcome::Unreachable { stage: Stage::Dns }, "{:?}", report.error);
    assert!(!report.may_have_arrived);
}

#[tokio::test]
async fn the_connect_limit_covers_the_tls_handshake() {
    let server = Server::start(|mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    let egress = Egress::new(EgressConfig { connect_timeout: SHORT, ..local_config() }).unwrap();
    let report = post(&egress, &format!("https://{}/", server.address)).await;
    assert_eq!(report.outcome, Outcome::Timeout);
    assert_eq!(report.error.as_deref(), Some("no connection within 50 ms"));
    assert!(report.duration < LONG);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = Server::answering(OK).await;
    let egress = local();
    for _ in 0..50 {
        let report = post(&egress, &server.url("/")).await;
        assert_eq!(
            (report.outcome, &report.response_body[..]),
            (Outcome::Delivered { status: 200 }, &b"ok"[..])
        );
    }
    // The pool may open one more while a connection is on its way back to it.
    assert!(server.accepted() <= 2, "{} connections for 50 requests", server.accepted());
}

#[tokio::test]
async fn without_idle_connections_every_request_connects() {
    let server = Server::answering(OK).await;
    let egress = Egress::new(EgressConfig { idle_per_host: 0, ..local_config() }).unwrap();
    for _ in 0..3 {
        assert!(post(&egress, &server.url("/")).await.outcome.is_delivered());
    }
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_not_reused() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await;
    let egress = local();
    for _ in 0..10 {
        assert!(post(&egress, &server.url("/")).await.outcome.is_delivered());
    }
    assert_eq!(server.accepted(), 10);
}

#[tokio::test]
async fn a_request_that_was_written_is_never_sent_twice() {
    // The first request of a connection is answered, the second is read and the connection closed.
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.ok();
        read_request(&mut stream).await;
    })
    .await;
    let egress = local();
    assert!(post(&egress, &server.url("/")).await.outcome.is_delivered());
    let report = post(&egress, &server.url("/")).await;
    assert_eq!(report.outcome, Outcome::Unreachable { stage: Stage::Connect });
    assert!(report.may_have_arrived);
    assert_eq!(server.accepted(), 1);
}
