//! Addresses that may not be called: blocked by default, each recorded as such.

use posthouse_testkit::Receiver;
use serde_json::{Value, json};

use crate::server::{Client, Server};

const TABLE: &str = include_str!("../../../egress/tests/data/ssrf.txt");

#[tokio::test(flavor = "multi_thread")]
async fn private_targets_are_blocked_and_recorded() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &[]);
    let client = Client::new(&server, data.path());
    let receiver = Receiver::start().await;
    let port = receiver.url("").rsplit(':').next().unwrap().to_owned();
    let mut blocked = 0;
    let mut refused = 0;
    for row in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let url = row.replace("{port}", &port);
        let request = ureq::post(format!("{}/api/v1/endpoints", client.url))
            .header("authorization", format!("Bearer {}", client.key))
            .config()
            .http_status_as_error(false)
            .build();
        let mut answer = request.send_json(json!({ "url": url })).unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.body_mut().read_json().unwrap();
        if status == 422 {
            assert_eq!(body["errors"][0]["location"], "body.url", "{url}");
            refused += 1;
            continue;
        }
        assert_eq!(status, 201, "{url}: {body}");
        let endpoint = body["id"].as_str().unwrap();
        let test = client.post(&format!("/api/v1/endpoints/{endpoint}/test"), &json!({}));
        let attempt = client.first_attempt(test["delivery_id"].as_str().unwrap());
        assert_eq!(attempt["outcome"], "blocked", "{url}: {attempt}");
        blocked += 1;
    }
    assert!(blocked >= 60, "{blocked} blocked, {refused} refused at registration");
}
