//! `posthouse trigger` against a server.

use serde_json::{Value, json};

use crate::server::{Client, Server, posthouse, text};

/// Runs `trigger` with a server and a key in the environment; the exit is good, the answers, the complaint.
fn trigger(client: &Client, arguments: &[&str]) -> (bool, Vec<Value>, String) {
    let output = posthouse()
        .args(["trigger", "--output", "json"])
        .args(arguments)
        .env("POSTHOUSE_URL", &client.url)
        .env("POSTHOUSE_API_KEY", &client.key)
        .env_remove("WEBHOOK_SECRET")
        .output()
        .unwrap();
    let answers = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.success(), answers, text(&output.stderr))
}

#[test]
fn samples_are_taken_on_by_sources_of_every_way_to_prove_oneself() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    let (_, listed, _) = trigger(&client, &["--list"]);
    let listed = listed[0]["data"].as_array().unwrap().clone();
    for (profile, auth) in [
        ("github", json!({})),
        ("gitlab", json!({})),
        ("stripe", json!({})),
        ("generic", json!({})),
        ("generic", json!({ "mode": "static_header", "header": "X-Own" })),
        ("generic", json!({ "mode": "none" })),
        ("generic", json!({ "mode": "standard_webhooks" })),
    ] {
        let source = json!({ "name": profile, "profile": profile, "auth": auth, "deliver_only": true });
        let source = client.post("/api/v1/sources", &source);
        let id = source["id"].as_str().unwrap();
        let events =
            listed.iter().find(|entry| entry["profile"] == profile).unwrap()["events"].as_array().unwrap();
        for event in events {
            let (good, answers, complaint) =
                trigger(&client, &[profile, event.as_str().unwrap(), "--source", id]);
            assert!(good, "{profile} {event} {auth}: {complaint}");
            assert_eq!(answers[0]["status"], 202);
            // GitLab's notes have an action: of a sample it may be the family alone that is named.
            let read = answers[0]["answer"]["eventType"].as_str().unwrap();
            assert_eq!(read.strip_suffix(".create").unwrap_or(read), event, "{profile} {auth}");
        }
    }
}

#[test]
fn a_url_and_a_secret_are_enough_and_refusals_are_failures() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    let source =
        client.post("/api/v1/sources", &json!({ "name": "a", "profile": "github", "deliver_only": true }));
    let (url, secret) = (source["ingest_url"].as_str().unwrap(), source["secret"].as_str().unwrap());
    let (good, answers, complaint) =
        trigger(&client, &["github", "push", "--url", url, "--secret", secret, "--count", "2"]);
    assert!(good, "{complaint}");
    let statuses: Vec<&Value> = answers.iter().map(|answer| &answer["answer"]["status"]).collect();
    assert_eq!(statuses, ["queued", "queued"]);

    let (good, answers, complaint) = trigger(
        &client,
        &["github", "push", "--url", url, "--secret", secret, "--count", "2", "--id", "d-1"],
    );
    assert!(good, "a duplicate is no failure: {complaint}");
    let statuses: Vec<&Value> = answers.iter().map(|answer| &answer["answer"]["status"]).collect();
    assert_eq!(statuses, ["queued", "deduplicated"]);

    let (good, answers, complaint) = trigger(&client, &["github", "--url", url, "--secret", "another"]);
    assert!(!good && complaint.contains("401") && complaint.contains("secret"), "{complaint}");
    assert_eq!(answers[0], json!({ "status": 401, "answer": { "error": "authentication failed" } }));

    let nowhere = format!("{}/api/webhooks/ingest/wh_{}", client.url, "0".repeat(36));
    let (good, answers, complaint) = trigger(&client, &["github", "--url", &nowhere, "--secret", secret]);
    assert!(!good && complaint.contains("no source"), "{complaint}");
    assert_eq!(answers[0]["status"], 404);
}

#[test]
fn a_body_and_headers_of_ones_own_are_signed_and_sent() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    let source =
        client.post("/api/v1/sources", &json!({ "name": "a", "profile": "sentry", "deliver_only": true }));
    let body = data.path().join("issue.json");
    std::fs::write(&body, r#"{"action":"created","data":{"issue":{"title":"It broke"}}}"#).unwrap();
    let (id, body) = (source["id"].as_str().unwrap(), body.to_str().unwrap());
    let resource = "Sentry-Hook-Resource: issue";
    let (good, answers, complaint) =
        trigger(&client, &["sentry", "--source", id, "--body", body, "--header", resource]);
    assert!(good, "{complaint}");
    assert_eq!(answers[0]["answer"]["eventType"], "issue.created");
    let kept = client.get(&format!("/api/v1/sources/{id}/deliveries"));
    assert_eq!(kept["data"][0]["body_bytes"], std::fs::metadata(body).unwrap().len());
}

#[test]
fn what_can_not_be_sent_is_explained() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    for (arguments, named) in [
        (vec!["github"], "--source"),
        (vec!["git", "--url", "http://127.0.0.1:1/in"], "gitlab"),
        (vec!["github", "star.created", "--url", "http://127.0.0.1:1/in"], "star.created"),
        (vec!["slack", "--url", "http://127.0.0.1:1/in"], "--body"),
        (vec!["github", "--url", "http://127.0.0.1:1/in"], "127.0.0.1:1"),
        (vec!["github", "--source", "7"], "404"),
        (vec!["github", "--source", "../keys"], "id of a source"),
    ] {
        let (good, answers, complaint) = trigger(&client, &arguments);
        assert!(!good && answers.is_empty() && complaint.contains(named), "{arguments:?}: {complaint}");
    }
}
