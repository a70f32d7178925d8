//! From a request to a stored delivery.

use std::time::Duration;

use posthouse_engine::service::PruneInbound;
use posthouse_engine::{Options, Receipt, Refusal, RotateSource, UpdateSource};
use posthouse_types::{InboundStatus, SecretText, SessionMode, TypeFilter};

use crate::inbox::{SECRET, Sent};
use crate::world::World;

fn filter(allow: &[&str], deny: &[&str]) -> TypeFilter {
    let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    TypeFilter::new(texts(allow), texts(deny)).unwrap()
}

#[tokio::test]
async fn what_arrives_is_stored_as_the_profile_reads_it() {
    let world = World::new().await;
    let inbox = world.inbox("github", |settings| settings.session = SessionMode::PerEntity).await;
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "abc-1")).await;
    assert_eq!(delivery.status, InboundStatus::Received);
    assert_eq!(delivery.event_type.as_deref(), Some("pull_request.opened"));
    assert_eq!(delivery.entity_key.as_deref(), Some("github:octo-org/hello:pr:7"));
    assert_eq!(delivery.dedup_key.as_deref(), Some("abc-1"));
    let names: Vec<&str> = delivery.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-github-delivery", "x-github-event"], "and no signature");
    let session = delivery.session.unwrap();
    assert!(session.as_str().ends_with(":github:octo-org~hello:pr:7"), "{session}");
    let source = world.engine.source(&world.caller, inbox.source.into()).await.unwrap().source;
    assert_eq!((source.deliveries, source.last_delivery_at), (1, Some(delivery.received_at)));
}

#[tokio::test]
async fn one_changed_byte_is_refused_and_recorded_with_its_reason() {
    let world = World::new().await;
    let mut inbox = world.inbox("github", |_| ()).await;
    inbox.secret = SecretText::new("another".to_owned());
    let refused = world.send(&inbox, &Sent::pull_request(7, "abc-1")).await;
    assert!(matches!(refused, Err(Refusal::Unauthenticated(_))), "{refused:?}");
    let recorded = world.arrived(&inbox).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].status, InboundStatus::Rejected);
    assert_eq!(recorded[0].reason.as_deref(), Some("wrong_signature"));
    assert_eq!(recorded[0].event_type, None, "nothing is read from what proves nothing");
    assert!(world.engine.inbound_body(&world.caller, recorded[0].id.into()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_flood_of_forged_requests_leaves_few_records() {
    let world = World::new().await;
    let mut inbox = world.inbox("github", |_| ()).await;
    inbox.secret = SecretText::new("another".to_owned());
    for _ in 0..500 {
        assert!(world.send(&inbox, &Sent::pull_request(7, "abc-1")).await.is_err());
    }
    assert_eq!(world.arrived(&inbox).await.len(), 60);
    world.clock.advance(Duration::from_secs(61));
    assert!(world.send(&inbox, &Sent::pull_request(7, "abc-1")).await.is_err());
    assert_eq!(world.arrived(&inbox).await.len(), 61, "a minute later there is room again");
}

#[tokio::test]
async fn filtered_and_repeated_requests_do_not_count_against_the_limits() {
    let world = World::with(Options { ingest_global_per_minute: 3, ..Options::default() }).await;
    let inbox = world
        .inbox("github", |settings| {
            settings.rate_limit_per_minute = 2;
            settings.events = filter(&["pull_request"], &[]);
        })
        .await;
    let first = world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    for _ in 0..5 {
        let repeated = world.send(&inbox, &Sent::pull_request(1, "one")).await.unwrap();
        assert_eq!(repeated, Receipt::Deduplicated { existing: first.number });
        let filtered = world.send(&inbox, &Sent::comment(1, 1, "hello")).await.unwrap();
        assert_eq!(filtered, Receipt::Filtered { event_type: Some("issue_comment.created".to_owned()) });
    }
    world.accepted(&inbox, &Sent::pull_request(2, "two")).await;
    let limited = world.send(&inbox, &Sent::pull_request(3, "three")).await;
    let Err(Refusal::RateLimited { retry_after }) = limited else { panic!("{limited:?}") };
    assert!(retry_after <= Duration::from_millis(60_100), "{retry_after:?}");
    let repeated = world.send(&inbox, &Sent::pull_request(1, "one")).await.unwrap();
    assert_eq!(repeated, Receipt::Deduplicated { existing: first.number }, "at the limit as well");
    // The limit over all sources.
    let other = world.inbox("generic", |_| ()).await;
    assert!(world.send(&other, &Sent::new(&[("x-delivery-id", "1")], "{}")).await.is_ok());
    let limited = world.send(&other, &Sent::new(&[("x-delivery-id", "2")], "{}")).await;
    assert!(matches!(limited, Err(Refusal::RateLimited { .. })), "{limited:?}");
    world.clock.advance(retry_after);
    world.accepted(&inbox, &Sent::pull_request(3, "three")).await;
    let statuses: Vec<_> = world.arrived(&inbox).await.iter().map(|delivery| delivery.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == InboundStatus::Deduplicated).count(), 6);
    assert_eq!(statuses.iter().filter(|status| **status == InboundStatus::Filtered).count(), 5);
    assert_eq!(statuses.iter().filter(|status| **status == InboundStatus::Rejected).count(), 1);
}

#[tokio::test]
async fn equal_bodies_without_a_key_are_repeats_for_a_while() {
    let world = World::new().await;
    let inbox = world.inbox("generic", |_| ()).await;
    let sent = Sent::new(&[], r#"{"alert":"disk"}"#);
    world.accepted(&inbox, &sent).await;
    assert!(matches!(world.send(&inbox, &sent).await, Ok(Receipt::Deduplicated { .. })));
    world.clock.advance(Duration::from_secs(301));
    world.accepted(&inbox, &sent).await;
    let never = world.inbox("generic", |settings| settings.dedup_by_body_s = 0).await;
    world.accepted(&never, &sent).await;
    world.accepted(&never, &sent).await;
}

#[tokio::test]
async fn old_and_new_secret_are_taken_until_the_overlap_ends() {
    let world = World::new().await;
    let mut inbox = world.inbox("github", |_| ()).await;
    let rotate = RotateSource { secret: None, overlap: Some(Duration::from_secs(60)) };
    let rotated =
        world.engine.rotate_source_secret(&world.caller, inbox.source.into(), rotate).await.unwrap();
    let detail = world.engine.source(&world.caller, inbox.source.into()).await.unwrap();
    let old = world.open_inbox(&detail);
    inbox = world.open_inbox(&detail);
    inbox.secret = rotated.secret;
    world.accepted(&old, &Sent::pull_request(1, "one")).await;
    world.accepted(&inbox, &Sent::pull_request(2, "two")).await;
    world.clock.advance(Duration::from_secs(60));
    let refused = world.send(&old, &Sent::pull_request(3, "three")).await;
    assert!(matches!(refused, Err(Refusal::Unauthenticated(_))), "{refused:?}");
    world.accepted(&inbox, &Sent::pull_request(3, "three")).await;
}

#[tokio::test]
async fn a_source_that_is_off_has_no_door_and_keeps_its_history() {
    let world = World::new().await;
    let inbox = world.inbox("github", |_| ()).await;
    world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    let detail = world.engine.source(&world.caller, inbox.source.into()).await.unwrap();
    let off =
        UpdateSource { settings: &|settings| settings.enabled = false, secret: None, provider_token: None };
    world.engine.update_source(&world.caller, inbox.source.into(), off).await.unwrap();
    assert!(world.engine.door(detail.source.public_id).is_none());
    assert_eq!(world.arrived(&inbox).await.len(), 1);
    let on =
        UpdateSource { settings: &|settings| settings.enabled = true, secret: None, provider_token: None };
    world.engine.update_source(&world.caller, inbox.source.into(), on).await.unwrap();
    world.accepted(&world.open_inbox(&detail), &Sent::pull_request(2, "two")).await;
}

#[tokio::test]
async fn sources_survive_a_restart_with_their_secrets() {
    let world = World::new().await;
    let inbox = world.inbox("github", |_| ()).await;
    let detail = world.engine.source(&world.caller, inbox.source.into()).await.unwrap();
    let world = world.restart().await;
    let inbox = world.open_inbox(&detail);
    world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    let secret = world.engine.source_secret(&world.caller, inbox.source.into()).await.unwrap();
    assert_eq!(secret.expose(), SECRET);
}

#[tokio::test]
async fn addresses_are_admitted_by_network() {
    let world = World::new().await;
    let inbox = world
        .inbox("github", |settings| {
            settings.allowed_cidrs = vec!["192.0.2.0/24".to_owned(), "2001:db8::1".to_owned()];
        })
        .await;
    for (address, admitted) in [
        ("192.0.2.9", true),
        ("::ffff:192.0.2.9", true),
        ("2001:db8::1", true),
        ("2001:db8::2", false),
        ("198.51.100.1", false),
    ] {
        assert_eq!(inbox.door.admits(Some(address.parse().unwrap())), admitted, "{address}");
    }
    assert!(!inbox.door.admits(None));
}

#[tokio::test]
async fn bodies_deliveries_and_sessions_go_when_their_time_is_over() {
    let world = World::new().await;
    let inbox = world.inbox("github", |_| ()).await;
    let delivery = world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    world.work().await;
    let session = delivery.session.clone().unwrap();
    let day = Duration::from_secs(24 * 3600);
    let prune = async || while PruneInbound::new(world.engine.clone()).step().await.unwrap().did > 0 {};
    let body = async || world.engine.inbound_body(&world.caller, delivery.id.into()).await;
    world.clock.advance(day * 6);
    prune().await;
    assert!(body().await.unwrap().is_some());
    world.clock.advance(day * 2);
    prune().await;
    assert!(body().await.unwrap().is_none());
    let detail = world.engine.inbound_delivery(&world.caller, delivery.id.into()).await.unwrap();
    assert_eq!((detail.delivery.status, detail.normalized), (InboundStatus::Completed, None));
    assert!(world.engine.rerun_inbound(&world.caller, delivery.id.into()).await.is_err(), "there is no body");
    world.clock.advance(day * 23);
    prune().await;
    assert!(world.arrived(&inbox).await.is_empty());
    assert_eq!(world.said(&session).await.len(), 2, "sessions outlive deliveries");
    world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    world.clock.advance(day * 61);
    prune().await;
    assert!(world.engine.session(&world.caller, &session).await.is_err());
    assert_eq!(world.arrived(&inbox).await.len(), 1, "what has not ended stays");
}
