//! Changes with a secret in their answer are made once; one endpoint for an event type stays one.

use std::time::Duration;

use posthouse_engine::{
    CreateEndpoint, CreateSession, EndpointQuery, ErrorKind, NewSecret, PutEndpoint, Repeatable, Rotate,
};
use posthouse_types::{
    Capability, EndpointId, EndpointUrl, EventFilter, EventType, Headers, IdempotencyKey, SessionId,
    Settings, Wire,
};

use crate::world::World;

fn key(text: &str, print: u8) -> Repeatable {
    (IdempotencyKey::parse(text).unwrap(), [print; 32])
}

fn put(url: &str) -> PutEndpoint {
    PutEndpoint {
        wire: Wire::Sonzai,
        project: None,
        event_type: EventType::parse("session.end").unwrap(),
        url: EndpointUrl::parse(url).unwrap(),
        headers: Headers::default(),
    }
}

async fn webhooks(world: &World) -> Vec<String> {
    let query = EndpointQuery { session: Some(None), one_type: true, ..EndpointQuery::of(Wire::Sonzai) };
    let found = world.engine.find_endpoints(&world.caller, Capability::Read, &query).await.unwrap();
    found.iter().map(|detail| detail.endpoint.settings.url.as_str().to_owned()).collect()
}

async fn first_id(world: &World) -> EndpointId {
    let query = EndpointQuery::of(Wire::Sonzai);
    let found = world.engine.find_endpoints(&world.caller, Capability::Read, &query).await.unwrap();
    found[0].endpoint.id
}

#[tokio::test]
async fn a_rotation_repeated_is_made_once() {
    let world = World::new().await;
    world.engine.put_endpoint(&world.caller, put("https://a.example/"), None).await.unwrap();
    let id = first_id(&world).await;
    let rotate =
        async |key| world.engine.rotate_secret(&world.caller, id, Rotate::default(), Some(key)).await;
    let first = rotate(key("k", 1)).await.unwrap().secret;
    assert_eq!(rotate(key("k", 1)).await.unwrap().secret, first);
    assert_eq!(world.engine.endpoint_secret(&world.caller, id).await.unwrap(), first);
    assert_eq!(rotate(key("k", 2)).await.unwrap_err().kind, ErrorKind::IdempotencyKeyReused);
    let (one, two) = tokio::join!(rotate(key("m", 1)), rotate(key("m", 1)));
    assert_eq!(one.unwrap().secret, two.unwrap().secret, "also at the same moment");
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_ne!(rotate(key("k", 2)).await.unwrap().secret, first, "after a day the key is free");
}

#[tokio::test]
async fn a_put_registers_once_and_then_replaces() {
    let world = World::new().await;
    let put = async |url, key| world.engine.put_endpoint(&world.caller, put(url), key).await;
    let (one, two) = tokio::join!(put("https://a.example/", None), put("https://a.example/", None));
    assert_eq!([one.unwrap(), two.unwrap()].iter().flatten().count(), 1, "one is told the secret");
    assert_eq!(put("https://b.example/", Some(key("k", 1))).await.unwrap(), None);
    assert_eq!(webhooks(&world).await, ["https://b.example/"]);
    assert_eq!(put("https://c.example/", None).await.unwrap(), None);
    assert_eq!(put("https://b.example/", Some(key("k", 1))).await.unwrap(), None, "repeated late");
    assert_eq!(webhooks(&world).await, ["https://c.example/"], "it undoes nothing");
    let reused = put("https://d.example/", Some(key("k", 2))).await.unwrap_err();
    assert_eq!(reused.kind, ErrorKind::IdempotencyKeyReused);
}

#[tokio::test]
async fn a_put_that_hangs_up_and_comes_again_registers_one() {
    let world = World::new().await;
    tokio::select! {
        biased;
        _ = world.engine.put_endpoint(&world.caller, put("https://a.example/"), None) => {}
        () = std::future::ready(()) => {}
    }
    world.engine.put_endpoint(&world.caller, put("https://a.example/"), None).await.unwrap();
    assert_eq!(webhooks(&world).await.len(), 1);
}

#[tokio::test]
async fn what_was_registered_and_removed_can_be_registered_again_with_its_key() {
    let world = World::new().await;
    let put =
        async || world.engine.put_endpoint(&world.caller, put("https://a.example/"), Some(key("k", 1))).await;
    let first = put().await.unwrap();
    assert_eq!(put().await.unwrap(), first, "the secret is told again");
    world.engine.delete_endpoint(&world.caller, first_id(&world).await).await.unwrap();
    let second = put().await.unwrap();
    assert!(second.is_some() && second != first);
    assert_eq!(webhooks(&world).await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_of_a_session_is_not_the_one_for_an_event_type() {
    let world = World::new().await;
    let session = SessionId::parse("s1").unwrap();
    let create = CreateSession { id: Some(session.clone()), ..CreateSession::default() };
    world.engine.create_session(&world.caller, create).await.unwrap();
    let mut settings = Settings::new(EndpointUrl::parse("https://native.example/").unwrap(), Wire::Sonzai);
    settings.events = EventFilter::only(EventType::parse("session.end").unwrap());
    let create = CreateEndpoint {
        settings,
        project: None,
        session: Some(session),
        secret: NewSecret::Make,
        headers: Headers::default(),
    };
    world.engine.create_endpoint(&world.caller, create, None).await.unwrap();
    let told = world.engine.put_endpoint(&world.caller, put("https://a.example/"), None).await.unwrap();
    assert!(told.is_some(), "it is new");
    assert_eq!(webhooks(&world).await, ["https://a.example/"]);
    assert_eq!(world.publish("session.end").await.deliveries, 1);
}
