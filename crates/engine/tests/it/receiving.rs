//! From a request to a stored delivery.

use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;
use posthouse_engine::service::PruneInbound;
use posthouse_engine::{CreateSource, ErrorKind, Options, Receipt, Refusal, RotateSource, UpdateSource};
use posthouse_providers::tool::mark;
use posthouse_store::{Accept, Change};
use posthouse_types::{
    Action, ActionId, ActionStatus, AuthMode, InboundDelivery, InboundStatus, Name, SecretText, SessionMode,
    SourceSettings, TypeFilter,
};
use serde_json::{Value, json};

use crate::inbox::{Inbox, SECRET, Sent};
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

/// An action about a delivery, as if an agent had taken it.
async fn acted(world: &World, about: &InboundDelivery, status: ActionStatus, object: Option<&str>) -> Action {
    let action = Action {
        id: ActionId::from_u128(about.id.as_u128() + 1),
        space: world.caller.space,
        delivery: about.id,
        tool: "github_create_review".to_owned(),
        input: "{}".to_owned(),
        output: None,
        status,
        error: None,
        object: object.map(str::to_owned),
        created_at: world.engine.now(),
        updated_at: world.engine.now(),
    };
    let changes = vec![Change::Action(Box::new(action.clone()))];
    let accept = Accept { space: action.space, events: vec![], changes, idempotency: None };
    world.store.accept(accept).await.unwrap();
    action
}

fn told(family: &str, key: &str, body: &Value) -> Sent {
    Sent::new(&[("x-github-event", family), ("x-github-delivery", key)], body.to_string())
}

fn line_comment(key: &str, review: u64, action: &Action) -> Sent {
    let body = json!({
        "action": "created",
        "comment": { "id": 900, "pull_request_review_id": review, "body": format!("Hm.\n\n{}", mark(action.id)) },
        "pull_request": { "number": 7 },
        "repository": { "full_name": "octo-org/hello" },
    });
    told("pull_request_review_comment", key, &body)
}

fn check_run(key: &str, id: u64, action: &Action) -> Sent {
    let body = json!({
        "action": "completed",
        "check_run": { "id": id, "external_id": action.id.to_string() },
        "repository": { "full_name": "octo-org/hello" },
    });
    told("check_run", key, &body)
}

#[tokio::test]
async fn comments_on_lines_of_our_review_are_our_own_doing() {
    only_what_was_made_is_our_own_doing("review", line_comment).await;
}

#[tokio::test]
async fn our_check_runs_are_our_own_doing() {
    only_what_was_made_is_our_own_doing("check_run", check_run).await;
}

/// An event that tells of the very thing an action made is, one with its mark in another thing is not.
async fn only_what_was_made_is_our_own_doing(kind: &str, event: fn(&str, u64, &Action) -> Sent) {
    let world = World::new().await;
    let inbox = world.inbox("github", |_| ()).await;
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    let action = acted(&world, &delivery, ActionStatus::Success, Some(&format!("{kind}:80"))).await;
    let own = world.send(&inbox, &event("own", 80, &action)).await;
    assert!(matches!(own, Ok(Receipt::Filtered { .. })), "{own:?}");
    world.accepted(&inbox, &event("copied", 81, &action)).await;
}

#[tokio::test]
async fn a_mark_alone_suffices_only_until_the_provider_has_answered() {
    for (status, suffices) in [
        (ActionStatus::Running, true),
        (ActionStatus::Unknown, true),
        (ActionStatus::Success, false),
        (ActionStatus::Error, false),
        (ActionStatus::Waiting, false),
        (ActionStatus::Denied, false),
        (ActionStatus::Approved, false),
    ] {
        let world = World::new().await;
        let inbox = world.inbox("github", |_| ()).await;
        let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
        let action = acted(&world, &delivery, status, None).await;
        let receipt = world.send(&inbox, &check_run("two", 4, &action)).await.unwrap();
        assert_eq!(matches!(receipt, Receipt::Filtered { .. }), suffices, "{status:?}");
        world.clock.advance(Duration::from_secs(600));
        world.accepted(&inbox, &check_run("three", 5, &action)).await;
    }
}

#[tokio::test]
async fn little_is_kept_of_a_refused_request() {
    let world = World::new().await;
    let mut inbox = world.inbox("github", |_| ()).await;
    inbox.secret = SecretText::new("another".to_owned());
    let mut forged = Sent::pull_request(7, "abc-1");
    forged.headers.insert("user-agent", HeaderValue::from_bytes(&[0xff; 5_000]).unwrap());
    forged.headers.insert("x-github-hook-id", HeaderValue::from_str(&"9".repeat(5_000)).unwrap());
    for _ in 0..20 {
        forged.headers.append("content-type", HeaderValue::from_static("text/plain"));
    }
    assert!(world.send(&inbox, &forged).await.is_err());
    let kept = world.arrived(&inbox).await.remove(0).headers;
    let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "user-agent"]);
    assert_eq!(kept[0].1, "application/json");
    assert!((250..=256).contains(&kept[1].1.len()), "{}", kept[1].1.len());
}

#[tokio::test]
async fn a_type_is_not_read_from_a_header_that_proves_something() {
    let world = World::new().await;
    let create = async |mode, auth_header: Option<&str>, event_header: &str| {
        let mut settings = SourceSettings::new(Name::parse("Hook").unwrap(), "generic", mode);
        settings.auth_header = auth_header.map(str::to_owned);
        settings.event_header = Some(event_header.to_owned());
        let create = CreateSource { settings, project: None, secret: None, provider_token: None };
        world.engine.create_source(&world.caller, create).await
    };
    for (mode, auth_header, event_header) in [
        (AuthMode::StaticHeader, None, "X-Webhook-Secret"),
        (AuthMode::StaticHeader, Some("x-shared"), "X-Shared"),
        (AuthMode::Bearer, None, "Authorization"),
        (AuthMode::GitlabToken, None, "x-gitlab-token"),
        (AuthMode::GithubHmacSha256, None, "x-hub-signature-256"),
        (AuthMode::StripeWebhookSignature, None, "stripe-signature"),
        (AuthMode::ShopifyHmacSha256, None, "x-shopify-hmac-sha256"),
        (AuthMode::None, None, "cookie"),
    ] {
        let refused = create(mode, auth_header, event_header).await.unwrap_err();
        let ErrorKind::Invalid(fields) = refused.kind else { panic!("{refused:?}") };
        assert_eq!(fields[0].location, "body.event_header", "{event_header}");
    }
    assert!(create(AuthMode::StaticHeader, Some("x-shared"), "x-kind").await.is_ok());
    assert!(create(AuthMode::Bearer, None, "x-shared").await.is_ok());
}

/// Begins to send, and hangs up while the store works on it.
async fn hang_up(world: &World, inbox: &Inbox, sent: &Sent) {
    let mut sending = Box::pin(world.send(inbox, sent));
    let first = std::future::poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_ready())).await;
    assert!(!first, "it was over before one could hang up");
}

#[tokio::test]
async fn who_hangs_up_is_charged_for_what_is_stored_and_not_for_repeats() {
    let world = World::new().await;
    let inbox = world.inbox("github", |settings| settings.rate_limit_per_minute = 3).await;
    world.accepted(&inbox, &Sent::pull_request(1, "one")).await;
    hang_up(&world, &inbox, &Sent::pull_request(1, "one")).await;
    hang_up(&world, &inbox, &Sent::pull_request(2, "two")).await;
    // One more fits once the store has told that the repeat was one.
    let mut third = world.send(&inbox, &Sent::pull_request(3, "three")).await;
    for _ in 0..1_000 {
        if third.is_ok() {
            break;
        }
        third = world.send(&inbox, &Sent::pull_request(3, "three")).await;
    }
    assert!(matches!(third, Ok(Receipt::Accepted { .. })), "{third:?}");
    let keys: Vec<_> =
        world.arrived(&inbox).await.into_iter().filter_map(|delivery| delivery.dedup_key).collect();
    assert!(keys.contains(&"two".to_owned()), "{keys:?}");
    let limited = world.send(&inbox, &Sent::pull_request(4, "four")).await;
    assert!(matches!(limited, Err(Refusal::RateLimited { .. })), "{limited:?}");
}
