//! The table of hostile URLs, and the operator's lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Uri;
use posthouse_egress::{AddressPolicy, Egress, EgressConfig, SendRequest, Sender};
use posthouse_types::outcome::Outcome;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::Url;

use crate::support::{LONG, Server, default_config, local, post, read_request};

const TABLE: &str = include_str!("../data/ssrf.txt");
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Accepts on one port of both loopback addresses, answers 200 and counts.
async fn trap() -> (u16, Arc<AtomicUsize>) {
    let hits = Arc::new(AtomicUsize::new(0));
    let v4 = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = v4.local_addr().unwrap().port();
    // A machine without IPv6 has nothing to trap there.
    let v6 = TcpListener::bind(("::1", port)).await.ok();
    for listener in [Some(v4), v6].into_iter().flatten() {
        let hits = Arc::clone(&hits);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                read_request(&mut stream).await;
                stream.write_all(OK.as_bytes()).await.ok();
            }
        });
    }
    (port, hits)
}

/// The URIs that a row can become: as written, and as the WHATWG parser writes it.
fn forms(row: &str) -> Vec<Uri> {
    let raw = row.parse().ok();
    let normalised = Url::parse(row).ok().and_then(|url| url.as_str().parse().ok());
    [raw, normalised].into_iter().flatten().collect()
}

#[tokio::test]
async fn every_row_of_the_table_is_blocked_and_nothing_connects() {
    let (port, hits) = trap().await;
    let egress = Egress::new(default_config()).unwrap();
    let rows: Vec<_> = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(rows.len() >= 80, "{} rows", rows.len());
    let mut wrong = Vec::new();
    let mut sent = 0;
    for row in rows {
        // A row that is no URI in either form cannot be sent at all.
        for uri in forms(&row.replace("{port}", &port.to_string())) {
            let request = SendRequest { timeout: LONG, ..SendRequest::post(uri.clone(), Bytes::new()) };
            let report = egress.send(request).await;
            sent += 1;
            if report.outcome != Outcome::Blocked || report.error.is_none() {
                wrong.push(format!("{row} as {uri}: {} {:?}", report.outcome, report.error));
            }
        }
    }
    assert!(wrong.is_empty(), "not blocked:\n{}", wrong.join("\n"));
    assert!(sent >= 200, "only {sent} URIs were sent");

    // The control: the trap does catch, and this is the first that it caught.
    let report = post(&local(), &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
    assert_eq!(hits.load(Ordering::SeqCst), 1, "a blocked URL was connected to");
}

#[tokio::test]
async fn a_reason_names_the_rule_and_no_address() {
    let egress = Egress::new(default_config()).unwrap();
    let report = post(&egress, "http://2130706433/").await;
    assert_eq!(report.error.as_deref(), Some("the target is a loopback address"));
}

fn with_policy(allow: &str, deny: &str, allow_private: bool) -> Egress {
    let nets = |texts: &str| texts.split_whitespace().map(|text| text.parse().unwrap()).collect();
    let policy = AddressPolicy { allow_private, allow: nets(allow), deny: nets(deny) };
    Egress::new(EgressConfig { policy, ..default_config() }).unwrap()
}

#[tokio::test]
async fn lists_decide_in_order() {
    let server = Server::answering(OK).await;
    let delivered = Outcome::Delivered { status: 200 };
    for (allow, deny, allow_private, expected) in [
        ("", "", false, Outcome::Blocked),
        ("", "", true, delivered),
        ("127.0.0.0/8", "", false, delivered),
        ("10.0.0.0/8", "", false, Outcome::Blocked),
        ("", "127.0.0.0/8", true, Outcome::Blocked),
        ("127.0.0.0/8", "127.0.0.1/32", true, Outcome::Blocked),
    ] {
        let egress = with_policy(allow, deny, allow_private);
        let report = post(&egress, &server.url("/")).await;
        assert_eq!(report.outcome, expected, "allow {allow:?}, deny {deny:?}, private {allow_private}");
    }
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_name_with_one_refused_address_is_refused() {
    // `localhost` is 127.0.0.1 and ::1; allowing only one of them is not enough.
    let server = Server::answering(OK).await;
    let url = format!("http://localhost:{}/", server.address.port());
    let report = post(&with_policy("127.0.0.0/8", "", false), &url).await;
    assert_eq!(report.outcome, Outcome::Blocked);
    assert_eq!(server.accepted(), 0);
    let report = post(&with_policy("127.0.0.0/8 ::1/128", "", false), &url).await;
    assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
}

#[tokio::test]
async fn metadata_stays_blocked_with_allow_private() {
    for url in ["http://169.254.169.254/", "http://168.63.129.16/", "http://[fd00:ec2::254]/"] {
        assert_eq!(post(&local(), url).await.outcome, Outcome::Blocked, "{url}");
    }
}
