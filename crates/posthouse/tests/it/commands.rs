//! The commands beside and without a server.

use serde_json::Value;

use crate::server::{Client, Server, posthouse, run, text};

#[test]
fn a_second_server_on_the_same_store_refuses_and_says_why() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let second = run(&["serve", "--listen", "127.0.0.1:0"], data.path());
    assert!(!second.status.success());
    let complaint = text(&second.stderr);
    assert!(
        complaint.contains("another") && complaint.contains(data.path().to_str().unwrap()),
        "{complaint}"
    );
    server.stop();
    Server::start(data.path()).stop();
}

#[test]
fn keys_are_made_listed_and_revoked_beside_a_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let client = Client::new(&server, data.path());
    assert_eq!(client.get("/api/v1/endpoints")["data"], serde_json::json!([]));
    let listed = run(&["keys", "list", "--tenant", "acme", "--output", "json"], data.path());
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id = listed["data"][0]["id"].as_str().unwrap();
    assert!(!listed.to_string().contains(&client.key), "a key is shown once");
    assert!(run(&["keys", "revoke", "--tenant", "acme", id], data.path()).status.success());
    let again = run(&["keys", "revoke", "--tenant", "acme", id], data.path());
    assert!(!again.status.success() && text(&again.stderr).contains(id));
}

#[test]
fn bad_arguments_and_settings_are_explained() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, named) in [
        (
            vec!["keys", "create", "--tenant", "a", "--capabilities", "fly"],
            "manage, publish, send, read, admin",
        ),
        (vec!["keys", "create", "--tenant", " "], "--tenant"),
        (vec!["serve", "--listen", "here"], "listen"),
        (vec!["keys", "list", "--tenant", "nobody"], "nobody"),
    ] {
        let output = run(&arguments, data.path());
        assert!(!output.status.success(), "{arguments:?}");
        assert!(text(&output.stderr).contains(named), "{arguments:?}: {}", text(&output.stderr));
    }
    let file = data.path().join("posthouse.toml");
    std::fs::write(&file, "lisen = '127.0.0.1:1'").unwrap();
    let checked = posthouse().args(["config", "check", "--config"]).arg(&file).output().unwrap();
    assert!(
        !checked.status.success() && text(&checked.stderr).contains("lisen"),
        "{}",
        text(&checked.stderr)
    );
}

#[test]
fn config_check_tells_where_values_come_from() {
    let checked = posthouse()
        .args(["config", "check", "--output", "json"])
        .env("POSTHOUSE_RETENTION_DAYS", "7")
        .env("POSTHOUSE_MASTER_KEY", "deadbeef")
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(
        answer["settings"]["retention_days"],
        serde_json::json!({ "value": "7", "from": "environment" })
    );
    assert_eq!(answer["settings"]["listen"]["from"], "default");
    assert!(!text(&checked.stdout).contains("deadbeef"));
}

#[test]
fn migrate_brings_a_store_up_to_date_once() {
    let data = tempfile::tempdir().unwrap();
    let steps = |arguments: &[&str]| -> usize {
        let output = run(arguments, data.path());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["steps"].as_array().unwrap().len()
    };
    let planned = steps(&["migrate", "--dry-run", "--output", "json"]);
    assert!(planned > 0);
    assert_eq!(steps(&["migrate", "--output", "json"]), planned);
    assert_eq!(steps(&["migrate", "--output", "json"]), 0);
}

#[test]
fn openapi_and_completions_are_printed() {
    let output = posthouse().args(["openapi", "native"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let output = posthouse().args(["completions", "bash"]).output().unwrap();
    assert!(text(&output.stdout).contains("posthouse"));
}
