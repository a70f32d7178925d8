//! Keys: made, believed, limited, removed.

use std::num::NonZeroU32;
use std::time::Duration;

use posthouse_engine::{CreateKey, ErrorKind, IdSource, KeyLimit, Options, create_first_key};
use posthouse_types::{Capabilities, Capability, Environment, KeyStyle, Name};

use crate::world::World;

fn create(capabilities: Capabilities) -> CreateKey {
    CreateKey {
        name: Name::parse("k").unwrap(),
        environment: Environment::Live,
        capabilities,
        project: None,
        style: KeyStyle::Posthouse,
    }
}

#[tokio::test]
async fn a_key_opens_its_space_until_it_is_removed() {
    let world = World::new().await;
    let created = world.engine.create_key(&world.caller, create(Capabilities::ALL)).await.unwrap();
    assert!(created.key.expose().starts_with("sk_live_"));
    let caller = world.engine.authenticate(created.key.expose()).await.unwrap();
    assert_eq!(caller.space, created.record.space);
    world.engine.delete_key(&world.caller, created.record.id).await.unwrap();
    let refused = world.engine.authenticate(created.key.expose()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn a_key_removed_by_another_process_is_believed_for_a_second_only() {
    let world = World::new().await;
    let created = world.engine.create_key(&world.caller, create(Capabilities::ALL)).await.unwrap();
    world.engine.authenticate(created.key.expose()).await.unwrap();
    world.store.delete_key(world.caller.space.tenant, created.record.id).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert!(world.engine.authenticate(created.key.expose()).await.is_err());
}

#[tokio::test]
async fn keys_stay_within_what_the_asking_key_governs() {
    let world = World::new().await;
    let live = create(Capabilities::ALL);
    let test = CreateKey { environment: Environment::Test, ..live.clone() };
    let test = world.engine.create_key(&world.caller, test).await.expect("a live key makes test keys");
    let test = world.engine.authenticate(test.key.expose()).await.unwrap();
    let refused = world.engine.create_key(&test, live.clone()).await.unwrap_err();
    assert!(refused.detail.starts_with("body.environment"), "{refused}");
    let project =
        world.engine.create_project(&world.caller, None, Name::parse("p").unwrap()).await.unwrap().id;
    let other = world.engine.create_key(&world.caller, live.clone()).await.unwrap();
    let limited =
        world.engine.create_key(&world.caller, CreateKey { project: Some(project), ..live }).await.unwrap();
    let limited = world.engine.authenticate(limited.key.expose()).await.unwrap();
    let page = posthouse_types::PageRequest { limit: 10, after: None };
    let seen = world.engine.keys(&limited, page).await.unwrap().items;
    assert_eq!(seen.iter().map(|key| key.id).collect::<Vec<_>>(), [limited.key]);
    let refused = world.engine.delete_key(&limited, other.record.id).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    let refused = world.engine.delete_key(&test, other.record.id).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound, "nor does a test key reach a live one");
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let world = World::new().await;
    let created = world.engine.create_key(&world.caller, create(Capabilities::ALL)).await.unwrap();
    let caller = world.engine.authenticate(created.key.expose()).await.unwrap();
    let mut stream = world.engine.stream(&caller, None).await.unwrap();
    let event = world.publish("a").await;
    assert_eq!(stream.next().await.unwrap()[0].public_id().to_string(), event.id);
    world.engine.delete_key(&world.caller, created.record.id).await.unwrap();
    world.publish("a").await;
    assert_eq!(stream.next().await.unwrap_err().kind, ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn no_key_makes_one_that_may_do_more() {
    let world = World::new().await;
    let mut admin = world.caller.clone();
    admin.capabilities = [Capability::Admin, Capability::Read].into_iter().collect();
    let refused = world.engine.create_key(&admin, create(Capabilities::ALL)).await.unwrap_err();
    assert!(matches!(refused.kind, ErrorKind::Invalid(_)));
    let lesser = [Capability::Read].into_iter().collect();
    assert!(world.engine.create_key(&admin, create(lesser)).await.is_ok());
}

#[tokio::test]
async fn requests_past_the_limit_are_told_when_to_come_back() {
    let one = NonZeroU32::MIN;
    let limit = KeyLimit { per_second: one, burst: NonZeroU32::new(2).unwrap() };
    let world = World::with(Options { key_limit: limit, ..Options::default() }).await;
    let ids = IdSource::new(world.clock.clone());
    let tenant = Name::parse("acme").unwrap();
    let created =
        create_first_key(&*world.store, &ids, tenant, create(Capabilities::ALL), world.engine.now())
            .await
            .unwrap();
    for _ in 0..2 {
        world.engine.authenticate(created.key.expose()).await.unwrap();
        // Looking the key up again must not refill its allowance.
        world.clock.advance(Duration::from_secs(2));
    }
    let refused = world.engine.authenticate(created.key.expose()).await.unwrap_err();
    assert!(matches!(refused.kind, ErrorKind::RateLimited { retry_after } if retry_after > Duration::ZERO));
}
