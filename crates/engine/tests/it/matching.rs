//! Who gets an event, and the answer to why.

use posthouse_engine::{CreateEndpoint, CreateSession, NewSecret, Verdict};
use posthouse_types::{
    EndpointUrl, EventFilter, EventPattern, EventRef, Headers, PayloadFilter, ProjectId, SessionId, Settings,
    Wire,
};
use serde_json::json;

use crate::world::World;

fn wants(patterns: &[&str]) -> EventFilter {
    EventFilter::new(patterns.iter().map(|pattern| EventPattern::parse(pattern).unwrap())).unwrap()
}

#[tokio::test]
async fn type_filters_match_and_several_hits_are_one_delivery() {
    let world = World::new().await;
    let cases: [(&[&str], u32); 5] = [
        (&["*"], 1),
        (&["message.*", "message.created"], 1),
        (&["message.created.*"], 0),
        (&["message"], 0),
        (&["message.created", "*"], 1),
    ];
    for (patterns, expected) in cases {
        let endpoint = world.endpoint(|settings| settings.events = wants(patterns)).await;
        assert_eq!(world.publish("message.created").await.deliveries, expected, "{patterns:?}");
        world.engine.delete_endpoint(&world.caller, endpoint.id).await.unwrap();
        assert_eq!(world.publish("message.created").await.deliveries, 0, "{patterns:?} deleted");
    }
}

#[tokio::test]
async fn payload_filters_are_applied() {
    let world = World::new().await;
    let conditions = json!({"/status": "done"}).as_object().unwrap().clone();
    world.endpoint(|settings| settings.filter = Some(PayloadFilter::try_from(conditions).unwrap())).await;
    assert_eq!(world.publish_with("a", r#"{"status":"done"}"#, |_| ()).await.deliveries, 1);
    assert_eq!(world.publish_with("a", r#"{"status":"open"}"#, |_| ()).await.deliveries, 0);
}

#[tokio::test]
async fn scopes_narrow_and_explain_says_why() {
    let world = World::new().await;
    let name = posthouse_types::Name::parse("p").unwrap();
    let project = world.engine.create_project(&world.caller, None, name).await.unwrap().id;
    let session = SessionId::parse("s-1").unwrap();
    let create = CreateSession { id: Some(session.clone()), ..CreateSession::default() };
    world.engine.create_session(&world.caller, create).await.unwrap();
    let mut ids = Vec::new();
    for (project, session) in [
        (None, None),
        (Some(project), None),
        (None, Some(session.clone())),
        (Some(project), Some(session.clone())),
    ] {
        let create = CreateEndpoint {
            settings: Settings::new(EndpointUrl::parse("https://example.com/").unwrap(), Wire::Standard),
            project,
            session,
            secret: NewSecret::Make,
            headers: Headers::default(),
        };
        ids.push(world.engine.create_endpoint(&world.caller, create, None).await.unwrap().0.endpoint.id);
    }
    let publish = |project: Option<ProjectId>, session: Option<SessionId>| {
        world.publish_with("a", "{}", move |publish| {
            publish.project = project;
            publish.session = session;
        })
    };
    assert_eq!(publish(None, None).await.deliveries, 1);
    assert_eq!(publish(Some(project), None).await.deliveries, 2);
    assert_eq!(publish(Some(project), Some(session.clone())).await.deliveries, 4);
    let event = publish(None, Some(session)).await;
    assert_eq!(event.deliveries, 2);
    let reference: EventRef = event.id.parse().unwrap();
    let (_, explained) = world.engine.explain(&world.caller, &reference).await.unwrap();
    let verdict = |index: usize| explained.iter().find(|row| row.endpoint == ids[index]).unwrap().verdict;
    assert_eq!(
        [verdict(0), verdict(1), verdict(2), verdict(3)],
        [Verdict::Waiting, Verdict::Scope, Verdict::Waiting, Verdict::Scope]
    );
    let late = world.endpoint(|_| ()).await;
    let (_, explained) = world.engine.explain(&world.caller, &reference).await.unwrap();
    assert_eq!(explained.iter().find(|row| row.endpoint == late.id).unwrap().verdict, Verdict::Missed);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_store_and_memory_alike() {
    let world = World::new().await;
    let settings = Settings::new(EndpointUrl::parse("https://example.com/").unwrap(), Wire::Standard);
    let create = CreateEndpoint {
        settings,
        project: None,
        session: None,
        secret: NewSecret::Make,
        headers: Headers::default(),
    };
    tokio::select! {
        biased;
        _ = world.engine.create_endpoint(&world.caller, create, None) => {}
        () = std::future::ready(()) => {}
    }
    // Takes its turn after the one that was let down.
    world.endpoint(|_| ()).await;
    let page = posthouse_types::PageRequest { limit: 10, after: None };
    let stored = world.engine.endpoints(&world.caller, page).await.unwrap().items.len();
    assert_eq!(usize::try_from(world.publish("a").await.deliveries).unwrap(), stored);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_even_when_it_would_be_refused_now() {
    let world = World::new().await;
    let publish = posthouse_engine::Publish {
        event_type: "order.placed".parse().unwrap(),
        payload: bytes::Bytes::from_static(b"{}"),
        session: None,
        project: None,
        ordering_key: None,
        occurred_at: None,
        external_id: None,
    };
    let repeatable = || Some((posthouse_types::IdempotencyKey::parse("k").unwrap(), [7; 32]));
    let first = world
        .engine
        .publish(&world.caller, vec![publish.clone()], repeatable(), |_| "body".into())
        .await
        .unwrap();
    let put = posthouse_engine::PutEventType {
        event_type: "order.placed".parse().unwrap(),
        description: String::new(),
        schema: Some(json!({"required": ["id"]})),
    };
    world.engine.put_event_type(&world.caller, put).await.unwrap();
    let again =
        world.engine.publish(&world.caller, vec![publish], repeatable(), |_| "body".into()).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.events, first.events);
}

#[tokio::test]
async fn schemas_are_enforced_at_publish() {
    let world = World::new().await;
    let put = posthouse_engine::PutEventType {
        event_type: "order.placed".parse().unwrap(),
        description: String::new(),
        schema: Some(
            json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}),
        ),
    };
    world.engine.put_event_type(&world.caller, put).await.unwrap();
    world.publish_with("order.placed", r#"{"id":1}"#, |_| ()).await;
    let bad = posthouse_engine::Publish {
        event_type: "order.placed".parse().unwrap(),
        payload: bytes::Bytes::from_static(br#"{"id":"x"}"#),
        session: None,
        project: None,
        ordering_key: None,
        occurred_at: None,
        external_id: None,
    };
    let error =
        world.engine.publish(&world.caller, vec![bad.clone()], None, |_| "body".into()).await.unwrap_err();
    assert!(error.detail.starts_with("body.payload.id: "), "{error}");
    let world = world.restart().await;
    assert!(
        world.engine.publish(&world.caller, vec![bad], None, |_| "body".into()).await.is_err(),
        "after a restart too"
    );
}
