//! What an answer is classified as, how much of it is kept, and what is sent.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use posthouse_egress::limits::{RESPONSE_HEADERS_KEPT_MAX, RESPONSE_KEPT_BYTES_MAX};
use posthouse_egress::{SendRequest, Sender};
use posthouse_types::outcome::{Outcome, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::support::{SHORT, Server, local, post, read_request, request};

const BROKEN: Outcome = Outcome::Unreachable { stage: Stage::Connect };

/// A server that sends the same bytes whatever is asked, then hangs up.
async fn saying(answer: Vec<u8>) -> Server {
    let answer = Arc::new(answer);
    Server::start(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            read_request(&mut stream).await;
            stream.write_all(&answer).await.ok();
        }
    })
    .await
}

/// The same, but the connection stays open: what is missing never comes.
async fn saying_forever(answer: &'static str) -> Server {
    Server::start(move |mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.ok();
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await
}

#[tokio::test]
async fn the_status_decides() {
    for status in [200, 202, 204, 299, 304, 400, 404, 410, 429, 500, 503] {
        let server = saying(format!("HTTP/1.1 {status} Any\r\nContent-Length: 0\r\n\r\n").into()).await;
        let report = post(&local(), &server.url("/")).await;
        assert_eq!(report.outcome, Outcome::from_status(status));
        assert_eq!((report.error, report.response_truncated), (None, false));
    }
}

#[tokio::test]
async fn redirects_are_reported_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let location = elsewhere.url("/next");
        let head = format!("HTTP/1.1 {status} Any\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let report = post(&local(), &saying(head.into()).await.url("/")).await;
        assert_eq!(report.outcome, Outcome::Refused { status });
        assert_eq!(report.response_headers["location"], location);
        assert_eq!(elsewhere.accepted(), 0);
    }
}

#[tokio::test]
async fn request_bytes_arrive_exactly() {
    let (sender, mut received) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_request(&mut stream).await).await.ok();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
        }
    })
    .await;
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut sent = SendRequest { body: Bytes::from(body.clone()), ..request(&server.url("/a%20b?c=d&e")) };
    sent.method = Method::PUT;
    for (name, value) in [
        ("x-signature", "v1,c2ln"),
        ("user-agent", "Posthouse/1"),
        ("host", "internal.example"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
    ] {
        sent.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    assert!(local().send(sent).await.outcome.is_delivered());
    let (head, received_body) = received.recv().await.unwrap().unwrap();
    let mut lines: Vec<_> = head.trim_end().lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", server.address);
    let expected = [
        "PUT /a%20b?c=d&e HTTP/1.1",
        "content-length: 100000",
        host.as_str(),
        "user-agent: Posthouse/1",
        "x-signature: v1,c2ln",
    ];
    assert_eq!(lines, expected, "no header is added, ours are not overridden");
    assert_eq!(received_body, body);
}

#[tokio::test]
async fn bodies_are_not_decompressed() {
    let compressed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n".to_vec();
    answer.extend_from_slice(&compressed);
    let report = post(&local(), &saying(answer).await.url("/")).await;
    assert_eq!(&report.response_body[..], compressed);
    assert_eq!(report.response_headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_connection_dropped() {
    let (sender, mut dropped) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            sender.send(()).await.ok();
        }
    })
    .await;
    let report = post(&local(), &server.url("/")).await;
    assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
    assert_eq!(report.response_body.len(), RESPONSE_KEPT_BYTES_MAX);
    assert!(report.response_truncated);
    dropped.recv().await.expect("the server notices that nobody listens");
}

#[tokio::test]
async fn a_body_at_the_limit_is_whole_and_one_byte_more_is_not() {
    for (length, truncated) in [(RESPONSE_KEPT_BYTES_MAX, false), (RESPONSE_KEPT_BYTES_MAX + 1, true)] {
        let mut answer = format!("HTTP/1.1 500 Oops\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + length, b'x');
        let report = post(&local(), &saying(answer).await.url("/")).await;
        assert_eq!(report.outcome, Outcome::Refused { status: 500 });
        assert_eq!(report.response_body.len(), RESPONSE_KEPT_BYTES_MAX);
        assert_eq!(report.response_truncated, truncated, "{length}");
    }
}

#[tokio::test]
async fn a_request_may_ask_for_more_of_the_answer_or_for_less() {
    let length = RESPONSE_KEPT_BYTES_MAX * 4;
    for (kept_max, kept, truncated) in [(length, length, false), (length - 1, length - 1, true), (3, 3, true)]
    {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + length, b'x');
        let server = saying(answer).await;
        let mut get = SendRequest::get(server.url("/").parse().unwrap());
        get.response_kept_bytes_max = kept_max;
        let report = local().send(get).await;
        assert_eq!((report.response_body.len(), report.response_truncated), (kept, truncated));
    }
}

#[tokio::test]
async fn a_get_has_no_body_and_says_nothing_of_one() {
    let (sender, mut received) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_request(&mut stream).await).await.ok();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
        }
    })
    .await;
    let get = SendRequest::get(server.url("/keys?a=b").parse().unwrap());
    assert!(local().send(get).await.outcome.is_delivered());
    let (head, _) = received.recv().await.unwrap().unwrap();
    assert_eq!(head, format!("GET /keys?a=b HTTP/1.1\r\nhost: {}\r\n\r\n", server.address));
}

#[tokio::test]
async fn chunked_bodies_and_informational_answers_are_read() {
    let answer = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  3\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n";
    let report = post(&local(), &saying(answer.into()).await.url("/")).await;
    assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
    assert_eq!(&report.response_body[..], b"abcde");
}

#[tokio::test]
async fn a_body_that_drips_ends_with_the_attempts_time() {
    let server = Server::start(|mut stream| async move {
        let mut tick = tokio::time::interval(SHORT / 20);
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n").await.ok();
        while stream.write_all(b"x").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    let report = local().send(SendRequest { timeout: SHORT, ..request(&server.url("/")) }).await;
    assert_eq!(report.outcome, Outcome::Timeout);
    assert_eq!(report.error.as_deref(), Some("no complete answer within 50 ms"));
    assert!(report.duration >= SHORT);
    assert!(report.response_body.is_empty());
}

#[tokio::test]
async fn silence_at_any_point_is_a_timeout() {
    for answer in
        ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nx: y", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1"]
    {
        let server = saying_forever(answer).await;
        let report = local().send(SendRequest { timeout: SHORT, ..request(&server.url("/")) }).await;
        assert_eq!(report.outcome, Outcome::Timeout, "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_no_http_is_no_answer() {
    for answer in
        ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1", "SSH-2.0-OpenSSH_9.9\r\n"]
    {
        let report = post(&local(), &saying(answer.into()).await.url("/")).await;
        assert_eq!(report.outcome, BROKEN, "{answer:?}");
        assert!(report.error.is_some() && report.response_headers.is_empty());
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let with_headers = |count: usize| {
        let lines: Vec<_> = (0..count).map(|index| format!("x-{index}: y\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", lines.concat()).into_bytes()
    };
    let report = post(&local(), &saying(with_headers(90)).await.url("/")).await;
    assert_eq!(report.outcome, Outcome::Delivered { status: 200 });
    assert_eq!(report.response_headers.len(), RESPONSE_HEADERS_KEPT_MAX);
    let report = post(&local(), &saying(with_headers(200)).await.url("/")).await;
    assert_eq!(report.outcome, BROKEN);
    let mut endless = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    endless.resize(1 << 20, b'y');
    let report = post(&local(), &saying(endless).await.url("/")).await;
    assert_eq!(report.outcome, BROKEN);
}
