//! What the complete profiles make of requests.

use http::HeaderMap;
use posthouse_providers::{Incoming, Profile, find};
use posthouse_types::{AuthMode, TypeFilter};
use serde_json::json;

use crate::vectors;

const COMPLETE: [&str; 4] = ["generic", "github", "gitlab", "stripe"];

fn profile(name: &str) -> &'static Profile {
    find(name).unwrap()
}

#[test]
fn vectors_are_read_and_summarised_as_written_down() {
    for vector in COMPLETE.into_iter().flat_map(vectors::of) {
        let made = vectors::made_of(vector.profile, &vector.incoming());
        assert_eq!(made, vector.expect, "{}/{}: {made:#}", vector.profile, vector.name);
    }
}

#[test]
fn every_event_of_a_catalogue_has_a_vector() {
    for name in COMPLETE {
        let types: Vec<String> = vectors::of(name)
            .iter()
            .filter_map(|vector| Some(vector.expect["event_type"].as_str()?.to_owned()))
            .collect();
        for entry in profile(name).catalogue {
            let filter = TypeFilter::new(vec![entry.event_type.to_owned()], vec![]).unwrap();
            assert!(
                types.iter().any(|event_type| filter.admits(Some(event_type))),
                "{name}: {}",
                entry.event_type
            );
        }
    }
}

#[test]
fn profiles_have_their_own_way_of_proving_the_sender() {
    for (name, display_name, auth, entries) in [
        ("generic", "Generic", AuthMode::StaticHeader, 0),
        ("github", "GitHub", AuthMode::GithubHmacSha256, 12),
        ("gitlab", "GitLab", AuthMode::GitlabToken, 8),
        ("stripe", "Stripe", AuthMode::StripeWebhookSignature, 9),
    ] {
        let profile = profile(name);
        assert_eq!((profile.display_name, profile.auth), (display_name, auth));
        assert_eq!(profile.catalogue.len(), entries, "{name}");
        assert!(profile.setup_guide.starts_with("1. ") || name == "generic", "{name}");
        assert!(profile.challenge.is_none(), "{name}");
    }
}

/// The example in Moltis' documentation of webhooks, "Delivery Message Format".
#[test]
fn the_published_example_comes_out_line_for_line() {
    let published = "\
GitHub event: pull_request.opened

Repository: moltis-org/moltis
PR #567: \"Add webhook support\"
  Author: @penso
  Branch: feature/webhooks → main
  URL: https://github.com/moltis-org/moltis/pull/567
  Draft: false

Description:
  This PR adds generic webhook support...

Changed files: 42 (+1,203 / -156)

---

Full payload available via webhook_get_full_payload tool.";
    let vectors = vectors::of("github");
    let vector = vectors.iter().find(|vector| vector.name == "pull_request.opened").unwrap();
    let summary = (profile("github").summarise)(&vector.incoming(), Some("pull_request.opened"));
    assert_eq!(summary.text, published);
}

#[test]
fn the_owners_header_comes_before_those_that_generic_knows() {
    let mut headers = HeaderMap::new();
    headers.insert("x-event-type", "known".parse().unwrap());
    let read = |headers: &HeaderMap, event_header| {
        (profile("generic").read)(&Incoming { headers, body: b"{}", event_header }).event_type
    };
    assert_eq!(read(&headers, Some("x-kind")).as_deref(), Some("known"));
    headers.insert("x-kind", "own".parse().unwrap());
    assert_eq!(read(&headers, Some("x-kind")).as_deref(), Some("own"));
    assert_eq!(read(&headers, None).as_deref(), Some("known"));
    assert_eq!(read(&HeaderMap::new(), Some("not a header name")), None);
}

#[test]
fn keys_that_are_too_long_keep_their_differences() {
    let key = |tail: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-github-delivery", format!("{}{tail}", "k".repeat(512)).parse().unwrap());
        let reading =
            (profile("github").read)(&Incoming { headers: &headers, body: b"{}", event_header: None });
        reading.delivery_key.unwrap()
    };
    assert_eq!(key("").as_str(), "k".repeat(512));
    assert_eq!(key("1"), key("1"));
    assert_ne!(key("1"), key("2"));
    assert!(key("1").as_str().starts_with("sha256:"));
}

#[test]
fn bodies_without_a_key_are_told_apart_by_their_bytes() {
    for name in ["generic", "gitlab"] {
        let key = |body: &[u8]| {
            let incoming = Incoming { headers: &HeaderMap::new(), body, event_header: None };
            (profile(name).read)(&incoming).delivery_key.unwrap()
        };
        assert_eq!(key(b"{\"a\":1}"), key(b"{\"a\":1}"));
        assert_ne!(key(b"{\"a\":1}"), key(b"{\"a\": 1}"));
        // NIST, Secure Hash Standard: the digest of no bytes.
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(key(b"").as_str(), empty);
    }
}

#[test]
fn a_megabyte_is_cut_and_its_size_told() {
    let body = json!({ "items": (0..60_000).collect::<Vec<_>>(), "text": "é".repeat(400_000) }).to_string();
    assert!(body.len() > 1_000_000);
    let incoming = Incoming { headers: &HeaderMap::new(), body: body.as_bytes(), event_header: None };
    let summary = (profile("generic").summarise)(&incoming, Some("bulk"));
    assert!(summary.text.len() <= 16 * 1024, "{}", summary.text.len());
    assert!(summary.text.contains("\n  {\n    \"items\": [\n      0,\n      1,\n"), "{}", summary.text);
    let (_, end) = summary.text.split_once("...\n").unwrap();
    let size = body.len();
    let size = format!("{},{:03},{:03}", size / 1_000_000, size / 1000 % 1000, size % 1000);
    let told = format!("\n(cut: the whole payload has {size} bytes)\n\n---\n\nFull payload");
    assert!(end.starts_with(&told), "{end}");
}

#[test]
fn a_megabyte_in_the_members_that_are_shown_is_cut() {
    let long = "long ".repeat(200_000);
    let payload = json!({
        "action": "opened",
        "repository": { "full_name": long },
        "pull_request": { "number": 1, "title": long, "body": long, "user": { "login": long }, "html_url": long,
            "head": { "ref": long }, "base": { "ref": long }, "labels": vec![json!({ "name": long }); 20] },
        "project": { "path_with_namespace": long },
        "object_attributes": { "iid": 1, "title": long, "description": long, "url": long, "note": long },
        "data": { "object": { "id": long, "customer": long, "description": long, "metadata": { "a": long } } },
        "id": long, "type": long,
    });
    for (name, event_type) in
        [("github", "pull_request.opened"), ("gitlab", "merge_request.open"), ("stripe", "invoice.paid")]
    {
        let body = payload.to_string();
        let incoming = Incoming { headers: &HeaderMap::new(), body: body.as_bytes(), event_header: None };
        let summary = (profile(name).summarise)(&incoming, Some(event_type));
        assert!(summary.text.len() <= 16 * 1024, "{name}: {}", summary.text.len());
        assert!(
            summary.text.ends_with("\n\n---\n\nFull payload available via webhook_get_full_payload tool.")
        );
    }
}

#[test]
fn depth_does_no_harm() {
    let deep = format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = format!(
        r#"{{"deep":{deep},"action":"opened","issue":{{"number":4,"labels":{deep}}},"repository":{{"full_name":"a/b"}}}}"#
    );
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", "issues".parse().unwrap());
    let incoming = Incoming { headers: &headers, body: body.as_bytes(), event_header: None };
    let reading = (profile("github").read)(&incoming);
    assert_eq!(reading.event_type.as_deref(), Some("issues.opened"));
    assert_eq!(reading.entity_key.as_deref(), Some("github:a/b:issue:4"));
    for name in COMPLETE {
        let summary = (profile(name).summarise)(&incoming, Some("issues.opened"));
        assert!(!summary.text.contains("not JSON"), "{name}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_as_such() {
    let incoming = Incoming { headers: &HeaderMap::new(), body: b"\xff\xfe\x00", event_header: None };
    let wanted = "Event type: blob\n\nThe payload is not text: 3 bytes.\n\n---\n\n\
        Full payload available via webhook_get_full_payload tool.";
    let summary = (profile("generic").summarise)(&incoming, Some("blob"));
    assert_eq!((summary.text.as_str(), summary.headline.as_str()), (wanted, "blob: binary, 3 bytes"));
}
