//! Ordering: with a key, the next waits until the one before it has ended.

use std::time::Duration;

use posthouse_egress::SendRequest;
use posthouse_engine::Publish;
use posthouse_testkit::answer;
use posthouse_types::retry::{Schedule, Steps};
use posthouse_types::{Ordering, OrderingKey, Outcome, RetryPolicy, SessionId, Settings};

use crate::world::World;

fn in_session(id: &'static str) -> impl Fn(&mut Publish) {
    move |publish| publish.session = Some(SessionId::parse(id).unwrap())
}

fn payloads(sent: &[SendRequest]) -> Vec<&str> {
    sent.iter().map(|request| std::str::from_utf8(&request.body).unwrap()).collect()
}

#[tokio::test]
async fn events_of_a_session_wait_for_each_other_and_for_no_one_else() {
    let mut world = World::new().await;
    world.endpoint(|settings| settings.ordering = Ordering::Session).await;
    world.sender.script([answer(Outcome::Timeout)]);
    world.publish_with("a", "1", in_session("s1")).await;
    world.drain().await;
    world.publish_with("a", "2", in_session("s1")).await;
    world.publish_with("a", "3", in_session("s2")).await;
    world.publish_with("a", "4", |_| ()).await;
    let mut sent = world.drain().await;
    sent.sort_by(|a, b| a.body.cmp(&b.body));
    assert_eq!(payloads(&sent), ["3", "4"], "others overtake");
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(payloads(&world.drain().await), ["1", "2"]);
}

#[tokio::test]
async fn a_dead_delivery_lets_the_next_go() {
    let mut world = World::new().await;
    let steps = Steps { delay_s: 60, attempts: 3, cap_s: 60 };
    let policy = RetryPolicy::new(Schedule::Constant(steps), Some(0.0)).unwrap();
    let ordered = |settings: &mut Settings| {
        settings.ordering = Ordering::Endpoint;
        settings.retry_policy = policy;
    };
    world.endpoint(ordered).await;
    world.sender.script(vec![answer(Outcome::Refused { status: 500 }); 3]);
    world.publish_with("a", "1", |_| ()).await;
    world.publish_with("a", "2", |_| ()).await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.extend(payloads(&world.drain().await).into_iter().map(str::to_owned));
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(order, ["1", "1", "1", "2"]);
}

#[tokio::test]
async fn ordering_keys_make_lanes_of_their_own() {
    let mut world = World::new().await;
    world.endpoint(|settings| settings.ordering = Ordering::Session).await;
    world.sender.script([answer(Outcome::Timeout)]);
    let keyed =
        |key: &'static str| move |p: &mut Publish| p.ordering_key = Some(OrderingKey::parse(key).unwrap());
    world.publish_with("a", "1", keyed("x")).await;
    world.drain().await;
    world.publish_with("a", "2", keyed("y")).await;
    world.publish_with("a", "3", keyed("x")).await;
    assert_eq!(payloads(&world.drain().await), ["2"]);
}
