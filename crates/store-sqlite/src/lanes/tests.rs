use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use posthouse_store::{ClaimDue, Claimed};
use posthouse_types::{DeliveryId, EndpointId, Environment, Event, EventId, Space, TenantId, Timestamp};

use super::{Bounds, Effects, FORGET_DELETED_AFTER, Lanes};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn endpoint(number: u128) -> EndpointId {
    EndpointId::from_u128(number)
}

fn fresh(endpoint: EndpointId, id: u128, bytes: usize) -> Claimed {
    let event = Event {
        id: EventId::from_u128(id),
        external_id: None,
        space: Space { tenant: TenantId::from_u128(1), environment: Environment::Live },
        project: None,
        session: None,
        event_type: "t".parse().unwrap(),
        payload: Bytes::from(vec![b'1'; bytes]),
        ordering_key: None,
        occurred_at: None,
        created_at: NOW,
    };
    let id = DeliveryId::from_u128(id);
    Claimed { id, endpoint, attempt: 1, attempt_of_policy: 1, event: Arc::new(event) }
}

fn accept(lanes: &mut Lanes, fresh: Vec<Claimed>) {
    lanes.apply(&mut Effects { fresh, ..Effects::default() });
}

fn claim(lanes: &mut Lanes, room: HashMap<EndpointId, usize>) -> usize {
    let ask = ClaimDue { now: NOW, limit: 100, per_endpoint: 100, room };
    let mut taking = lanes.begin(&ask);
    lanes.take(&mut taking);
    taking.claim.deliveries.len()
}

#[test]
fn a_backlog_of_large_payloads_leaves_room_for_others() {
    let bounds = Bounds { lane_entries: 1000, entries: 10_000, bytes: 1000 };
    let mut lanes = Lanes::new(bounds);
    accept(&mut lanes, (1..=20).map(|id| fresh(endpoint(1), id, 100)).collect());
    assert_eq!(lanes.bytes, 500, "one lane takes half");
    accept(&mut lanes, (21..=40).map(|id| fresh(endpoint(2), id, 20)).collect());
    assert_eq!(lanes.bytes, 580, "the next ends with the delivery that reaches a sixteenth");
    accept(&mut lanes, vec![fresh(endpoint(3), 41, 100)]);
    assert_eq!(claim(&mut lanes, HashMap::from([(endpoint(1), 0), (endpoint(2), 0)])), 1);
    assert_eq!(claim(&mut lanes, HashMap::new()), 9);
    assert_eq!((lanes.bytes, lanes.entries), (0, 0), "what is claimed counts no more");
}

#[test]
fn lanes_without_room_are_put_aside() {
    let mut lanes = Lanes::new(Bounds::default());
    let off: HashMap<_, _> = (1..=100).map(|number| (endpoint(number), 0)).collect();
    accept(&mut lanes, (1..=100).map(|number| fresh(endpoint(number), number, 1)).collect());
    assert_eq!(claim(&mut lanes, off.clone()), 0);
    assert_eq!((lanes.ring.len(), lanes.parked.len()), (0, 100), "claims do not visit them any more");
    accept(&mut lanes, vec![fresh(endpoint(1), 101, 1)]);
    assert_eq!((claim(&mut lanes, off.clone()), lanes.ring.len()), (0, 0), "nor for what is new");
    let mut but_one = off;
    but_one.remove(&endpoint(1));
    assert_eq!((claim(&mut lanes, but_one), lanes.parked.len()), (2, 99), "one has room again");
    assert_eq!((claim(&mut lanes, HashMap::new()), lanes.parked.len()), (99, 0), "all have");
}

#[test]
fn deleted_endpoints_are_forgotten_when_nothing_comes() {
    let mut lanes = Lanes::new(Bounds::default());
    let (idle, busy) = (endpoint(1), endpoint(2));
    accept(&mut lanes, vec![fresh(busy, 1, 1)]);
    assert_eq!(claim(&mut lanes, HashMap::new()), 1);
    lanes.apply(&mut Effects { deleted: vec![idle, busy], ..Effects::default() });
    assert_eq!(lanes.orphans(NOW), [busy], "its delivery is claimed");
    let later = NOW.plus(FORGET_DELETED_AFTER);
    assert_eq!(lanes.orphans(later), [busy], "still");
    assert_eq!(lanes.deleted.len(), 1, "the idle one is forgotten");
    lanes.apply(&mut Effects { settled: vec![DeliveryId::from_u128(1)], ..Effects::default() });
    accept(&mut lanes, vec![]);
    lanes.apply(&mut Effects { cancelled: vec![busy], ..Effects::default() });
    assert_eq!(lanes.orphans(later), []);
    assert_eq!(lanes.orphans(later.plus(FORGET_DELETED_AFTER)), []);
    assert!(lanes.deleted.is_empty() && lanes.by_endpoint.is_empty() && lanes.held.is_empty());
}

#[test]
fn an_accept_behind_a_cancel_in_one_group_is_not_forgotten() {
    let mut lanes = Lanes::new(Bounds::default());
    lanes.apply(&mut Effects { deleted: vec![endpoint(1)], ..Effects::default() });
    let group =
        Effects { cancelled: vec![endpoint(1)], fresh: vec![fresh(endpoint(1), 1, 1)], ..Effects::default() };
    lanes.apply(&mut { group });
    assert_eq!(lanes.orphans(NOW), [endpoint(1)], "it is looked at again");
    assert_eq!(claim(&mut lanes, HashMap::new()), 0);
}
