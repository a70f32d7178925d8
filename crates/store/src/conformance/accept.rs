//! Accepting events: one commit, all or nothing, and what an idempotency key is worth.

use std::collections::HashMap;
use std::sync::Arc;

use posthouse_types::limits::{BATCH_EVENTS_MAX, PAYLOAD_BYTES_MAX};
use posthouse_types::{DeliveryState, EventRef};

use super::build::{DAY_S, World, at, first, idempotency, ok, session, text};
use crate::{
    Acceptance, AcceptedEvent, ClaimDue, DeliveryFilter, EventFilter, Idempotency, SessionRecord, Store,
};

/// What is accepted can be read at once, and its deliveries be claimed at once.
pub async fn accepted_is_readable_and_claimable(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let draft = world.draft("order.paid").to(one).to(two);
    let event = draft.event.clone();
    let ids = world.accept(vec![draft]).await;

    let read = ok(store.event(world.space, &EventRef::Internal(event.id)).await);
    assert_eq!(read.as_ref(), Some(&event), "the event reads back as it was accepted");
    for (id, endpoint) in ids.iter().zip([one, two]) {
        let delivery = world.delivery(*id).await;
        assert_eq!(delivery.event_id, event.id, "the delivery knows its event");
        assert_eq!(delivery.event_ref, EventRef::Internal(event.id), "an unnamed event goes by our id");
        assert_eq!(delivery.event_type, event.event_type, "the delivery knows the type");
        assert_eq!(delivery.endpoint_id, endpoint, "the delivery knows its endpoint");
        assert_eq!(delivery.state, DeliveryState::Pending, "nothing was sent yet");
        assert_eq!(delivery.attempts, 0, "nothing was sent yet");
        assert_eq!(delivery.next_attempt_at, Some(event.created_at), "it is due when the event was accepted");
        assert_eq!(delivery.created_at, event.created_at, "it is as old as its event");
        assert_eq!(delivery.finished_at, None, "it has not ended");
        assert_eq!(world.attempts(*id).await, [], "no attempt was made");
    }
    let claim = world.claim(event.created_at).await;
    assert_eq!(claim.deliveries.len(), 2, "both deliveries are due");
    for claimed in claim.deliveries {
        assert!(ids.contains(&claimed.id), "only what was accepted is claimed");
        assert_eq!((claimed.attempt, claimed.attempt_of_policy), (1, 1), "it is the first attempt");
        assert_eq!(*claimed.event, event, "a claim carries the event to send");
    }
}

/// Every field of an event reads back, and its delivery goes by the publisher's id.
pub async fn event_fields_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let mut draft =
        world.draft_at("a.b-c.d_e", at(7)).named("order-17_x").of_session("ses~!{1}").to(endpoint);
    draft.event.project = Some(world.project().await);
    draft.event.ordering_key = Some(text("Käse & Brot"));
    draft.event.occurred_at = Some(at(-3));
    let event = draft.event.clone();
    let ids = world.accept(vec![draft]).await;
    let read = ok(store.event(world.space, &EventRef::Internal(event.id)).await);
    assert_eq!(read.as_ref(), Some(&event), "read by id");
    let listed = ok(store.events(world.space, EventFilter::default(), first(10)).await).items;
    assert_eq!(listed, std::slice::from_ref(&event), "read from the list");
    let followed = ok(store.events_after(world.space, posthouse_types::EventId::MIN, 10).await);
    assert_eq!(followed, std::slice::from_ref(&event), "read in order of acceptance");
    let delivery = world.delivery(ids[0]).await;
    assert_eq!(delivery.event_ref, event.public_id(), "the delivery shows the publisher's id");
    assert_eq!(delivery.event_id, event.id, "and knows ours");
    assert_eq!(*world.claim_one(at(7)).await.event, event, "read by a claim");
}

/// A publish without events is accepted and may be repeated.
pub async fn accept_of_nothing(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    assert_eq!(world.publish(vec![], None).await, Acceptance::New);
    assert_eq!(world.publish(vec![], idempotency("k", 1, at(DAY_S))).await, Acceptance::New);
    let again = world.publish(vec![], idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(again, Acceptance::Replayed(vec![]), "the empty answer is remembered");
    assert_eq!(world.event_ids().await, [], "nothing was written");
}

/// One taken id undoes the whole publish: no event, delivery, session or idempotency record stays.
pub async fn batch_is_all_or_nothing(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let taken = world.draft("t").named("taken");
    let taken_id = taken.event.id;
    world.accept(vec![taken]).await;

    let batch = vec![
        world.draft("t").named("free").of_session("ses-new").to(endpoint),
        world.draft("t").to(endpoint),
        world.draft("t").named("taken").to(endpoint),
        world.draft("t").to(endpoint),
    ];
    let answer = world.publish(batch, idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(answer, Acceptance::DuplicateId(2), "the index names the culprit");
    assert_eq!(world.event_ids().await, [taken_id], "no event was written");
    let deliveries = ok(store.deliveries(world.space, DeliveryFilter::default(), first(10)).await);
    assert_eq!(deliveries.items, [], "no delivery was written");
    assert!(world.claim(at(1)).await.deliveries.is_empty(), "nothing can be claimed");
    let session = ok(store.session(world.space, &text("ses-new")).await);
    assert_eq!(session, None, "no session was registered");
    let free = ok(store.event(world.space, &EventRef::External(text("free"))).await);
    assert_eq!(free, None, "an id of a refused batch stays free");
    let retried = world.publish(vec![world.draft("t").named("free")], idempotency("k", 2, at(DAY_S))).await;
    assert_eq!(retried, Acceptance::New, "no idempotency record was written");
}

/// An id that a batch itself uses twice is taken the second time.
pub async fn duplicate_id_within_one_batch(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let batch = ["x", "y", "x"]
        .into_iter()
        .map(|name| world.draft("t").named(name))
        .chain([world.draft("t")])
        .collect();
    assert_eq!(world.publish(batch, None).await, Acceptance::DuplicateId(2));
    assert_eq!(world.event_ids().await, [], "nothing was written");
}

/// Publishers that race for an id: one gets it, the others are told.
pub async fn duplicate_id_under_concurrency(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.publish(vec![world.draft("t").named("x")], None).await })
        })
        .collect();
    let mut new = 0;
    for racer in racers {
        match racer.await.expect("a publisher does not panic") {
            Acceptance::New => new += 1,
            other => assert_eq!(other, Acceptance::DuplicateId(0), "the loser is told which event"),
        }
    }
    assert_eq!(new, 1, "one publisher gets the id");
    assert_eq!(world.event_ids().await.len(), 1, "one event was written");
}

/// The same request again gets the first answer again and writes nothing, taken ids notwithstanding.
pub async fn idempotency_replays_the_first_answer(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let request = || vec![world.draft("a").named("mine").to(endpoint), world.draft("b")];
    let drafts = request();
    let answer: Vec<_> = drafts.iter().map(|draft| AcceptedEvent::of(&draft.clone().build())).collect();
    assert_eq!(world.publish(drafts, idempotency("k", 1, at(DAY_S))).await, Acceptance::New);
    for _ in 0..2 {
        let again = world.publish(request(), idempotency("k", 1, at(DAY_S + 1))).await;
        assert_eq!(
            again,
            Acceptance::Replayed(answer.clone()),
            "the first answer, in order, with its counts"
        );
    }
    assert_eq!(world.event_ids().await.len(), 2, "a repeat writes no events");
    assert_eq!(world.claim_ids(at(1)).await.len(), 1, "a repeat queues nothing");
}

/// Another request under a used key is refused and leaves no trace.
pub async fn idempotency_refuses_another_request(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let event = |name| vec![world.draft("t").named(name)];
    assert_eq!(world.publish(event("one"), idempotency("k", 1, at(DAY_S))).await, Acceptance::New);
    assert_eq!(world.publish(event("two"), idempotency("k", 2, at(DAY_S))).await, Acceptance::KeyReused);
    assert_eq!(world.event_ids().await.len(), 1, "the refused request wrote nothing");
    assert_eq!(world.publish(event("two"), idempotency("l", 2, at(DAY_S))).await, Acceptance::New);
    let first = world.publish(event("one"), idempotency("k", 1, at(DAY_S))).await;
    assert!(matches!(first, Acceptance::Replayed(_)), "the first request is still answered: {first:?}");
}

/// Keys, external ids and sessions of one space mean nothing in another, of another tenant or environment.
pub async fn names_are_per_space(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    for world in [world.test_space(), World::new(&store).await, world] {
        let draft = world.draft("t").named("same").of_session("ses");
        let id = draft.event.id;
        let answer = world.publish(vec![draft], idempotency("k", 1, at(DAY_S))).await;
        assert_eq!(answer, Acceptance::New, "the names are free in {:?}", world.space);
        let read = ok(store.event(world.space, &EventRef::External(text("same"))).await);
        assert_eq!(read.map(|event| event.id), Some(id), "each space finds its own");
    }
}

/// Sixteen equal requests at once: one is new, the others get its answer.
pub async fn idempotency_under_concurrency(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let racers: Vec<_> = (0..16)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                world.publish(vec![world.draft("t")], idempotency("k", 1, at(DAY_S))).await
            })
        })
        .collect();
    let (mut new, mut replays) = (0, Vec::new());
    for racer in racers {
        match racer.await.expect("a publisher does not panic") {
            Acceptance::New => new += 1,
            Acceptance::Replayed(answer) => replays.push(answer),
            other => panic!("an equal request is never {other:?}"),
        }
    }
    assert_eq!((new, replays.len()), (1, 15), "one is new, the others are replays");
    let ids = world.event_ids().await;
    assert_eq!(ids.len(), 1, "one event was written");
    for answer in replays {
        assert_eq!(answer.len(), 1, "the answer names one event");
        assert_eq!(answer[0].id, ids[0].to_string(), "everyone is told of the event that was written");
    }
}

/// Payloads are bytes: never parsed, normalised or cut.
pub async fn payload_bytes_are_kept(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let large = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 2));
    let payloads = [
        "null",
        " {\t\"a\" : 1 ,\r\n \"a\":2 }\n",
        r#"{"z":1,"a":[1e400,-0,1.0,1.10,12345678901234567890123]}"#,
        r#"{"k":"\u0000\u00e9\/ é 日本 🐎 \ud83d\ude00 '; -- %s $1 ?1"}"#,
        large.as_str(),
    ];
    let drafts: Vec<_> = payloads
        .iter()
        .map(|payload| world.draft("t").with_payload((*payload).to_owned()).to(endpoint))
        .collect();
    let ids: Vec<_> = drafts.iter().map(|draft| draft.event.id).collect();
    world.accept(drafts).await;
    let claimed: HashMap<_, _> = world
        .claim(at(1))
        .await
        .deliveries
        .into_iter()
        .map(|claimed| (claimed.event.id, claimed.event))
        .collect();
    for (id, payload) in ids.iter().zip(payloads) {
        let shown: String = payload.chars().take(40).collect();
        let read = ok(store.event(world.space, &EventRef::Internal(*id)).await).expect("the event exists");
        assert!(read.payload == payload.as_bytes(), "reads back other bytes: {shown}");
        let sent = &claimed.get(id).expect("the delivery is due").payload;
        assert!(*sent == payload.as_bytes(), "would send other bytes: {shown}");
    }
}

/// The largest batch there may be, to several endpoints, is one accept, one claim and one settle.
pub async fn a_full_batch_passes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.endpoint().await, world.endpoint().await);
    let drafts: Vec<_> = (0..BATCH_EVENTS_MAX).map(|_| world.draft("t").to(one).to(two)).collect();
    let count = world.accept(drafts).await.len();
    assert_eq!(count, 2 * BATCH_EVENTS_MAX);
    let claim = ClaimDue { now: at(1), limit: count, per_endpoint: count, room: HashMap::new() };
    let claim = ok(store.claim_due(claim).await);
    assert_eq!(claim.deliveries.len(), count, "everything is claimed");
    assert_eq!(claim.next_due, None, "nothing is left");
    let settlements = claim
        .deliveries
        .iter()
        .map(|claimed| super::build::settlement(claimed, at(2), crate::Next::Succeeded))
        .collect();
    world.settle_all(settlements).await;
    let pending = DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
    let pending = ok(store.deliveries(world.space, pending, first(10)).await);
    assert_eq!(pending.items, [], "everything is settled");
}

/// A key of one project is none of another, nor of callers that are not limited to a project.
pub async fn idempotency_is_per_project(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let projects = [None, Some(world.project().await), Some(world.project().await)];
    let of = |project, fingerprint| {
        idempotency("k", fingerprint, at(DAY_S)).map(|record| Idempotency { project, ..record })
    };
    let key = text("k");
    let mut answers = Vec::new();
    for (fingerprint, project) in (1..).zip(projects) {
        let before = ok(store.answered(world.space, project, &key).await);
        assert_eq!(before, None, "nothing was answered yet under {project:?}");
        let draft = world.draft("t");
        answers.push(vec![AcceptedEvent::of(&draft.clone().build())]);
        assert_eq!(world.publish(vec![draft], of(project, fingerprint)).await, Acceptance::New);
    }
    for ((fingerprint, project), answer) in (1..).zip(projects).zip(answers) {
        let answered = ok(store.answered(world.space, project, &key).await);
        assert_eq!(answered, Some(([fingerprint; 32], answer.clone())), "each has its own answer");
        let again = world.publish(vec![world.draft("t")], of(project, fingerprint)).await;
        assert_eq!(again, Acceptance::Replayed(answer), "and gets it again");
        assert_eq!(world.publish(vec![], of(project, 9)).await, Acceptance::KeyReused);
    }
    assert_eq!(ok(store.answered(world.space, None, &text("l")).await), None, "no such key");
    assert_eq!(ok(store.answered(world.test_space().space, None, &key).await), None, "nor in another space");
}

/// An event with a project does not get into a session of another; without one, or to a session without one,
/// it does.
pub async fn a_session_keeps_its_project(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.project().await, world.project().await);
    let endpoint = world.endpoint().await;
    ok(store.insert_session(SessionRecord { project: Some(one), ..session(world.space, "mine") }).await);
    ok(store.insert_session(session(world.space, "free")).await);
    let fitting = vec![
        world.draft("t").of_project(one).of_session("mine"),
        world.draft("t").of_session("mine"),
        world.draft("t").of_project(one).of_session("free"),
        world.draft("t").of_project(two).of_session("free"),
        world.draft("t").of_project(two),
    ];
    world.accept(fitting).await;
    let refused = vec![
        world.draft("t").of_project(two).of_session("new").to(endpoint),
        world.draft("t").of_project(two).of_session("mine").to(endpoint),
    ];
    let answer = world.publish(refused, idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(answer, Acceptance::SessionOfAnotherProject(1), "the index names the culprit");
    assert_eq!(world.event_ids().await.len(), 5, "no event was written");
    assert_eq!(world.claim_ids(at(1)).await, [], "no delivery was written");
    assert_eq!(ok(store.session(world.space, &text("new")).await), None, "no session was registered");
    assert_eq!(ok(store.answered(world.space, None, &text("k")).await), None, "no answer was kept");
    let other = world.test_space();
    other.accept(vec![other.draft("t").of_project(two).of_session("mine")]).await;
}

/// The first event that names a session decides whose it is, also for those in the same batch.
pub async fn sessions_within_one_batch(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.project().await, world.project().await);
    let named = |session| world.draft("t").of_session(session);
    let batch = vec![named("s").of_project(one), named("s"), named("s").of_project(two)];
    assert_eq!(world.publish(batch, None).await, Acceptance::SessionOfAnotherProject(2));
    let batch = vec![named("s"), named("s").of_project(one), named("s").of_project(two)];
    assert_eq!(world.publish(batch, None).await, Acceptance::New, "the session has no project");
}
