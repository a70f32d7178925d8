//! Samples against the profiles that are to read them.

use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::sample::{Sample, events, sample};
use posthouse_providers::tool::{Context, find as find_tool};
use posthouse_providers::{Incoming, Profile, Reading, find};
use posthouse_types::{ActionId, SecretText, TypeFilter};
use serde_json::{Value, json};

const PROFILES: [&str; 4] = ["generic", "github", "gitlab", "stripe"];

fn headers(sample: &Sample) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
    };
    sample.headers.iter().map(header).collect()
}

fn read(profile: &Profile, sample: &Sample) -> Reading {
    let headers = headers(sample);
    (profile.read)(&Incoming { headers: &headers, body: sample.body.as_bytes(), event_header: None })
}

/// A box that people tick for a family, `note`, stands for all its types, `note.create`: as it does in a filter.
#[test]
fn every_event_of_every_catalogue_has_a_sample_that_reads_as_it() {
    for name in PROFILES {
        let profile = find(name).unwrap();
        let catalogue: Vec<&str> = profile.catalogue.iter().map(|entry| entry.event_type).collect();
        for event in catalogue.iter().chain(events(name)) {
            let sample = sample(name, event, "1").unwrap_or_else(|| panic!("no sample for {name} {event}"));
            let read = read(profile, &sample).event_type.unwrap();
            let filter = TypeFilter::new(vec![(*event).to_owned()], vec![]).unwrap();
            assert!(filter.admits(Some(&read)), "{name} {event} is read as {read}");
        }
        assert!(catalogue.is_empty() || catalogue.len() == events(name).len(), "{name}");
    }
}

#[test]
fn samples_differ_in_their_keys() {
    for name in PROFILES {
        let profile = find(name).unwrap();
        let prefix = if name == "stripe" { "evt_" } else { "" };
        for event in events(name) {
            let key = |unique| {
                let reading = read(profile, &sample(name, event, unique).unwrap());
                reading.delivery_key.unwrap().as_str().to_owned()
            };
            assert_eq!(key("first-1"), format!("{prefix}first-1"), "{name} {event}");
            assert_eq!(key("second-2"), format!("{prefix}second-2"), "{name} {event}");
        }
    }
}

#[test]
fn bodies_are_json_with_nothing_left_open() {
    for name in PROFILES {
        for event in events(name) {
            let sample = sample(name, event, r#"a"b\c"#).unwrap();
            assert!(serde_json::from_str::<Value>(&sample.body).unwrap().is_object(), "{name} {event}");
            assert!(!sample.body.contains("{unique}") && !sample.body.contains("{event}"), "{name} {event}");
            assert_eq!(headers(&sample).len(), sample.headers.len(), "{name} {event}");
        }
    }
}

#[test]
fn the_generic_profile_takes_any_type() {
    let sample = sample("generic", "alert.fired", "a1").unwrap();
    let reading = read(find("generic").unwrap(), &sample);
    assert_eq!(reading.event_type.as_deref(), Some("alert.fired"));
    let body: Value = serde_json::from_str(&sample.body).unwrap();
    assert_eq!((&body["event"], &body["id"]), (&json!("alert.fired"), &json!("a1")));
}

#[test]
fn what_there_is_no_sample_of() {
    assert_eq!(sample("github", "star.created", "1"), None);
    assert_eq!(sample("linear", "Issue.create", "1"), None);
    assert!(events("linear").is_empty());
    for (event, unique) in [("a\nb", "1"), ("a", "1\r\nX-Evil: 1"), ("", "1"), (" ", "1"), ("a", "")] {
        assert_eq!(sample("generic", event, unique), None, "{event:?} {unique:?}");
    }
}

/// Whoever tries a source out can try its tools as well.
#[test]
fn samples_name_the_place_that_tools_act_in() {
    let token = SecretText::new("token".to_owned());
    for (name, tool, arguments, place) in [
        (
            "github",
            "github_post_comment",
            json!({ "number": 42, "body": "x" }),
            "https://api.github.com/repos/octo-org/hello-world/issues/42/comments",
        ),
        (
            "gitlab",
            "gitlab_post_comment",
            json!({ "target": "mr", "iid": 15, "body": "x" }),
            "https://gitlab.com/api/v4/projects/15/merge_requests/15/notes",
        ),
    ] {
        let tools = find(name).unwrap().tools;
        let tool = find_tool(tools, tool).unwrap();
        for event in events(name) {
            let payload: Value = serde_json::from_str(&sample(name, event, "1").unwrap().body).unwrap();
            let action = ActionId::from_u128(1);
            let context = Context { payload: &payload, base_url: None, token: &token, action, made: &[] };
            let calls = (tool.prepare)(&context, &arguments).unwrap();
            assert_eq!(calls[0].uri, place, "{name} {event}");
        }
    }
    let stripe = find("stripe").unwrap().tools;
    let payload = sample("stripe", "payment_intent.succeeded", "1").unwrap().body;
    let payload: Value = serde_json::from_str(&payload).unwrap();
    let action = ActionId::from_u128(1);
    let context = Context { payload: &payload, base_url: None, token: &token, action, made: &[] };
    let refund = find_tool(stripe, "stripe_issue_refund").unwrap();
    assert!((refund.prepare)(&context, &json!({ "charge": "ch_SampleCharge01" })).is_ok());
}
