//! From publish to a receiver, over real sockets.

use std::process::Stdio;

use http::HeaderMap;
use posthouse_testkit::Receiver;
use serde_json::json;
use standardwebhooks::Webhook;

use crate::server::{Client, Server, posthouse, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_published_event_arrives_signed_for_the_published_verifier() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    let receiver = Receiver::start().await;
    let endpoint =
        client.post("/api/v1/endpoints", &json!({ "url": receiver.url("/hook"), "events": ["message.*"] }));
    let id = client.publish("message.created", &json!({ "text": "grüße" }));
    let arrived = receiver.next().await;
    assert_eq!(arrived.headers["webhook-id"], id);
    let verifier = Webhook::new(endpoint["secret"].as_str().unwrap()).unwrap();
    let headers: HeaderMap = arrived.headers.clone();
    verifier.verify(&arrived.body, &headers).unwrap();
    let tampered = [&arrived.body[..], b" "].concat();
    assert!(verifier.verify(&tampered, &headers).is_err());
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_publish_command_sends_the_payloads_own_bytes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    let receiver = Receiver::start().await;
    client.post("/api/v1/endpoints", &json!({ "url": receiver.url("/") }));
    let payload = r#"{"n": 1.50, "u":"é"}"#;
    let published = posthouse()
        .args(["publish", "price.changed", payload, "--output", "json"])
        .env("POSTHOUSE_URL", &client.url)
        .env("POSTHOUSE_API_KEY", &client.key)
        .output()
        .unwrap();
    assert!(published.status.success(), "{}", text(&published.stderr));
    assert_eq!(receiver.next().await.body, payload.as_bytes());
    let refused = posthouse()
        .args(["publish", "not a type", "--key", &client.key, "--url", &client.url])
        .output()
        .unwrap();
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("body.type"),
        "{}",
        text(&refused.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_shows_what_really_happened() {
    use std::io::{BufRead as _, BufReader};
    let data = tempfile::tempdir().unwrap();
    let mut child = posthouse()
        .args(["dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).take_while(|line| !line.starts_with("Serving until")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said.join("\n");
    for expected in
        ["sk_live_", "sk_test_", "✓ endpoint", "✓ accepted", "delivered 204", "✓ verified", "/docs"]
    {
        assert!(said.contains(expected), "{expected} is missing from:\n{said}");
    }
}
