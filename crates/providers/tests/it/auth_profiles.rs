//! The small profiles: what they read from requests as their providers document them.

use http::HeaderMap;
use posthouse_providers::{DeliveryKey, Incoming, Reading, Summary, find};
use serde_json::{Value, json};

use crate::auth::header_map;

/// The profiles, each with a request as it is documented: names and values of headers, body.
pub(crate) fn documented() -> Vec<(&'static str, HeaderMap, Value)> {
    vec![
        ("linear", headers(&[("linear-delivery", "234d1a4e"), ("linear-event", "Issue")]), linear_issue()),
        ("linear", headers(&[]), linear_comment()),
        ("pagerduty", headers(&[("x-webhook-id", "01DLOT5K2V7HR1")]), pagerduty_incident()),
        ("pagerduty", headers(&[]), pagerduty_note()),
        (
            "sentry",
            headers(&[
                ("sentry-hook-resource", "issue"),
                ("request-id", "5c8e"),
                ("sentry-hook-timestamp", "1"),
            ]),
            sentry_issue(),
        ),
        ("sentry", headers(&[("sentry-hook-resource", "event_alert")]), sentry_event_alert()),
        ("sentry", headers(&[("sentry-hook-resource", "metric_alert")]), sentry_metric_alert()),
        ("slack", headers(&[]), slack_mention()),
        ("slack", headers(&[]), slack_challenge()),
        (
            "shopify",
            headers(&[
                ("x-shopify-topic", "orders/create"),
                ("x-shopify-webhook-id", "b54557e4"),
                ("x-shopify-shop-domain", "shop.myshopify.com"),
            ]),
            shopify_order(),
        ),
        ("standard_webhooks", headers(&[("webhook-id", "msg_1")]), standard_event()),
    ]
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let owned: Vec<_> = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    header_map(&owned)
}

fn linear_issue() -> Value {
    json!({
        "action": "update",
        "actor": { "id": "b5ea5f1f", "type": "user", "name": "Ada" },
        "createdAt": "2026-01-23T12:53:18.084Z",
        "data": {
            "id": "2174add1", "identifier": "ENG-123", "title": "Crash on start", "description": "It crashes.",
            "state": { "name": "In Progress" }, "priorityLabel": "High", "team": { "key": "ENG", "name": "Engine" },
            "assignee": { "name": "Grace" }
        },
        "updatedFrom": { "updatedAt": "2026-01-23T12:52:18.084Z", "stateId": "a" },
        "url": "https://linear.app/issue/ENG-123",
        "type": "Issue",
        "organizationId": "dead5f1f",
        "webhookTimestamp": 1_767_225_600_000_i64,
        "webhookId": "000042e3"
    })
}

fn linear_comment() -> Value {
    json!({
        "action": "create", "type": "Comment", "actor": { "name": "Ada" }, "webhookTimestamp": 1, "webhookId": "000042e3",
        "data": { "body": "Same here", "issue": { "identifier": "ENG-123", "title": "Crash on start" } }
    })
}

fn pagerduty_incident() -> Value {
    json!({ "event": {
        "id": "01CDGYY5D3", "event_type": "incident.triggered", "resource_type": "incident",
        "occurred_at": "2026-01-02T18:03:02Z", "agent": { "summary": "Ada", "type": "user_reference" },
        "data": {
            "id": "PGR0VU2", "type": "incident", "number": 2, "status": "triggered", "title": "A little bump in the road",
            "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2", "urgency": "high",
            "service": { "summary": "API" }, "priority": { "summary": "P1" },
            "escalation_policy": { "summary": "Default" },
            "assignees": [{ "summary": "Ada" }, { "summary": "Grace" }]
        }
    } })
}

fn pagerduty_note() -> Value {
    json!({ "event": {
        "id": "01CDGYY5D4", "event_type": "incident.annotated",
        "data": {
            "id": "P0LKXJ", "type": "incident_note", "content": "Rolled back",
            "incident": { "id": "PGR0VU2", "summary": "A little bump in the road" }
        }
    } })
}

fn sentry_issue() -> Value {
    json!({
        "action": "created", "actor": { "type": "application", "name": "Sentry" },
        "data": { "issue": {
            "id": "1170820242", "shortId": "FRONT-1", "title": "ReferenceError: heck is not defined", "culprit": "?(a.js)",
            "level": "error", "status": "unresolved", "count": "1", "project": { "slug": "front-end" },
            "web_url": "https://acme.sentry.io/issues/1170820242/"
        } }
    })
}

fn sentry_event_alert() -> Value {
    json!({
        "action": "triggered",
        "data": {
            "event": { "event_id": "e4874d", "issue_id": "1170820242", "title": "ReferenceError", "project": 1 },
            "triggered_rule": "Very Important Alert Rule!"
        }
    })
}

fn sentry_metric_alert() -> Value {
    json!({
        "action": "critical",
        "data": {
            "description_title": "Critical: Too many errors", "description_text": "1000 events in the last 10 minutes",
            "metric_alert": { "id": "4", "identifier": "4" }, "web_url": "https://acme.sentry.io/alerts/4/"
        }
    })
}

fn slack_mention() -> Value {
    json!({
        "type": "event_callback", "team_id": "T123", "event_id": "Ev123", "event_time": 1_767_225_600,
        "event": {
            "type": "app_mention", "user": "U123", "text": "<@U0> hello", "ts": "1767225600.000100", "channel": "C123"
        }
    })
}

fn slack_challenge() -> Value {
    json!({ "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aBm2rZgRNFdxV", "type": "url_verification" })
}

fn shopify_order() -> Value {
    json!({
        "id": 820_982_911_946_154_508_u64, "name": "#9999", "email": "ada@example.com", "total_price": "398.00",
        "currency": "EUR", "financial_status": "paid", "fulfillment_status": null, "test": true,
        "customer": { "first_name": "Ada", "last_name": "L." },
        "line_items": [{ "title": "Cheese", "quantity": 2 }, { "title": "Wine", "quantity": 1 }]
    })
}

fn standard_event() -> Value {
    json!({ "type": "contact.created", "timestamp": "2026-01-03T20:26:10Z", "data": { "id": "1f81eb52" } })
}

fn read(profile: &str, headers: &HeaderMap, body: &Value) -> Reading {
    let body = body.to_string();
    (find(profile).unwrap().read)(&Incoming { headers, body: body.as_bytes(), event_header: None })
}

fn summary(profile: &str, headers: &HeaderMap, body: &Value) -> Summary {
    let event_type = read(profile, headers, body).event_type;
    let body = body.to_string();
    let incoming = Incoming { headers, body: body.as_bytes(), event_header: None };
    (find(profile).unwrap().summarise)(&incoming, event_type.as_deref())
}

#[test]
fn documented_requests_are_read() {
    let expected: [[Option<&str>; 3]; 11] = [
        [Some("Issue.update"), Some("234d1a4e"), Some("linear:ENG-123")],
        [Some("Comment.create"), Some("000042e3:1"), Some("linear:ENG-123")],
        [Some("incident.triggered"), Some("01CDGYY5D3"), Some("pagerduty:PGR0VU2")],
        [Some("incident.annotated"), Some("01CDGYY5D4"), Some("pagerduty:PGR0VU2")],
        [Some("issue.created"), Some("5c8e"), Some("sentry:issue:1170820242")],
        [Some("event_alert.triggered"), None, Some("sentry:issue:1170820242")],
        [Some("metric_alert.critical"), None, Some("sentry:metric_alert:4")],
        [Some("app_mention"), Some("Ev123"), Some("slack:C123:1767225600.000100")],
        [Some("url_verification"), None, None],
        [
            Some("orders.create"),
            Some("b54557e4"),
            Some("shopify:shop.myshopify.com:order:820982911946154508"),
        ],
        [Some("contact.created"), Some("msg_1"), None],
    ];
    let documented = documented();
    assert_eq!(documented.len(), expected.len());
    for ((profile, headers, body), [event_type, key, entity_key]) in documented.iter().zip(expected) {
        let reading = read(profile, headers, body);
        let wanted = Reading {
            event_type: event_type.map(str::to_owned),
            delivery_key: key.map(|key| DeliveryKey::Given(key.to_owned())),
            entity_key: entity_key.map(str::to_owned),
            ..Reading::default()
        };
        assert_eq!(reading, wanted, "{profile}: {body}");
    }
}

/// The documented type stands in the catalogue, for those profiles that have one.
#[test]
fn catalogues_have_the_types_that_are_read() {
    for (profile, headers, body) in documented() {
        let catalogue = find(profile).unwrap().catalogue;
        let families: Vec<_> = catalogue.iter().map(|entry| entry.event_type.split('.').next()).collect();
        let event_type = read(profile, &headers, &body).event_type.unwrap();
        let tests_only = event_type == "url_verification";
        assert!(
            catalogue.is_empty() || tests_only || families.contains(&event_type.split('.').next()),
            "{event_type}"
        );
    }
}

#[test]
fn headlines_tell_what_happened() {
    let headlines: Vec<String> = documented()
        .iter()
        .map(|(profile, headers, body)| summary(profile, headers, body).headline)
        .collect();
    assert_eq!(
        headlines,
        [
            "Linear Issue.update in Engine: Issue ENG-123 \"Crash on start\" by Ada",
            "Linear Comment.create: Comment ENG-123 \"Crash on start\" by Ada",
            "PagerDuty incident.triggered in API: Incident #2: \"A little bump in the road\" by Ada",
            "PagerDuty incident.annotated: Incident: A little bump in the road",
            "Sentry issue.created in front-end: FRONT-1 \"ReferenceError: heck is not defined\" by Sentry",
            "Sentry event_alert.triggered: \"ReferenceError\"",
            "Sentry metric_alert.critical: Critical: Too many errors",
            "Slack app_mention in C123 by U123",
            "Slack url_verification",
            "Shopify orders.create in shop.myshopify.com: #9999",
            "contact.created",
        ]
    );
}

#[test]
fn summaries_hold_the_facts() {
    let facts: [&[&str]; 11] = [
        &[
            "  State: In Progress\n",
            "  Changed: stateId\n",
            "Description:\n  It crashes.\n",
            "  Assignee: Grace\n",
        ],
        &["Comment:\n  Same here\n"],
        &[
            "Service: API\n",
            "  Assignees: Ada, Grace\n",
            "  URL: https://acme.pagerduty.com/incidents/PGR0VU2\n",
        ],
        &["Note:\n  Rolled back\n"],
        &[
            "Project: front-end\n",
            "  Level: error\n",
            "  Seen: 1\n",
            "  URL: https://acme.sentry.io/issues/1170820242/\n",
        ],
        &["  Rule: Very Important Alert Rule!\n"],
        &[
            "Description:\n  1000 events in the last 10 minutes\n",
            "  URL: https://acme.sentry.io/alerts/4/\n",
        ],
        &["Channel: C123\n", "User: U123\n", "Text:\n  <@U0> hello\n"],
        &["Slack event: url_verification\n"],
        &[
            "Total: 398.00 EUR\n",
            "Customer: Ada L.\n",
            "Items: 2\n  2 × Cheese\n  1 × Wine\n",
            "Payment: paid\n",
        ],
        &["Id: msg_1\n", "Timestamp: 2026-01-03T20:26:10Z\n", "    \"id\": \"1f81eb52\"\n"],
    ];
    for ((profile, headers, body), facts) in documented().iter().zip(facts) {
        let text = summary(profile, headers, body).text;
        for fact in facts {
            assert!(text.contains(fact), "{profile}: no {fact:?} in {text}");
        }
    }
}

/// The id that was signed tells a repeat; another one, put beside it, must not hide it.
#[test]
fn a_repeat_is_known_by_the_id_that_was_signed() {
    let key = |pairs: &[(&str, &str)]| {
        let reading = read("standard_webhooks", &headers(pairs), &standard_event());
        reading.delivery_key.map(|key| key.as_str().to_owned())
    };
    let svix = [("svix-id", "msg_1"), ("svix-timestamp", "1"), ("svix-signature", "v1,x")];
    assert_eq!(key(&svix).as_deref(), Some("msg_1"));
    assert_eq!(key(&[svix.as_slice(), &[("webhook-id", "msg_2")]].concat()).as_deref(), Some("msg_1"));
    let both = [svix.as_slice(), &[("webhook-id", "msg_2"), ("webhook-signature", "v1,x")]].concat();
    assert_eq!(key(&both).as_deref(), Some("msg_2"));
    assert_eq!(key(&[("svix-id", "msg_1")]).as_deref(), Some("msg_1"), "unsigned");
    assert_eq!(key(&[]), None);
}

#[test]
fn slack_threads_are_one_thing() {
    let mut reply = slack_mention();
    reply["event"]["ts"] = "1767225700.000200".into();
    reply["event"]["thread_ts"] = "1767225600.000100".into();
    let none = HeaderMap::new();
    assert_eq!(read("slack", &none, &reply).entity_key, read("slack", &none, &slack_mention()).entity_key);
}

#[test]
fn only_a_challenge_is_answered_with_its_text() {
    let answer = |body: &Value| {
        let (body, headers) = (body.to_string(), HeaderMap::new());
        let challenge = find("slack").unwrap().challenge.unwrap();
        challenge(&Incoming { headers: &headers, body: body.as_bytes(), event_header: None })
    };
    assert_eq!(answer(&slack_challenge()).as_deref(), Some("3eZbrw1aBm2rZgRNFdxV"));
    assert_eq!(answer(&slack_mention()), None);
    for (kind, challenge) in [
        (json!("event_callback"), json!("x")),
        (json!("url_verification"), json!("")),
        (json!("url_verification"), json!(7)),
        (json!("url_verification"), json!("two\r\nlines")),
        (json!("url_verification"), json!("x".repeat(513))),
        (Value::Null, json!("x")),
    ] {
        assert_eq!(answer(&json!({ "type": kind, "challenge": challenge })), None, "{kind} {challenge}");
    }
}

#[test]
fn members_of_the_wrong_type_are_not_there() {
    let none = HeaderMap::new();
    let linear =
        read("linear", &none, &json!({ "type": 7, "action": "create", "data": [], "webhookTimestamp": "x" }));
    assert_eq!(linear, Reading::default());
    let action = read("linear", &none, &json!({ "type": "Issue", "action": { "a": 1 } }));
    assert_eq!(action.event_type.as_deref(), Some("Issue"));
    let numbers =
        read("pagerduty", &none, &json!({ "event": { "id": 7, "data": { "incident": { "id": 7 } } } }));
    assert_eq!((numbers.delivery_key, numbers.entity_key.as_deref()), (None, Some("pagerduty:7")));
}
