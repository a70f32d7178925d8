//! Whatever a model answers, a run ends with an answer or an error.

use std::sync::Arc;

use posthouse_agents::RunnersOptions;
use posthouse_egress::SendReport;
use posthouse_testkit::{ScriptedSender, answer};
use posthouse_types::Outcome;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::protocols::{ALL, Protocol};
use crate::support::{llm, options, reply};

fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(u64::MAX)),
        Just(json!(1.5e300)),
        Just(json!("")),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
        Just(json!({ "type": "tool_use", "text": 7 })),
        ".{0,8}".prop_map(Value::from),
    ]
}

/// The places of a document, parents before children.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(at_, value)| places(value, &format!("{at}/{at_}"), found));
        }
        _ => {}
    }
}

fn report(body: Vec<u8>) -> SendReport {
    SendReport { response_body: body.into(), ..answer(Outcome::Delivered { status: 200 }) }
}

fn ends(protocol: &Protocol, bodies: Vec<Vec<u8>>) {
    let sender = Arc::new(ScriptedSender::default());
    sender.script(bodies.into_iter().map(report));
    let options = RunnersOptions { sender, ..options() };
    let mut run = llm(protocol.provider, "http://127.0.0.1:9");
    run.agent.limits.turns = 3;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // An answer or an error; what would fail the test is a panic.
    drop(runtime.block_on(reply(options, run, &Arc::default())));
}

#[test]
fn answers_that_count_more_than_there_is() {
    for protocol in ALL {
        let mut answer = (protocol.says)("Fine.").to_string();
        for count in ["19", "10", "29"] {
            answer = answer.replace(&format!(":{count}"), &format!(":{}", u64::MAX));
        }
        assert!(answer.contains(&u64::MAX.to_string()));
        ends(&protocol, vec![answer.into_bytes()]);
    }
}

proptest! {
    #[test]
    fn answers_with_strange_parts(
        protocol in 0..ALL.len(),
        parts in prop::collection::vec((any::<prop::sample::Index>(), strange()), 1..4),
        calls in any::<bool>(),
    ) {
        let protocol = &ALL[protocol];
        let good =
            if calls { (protocol.calls)(&[("look_up", 1), ("fail", 2)]) } else { (protocol.says)("Fine.") };
        let mut bad = good.clone();
        for (place, part) in parts {
            let mut found = Vec::new();
            places(&bad, "", &mut found);
            *bad.pointer_mut(&found[place.index(found.len())]).unwrap() = part;
        }
        let bytes = |value: &Value| value.to_string().into_bytes();
        ends(protocol, vec![bytes(&bad), bytes(&bad), bytes(&good)]);
    }

    #[test]
    fn answers_with_strange_bytes(
        protocol in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
    ) {
        let protocol = &ALL[protocol];
        let mut body = (protocol.calls)(&[("look_up", 1)]).to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        ends(protocol, vec![body.clone(), body[..end.index(body.len())].to_vec()]);
    }
}
